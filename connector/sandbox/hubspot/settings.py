"""The knobs of a sandbox HubSpot portal."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0)]
Calls = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """How this portal behaves. Every value may be changed while it runs."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    portal_id: int = 48015316
    account_type: Literal["STANDARD", "DEVELOPER_TEST", "SANDBOX", "APP_DEVELOPER"] = (
        "DEVELOPER_TEST"
    )
    time_zone: str = "America/Sao_Paulo"
    country: str = "BR"
    """How a phone without a country code is read."""

    burst_limit: Calls = 100
    """Calls of one static token in any ``burst_seconds``."""
    oauth_burst_limit: Calls = 110
    burst_seconds: Seconds = 10.0
    daily_limit: Calls = 250_000
    """Calls of all static tokens together between two midnights of ``time_zone``."""
    search_limit: Calls = 5
    """Searches in any second, of the whole account, counted apart."""

    index_lag: Seconds = 1.0
    """Seconds until a search sees a write."""
    latency: Seconds = 0.0
    """Seconds that every answer takes at least."""

    refuse_unique_on: tuple[str, ...] = ()
    """Object types for which the portal creates no unique property."""
    required_properties: dict[str, tuple[str, ...]] = {}
    """Properties an admin requires on creation, by object type: 2026-09 enforces them."""
    whatsapp_phone_read_only: bool = False
    unique_clash_status: Literal[400, 409] = 409
    """Which of the two documented answers a taken unique value gets."""
    merge_keeps_primary_id: bool = False
    """The beta in which a merge makes no new record."""
    full_form: bool = True
    """Refuse a search or a creation that leaves out keys which the specification requires."""
    nested_errors: bool = False
    """Whether the errors of a 207 carry ``errors`` themselves; the documented example does not."""
    shuffle: bool = True
    """Whether results of a batch come in another order than its inputs."""
    association_page: Annotated[int, Field(ge=1)] = 500
    """Links of one record that one answer of an association read carries."""
    oauth_seconds: Seconds = 1800.0
    """Life of an access token."""
    rotate_refresh_tokens: bool = False
