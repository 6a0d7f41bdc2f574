"""The knobs of a sandbox REST CRM."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """How this CRM behaves. Every value may be changed while it runs."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    name: str = "Sandbox REST CRM"
    time_zone: str = "America/Sao_Paulo"
    """For the page."""
    rate_limit: Count = 200
    """Calls of one token in any ``rate_seconds``."""
    rate_seconds: Seconds = 1.0
    index_lag: Seconds = 1.0
    """Seconds until a search by phone sees a record."""
    list_lag: Seconds = 0.0
    """The same for lists by reference or contact: above 0 they are an index, too."""
    latency: Seconds = 0.0
    unique_refs: bool = False
    """Whether a POST with a reference that is there is answered 409 with the record's id."""
    idempotency_seconds: Seconds = 86_400.0
    """For how long an answer is remembered by its idempotency key."""
    text_limit: Count = 65_535
    """Characters of one field."""
    oauth_seconds: Seconds = 3_600.0
    rotate_refresh_tokens: bool = False
