"""What an admin can set: a class for each table of ``config.toml``, an attribute for each key.

Names, defaults and meanings are those of ``config.example.toml``, which a test compares with
these classes. Times are ``timedelta``, sizes bytes, paths absolute. Everything is read-only.
"""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from connector.config.addresses import (
    HostPattern,
    PrivateNetwork,
    check_url,
    is_loopback,
)
from connector.config.paths import FilePath, LedgerUrl, MappingReference
from connector.config.secret import Secret, TextOrSecret, reveal
from connector.config.section import Name, Section, complain
from connector.config.units import (
    Cron,
    Duration,
    Rate,
    Retention,
    Seconds,
    Size,
    TimeZone,
    Wait,
    parse_duration,
    parse_size,
)
from connector.config.whatsapp import WhatsappSettings
from connector.model.identity import classify

_LARGEST_WEBHOOK: Final = 3 * 1024 * 1024
"""Meta sends bodies of up to 3 MB; one refused for its size would be sent again for days."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""0 lets the system choose a free one."""


def _check_webhook_path(path: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
        raise complain("is not a path", expected='a path such as "/webhooks/whatsapp"')
    if path.startswith("/replies/"):
        raise complain("is kept for replies from CRMs", expected="any other path")
    return path


def _check_person(value: str) -> str:
    """Return a phone's digits or a user id verbatim, as ``connector.model.identity`` reads them."""
    found = classify(value)
    if found is None:
        raise complain(
            "is neither a phone number nor a user id",
            expected='such as "+55 11 91234-5678" or "BR.1349…"',
        )
    return found[1]


WebhookPath = Annotated[str, AfterValidator(_check_webhook_path)]
Person = Annotated[str, AfterValidator(_check_person)]
"""A phone as digits, or a user id."""


class LedgerSettings(Section):
    """Where the ledger is."""

    url: LedgerUrl = "sqlite:///connector.db"
    min_free: Size = parse_size("512MiB")


class WebhookSettings(Section):
    """The public listener."""

    host: Name = "127.0.0.1"
    port: Port = 8080
    path: WebhookPath = "/webhooks/whatsapp"
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=_LARGEST_WEBHOOK)


class AdminSettings(Section):
    """The private listener."""

    host: Name = "127.0.0.1"
    port: Port = 9090
    token: Secret | None = None

    @field_validator("token")
    @classmethod
    def _require_token(cls, token: Secret | None, info: ValidationInfo) -> Secret | None:
        host = info.data.get("host")
        if token is None and host is not None and not is_loopback(host):
            raise complain(
                "is required, because [admin] host can be reached from other machines",
                expected='{ env = "CONNECTOR_ADMIN_TOKEN" }',
            )
        return token


class Brake(Section):
    """When a sweep stops instead of repairing: it would change more than the larger of both."""

    records: int = Field(default=20, ge=0)
    share: float = Field(default=0.05, ge=0, le=1, allow_inf_nan=False)


Repair = Literal["restore", "report", "never"]
OnDeleted = Literal["new_inbound", "never", "always"]


class ReconcileSettings(Section):
    """What a sweep reads back and may repair."""

    window: Duration = parse_duration("24h")
    repair: Repair = "restore"
    on_deleted: OnDeleted = "new_inbound"
    restore_messages: bool = False
    heal: bool = True
    brake: Brake = Field(default_factory=Brake)


class ReconcileOverrides(Section):
    """What one destination does differently; ``None`` where it follows ``[reconcile]``."""

    window: Duration | None = None
    repair: Repair | None = None
    on_deleted: OnDeleted | None = None
    restore_messages: bool | None = None
    heal: bool | None = None
    brake: Brake | None = None


class OAuth(Section):
    """Credentials that are exchanged for an access token."""

    client_id: TextOrSecret = Field(description='a text, or { env = "NAME" }')
    client_secret: Secret = Field(description='{ env = "NAME" }')
    refresh_token: Secret | None = None
    token_url: TextOrSecret | None = None


class DestinationSettings(Section):
    """One CRM account. An adapter's settings add keys, and defaults for what is ``None``."""

    needs_token: ClassVar[bool] = False
    """Whether an adapter can do nothing without ``token`` or ``oauth``."""
    needs_refresh_token: ClassVar[bool] = True
    """Whether OAuth starts from a refresh token, rather than from the client's own credentials."""

    adapter: str = Field(description='the kind of CRM, such as "hubspot"')
    mapping: MappingReference = None
    allow_http: bool = False
    base_url: TextOrSecret | None = None
    oauth: OAuth | None = None
    token: Secret | None = None
    username: TextOrSecret | None = None
    password: Secret | None = None
    numbers: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    batch_wait: Wait | None = None
    rate: Rate | None = None
    daily_tokens: Annotated[int, Field(gt=0)] | None = None
    allow_networks: Annotated[tuple[PrivateNetwork, ...], Field(strict=False)] = ()
    reconcile: ReconcileOverrides | None = None

    @field_validator("base_url")
    @classmethod
    def _check_base_url(
        cls, value: str | Secret | None, info: ValidationInfo
    ) -> str | Secret | None:
        if value is None:
            return None
        url = check_url(reveal(value), allow_http=info.data.get("allow_http", False))
        return url if isinstance(value, str) else value

    @field_validator("oauth")
    @classmethod
    def _check_token_url(cls, oauth: OAuth | None, info: ValidationInfo) -> OAuth | None:
        if oauth is not None and oauth.refresh_token is None and cls.needs_refresh_token:
            raise complain("is missing", key=("refresh_token",), expected='{ env = "NAME" }')
        if oauth is not None and oauth.token_url is not None:
            check_url(reveal(oauth.token_url), allow_http=info.data.get("allow_http", False))
        return oauth

    @field_validator("token")
    @classmethod
    def _want_one_credential(cls, token: Secret | None, info: ValidationInfo) -> Secret | None:
        if "oauth" in info.data:  # else it is wrong itself, which is told already
            both = token is not None and info.data["oauth"] is not None
            neither = token is None and info.data["oauth"] is None
            if both:
                raise complain("stands beside oauth", expected="either token or oauth")
            if neither and cls.needs_token:
                raise complain("is required", expected='{ env = "NAME" }, or oauth')
        return token


class MediaSettings(Section):
    """Copies of pictures, voice notes and documents."""

    download: bool = True
    directory: FilePath = Path("media")
    hosts: Annotated[tuple[HostPattern, ...], Field(strict=False)] = (
        "lookaside.fbsbx.com",
        "*.fbcdn.net",
    )


class PrivacySettings(Section):
    """What is masked, kept and left alone."""

    mask: Annotated[tuple[Literal["cpf", "cnpj", "card"], ...], Field(strict=False)] = (
        "cpf",
        "cnpj",
        "card",
    )
    retention: Retention = parse_duration("365d")
    block: Annotated[tuple[Person, ...], Field(strict=False)] = ()


class ScheduleSettings(Section):
    """When jobs run; ``None`` is never."""

    timezone: TimeZone = Field(default_factory=lambda: ZoneInfo("America/Sao_Paulo"))
    reconcile: Cron = "*/15 * * * *"
    retention: Cron = "30 3 * * *"
    check: Cron = "0 * * * *"


class AlertSettings(Section):
    """Who is told, and when something is worth telling."""

    webhook: Secret | None = None
    secret: Secret | None = None
    sync_lag: Duration = parse_duration("5m")
    dead_letters: int = Field(default=1, ge=1)
    silence: Duration = parse_duration("6h")

    @field_validator("webhook")
    @classmethod
    def _check_address(cls, webhook: Secret | None) -> Secret | None:
        if webhook is not None:
            check_url(webhook.reveal(), with_query=True)
        return webhook


class TuningSettings(Section):
    """Every wait of the delivery machine, in seconds."""

    request_timeout: Seconds = 30.0
    send_gate: Seconds = 2.0
    quiet_period: Seconds = 120.0
    verify_gap: Seconds = 5.0
    lease: Seconds = 90.0
    backoff_min: Seconds = 2.0
    backoff_max: Seconds = 900.0
    breaker_min: Seconds = 30.0
    breaker_max: Seconds = 120.0
    probe: Seconds = 60.0
    drain: Seconds = 30.0
    max_event_age: Seconds = 2_592_000.0

    @field_validator("lease")
    @classmethod
    def _outlast_two_requests(cls, lease: float, info: ValidationInfo) -> float:
        if {"request_timeout", "send_gate"} <= info.data.keys():
            least = 2 * (info.data["request_timeout"] + info.data["send_gate"])
            if lease < least:
                raise complain(
                    "could run out while a request is under way",
                    expected=f"at least {least:g}, which is 2 x (request_timeout + send_gate)",
                )
        return lease

    @field_validator("backoff_max", "breaker_max")
    @classmethod
    def _reach_the_minimum(cls, most: float, info: ValidationInfo) -> float:
        minimum = f"{str(info.field_name).removesuffix('_max')}_min"
        least = info.data.get(minimum)
        if least is not None and most < least:
            raise complain(f"is less than {minimum}", expected=f"at least {least:g}")
        return most


class LogSettings(Section):
    """What goes to stderr."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section):
    """A whole configuration, valid as far as one can tell without calling anybody."""

    file: Path
    """Where it was read, absolute."""
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    webhook: WebhookSettings = Field(default_factory=WebhookSettings)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    whatsapp: WhatsappSettings = Field(description="the table [whatsapp]")
    destinations: dict[str, DestinationSettings] = Field(
        description="at least one table such as [destinations.hubspot]"
    )
    media: MediaSettings = Field(default_factory=MediaSettings)
    privacy: PrivacySettings = Field(default_factory=PrivacySettings)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    reconcile: ReconcileSettings = Field(default_factory=ReconcileSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    tuning: TuningSettings = Field(default_factory=TuningSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    @property
    def folder(self) -> Path:
        """Where relative paths of this configuration start."""
        return self.file.parent

    def reconcile_for(self, destination: str) -> ReconcileSettings:
        """Return ``[reconcile]`` as one destination overrides it."""
        overrides = self.destinations[destination].reconcile
        if overrides is None:
            return self.reconcile
        return self.reconcile.model_copy(
            update={key: value for key, value in overrides if value is not None}
        )
