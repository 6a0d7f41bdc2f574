"""The knobs of a sandbox Pipedrive company."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Gone = Literal["404", "410", "flag"]
"""How something that is gone answers: a status, or 200 with ``is_deleted``."""


class Settings(BaseModel):
    """How this company behaves. Every value may be changed while it runs."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    company_id: int = 12053871
    company_name: str = "Sandbox Ltda"
    company_domain: str = "sandbox-ltda"
    currency: str = "BRL"
    time_zone: str = "America/Sao_Paulo"
    """Where the day of the token budget turns, and what the page shows."""

    burst_limit: Count = 20
    """Calls of one API token in any ``burst_seconds``; 20 is the smallest plan's."""
    oauth_burst_limit: Count = 80
    search_limit: Count = 10
    """Searches in any ``burst_seconds``, counted apart."""
    burst_seconds: Seconds = 2.0
    daily_tokens: Count = 30_000
    """The company's budget between two midnights of ``time_zone``."""
    daily_headers: bool = True
    """Whether answers carry ``x-daily-ratelimit-token-*``, which nobody documents."""
    burst_headers: bool = True
    lockout_after: Count = 40
    """Refusals for the rate within ten seconds after which an API token meets a page that says it
    is blocked; 0 for never."""
    lockout_seconds: Seconds = 10.0

    index_lag: Seconds = 3.0
    """Seconds until a search sees a write. Lists see it at once."""
    latency: Seconds = 0.0
    """Seconds that every answer takes at least."""

    deleted_person: Gone = "404"
    """How a deleted person answers. Not documented."""
    merged_person: Gone = "404"
    """How a person that a merge removed answers. Not documented."""
    subject_limit: Count = 255
    note_limit: Count = 65_535
    """Characters of an activity's note or a note's content. Not documented."""
    oauth_seconds: Seconds = 3599.0
    """Life of an access token."""
    rotate_refresh_tokens: bool = False
    """The documentation says that a refresh token stays the same."""
