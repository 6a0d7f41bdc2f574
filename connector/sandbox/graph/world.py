"""What a sandbox Graph API knows. Everything may be changed while it runs."""

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

MANAGEMENT: Final = "whatsapp_business_management"
MESSAGING: Final = "whatsapp_business_messaging"

Version = Annotated[str, Field(pattern=r"^v\d+\.\d+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Subscription(_Part):
    """What an app wants to hear of one kind of object, and where."""

    callback_url: str
    object: str = "whatsapp_business_account"
    active: bool = True
    fields: list[str] = ["messages"]
    version: Version = "v25.0"
    """The version of the payloads."""


class App(_Part):
    """One app of Meta's dashboard."""

    id: str
    name: str
    secret: str
    subscriptions: list[Subscription] = []


class Account(_Part):
    """A WhatsApp Business account."""

    id: str
    name: str = "Conta"
    subscribed: dict[str, str | None] = {}
    """The apps that hear it, by id, each with the address that overrides its own for messages."""


class Number(_Part):
    """One of an account's phone numbers."""

    id: str
    account: str
    display_phone_number: str = "+55 11 5550-0001"
    verified_name: str = "Oficina"
    quality_rating: str = "GREEN"
    status: str = "CONNECTED"
    platform_type: str = "CLOUD_API"
    throughput: str = "STANDARD"
    messaging_limit: str = "TIER_2K"
    override_callback_uri: str | None = None


class Token(_Part):
    """An access token of a system user."""

    token: str
    app: str
    """Whose it is, by id."""
    scopes: list[str] = [MANAGEMENT, MESSAGING]
    accounts: list[str] | None = None
    """What it was assigned, by id; ``None`` for everything."""
    expires_at: int = 0
    """In epoch seconds; 0 for never."""
    revoked: bool = False


_Known = TypeVar("_Known", App, Account, Number)


class World(_Part):
    """All that one sandbox holds."""

    apps: list[App] = []
    accounts: list[Account] = []
    numbers: list[Number] = []
    tokens: list[Token] = []
    oldest_version: Version = "v21.0"
    """What a call to a version that has ended is answered as."""
    newest_version: Version = "v26.0"

    def app(self, app_id: str) -> App | None:
        """Return an app by its id."""
        return _find(self.apps, app_id)

    def account(self, account_id: str) -> Account | None:
        """Return an account by its id."""
        return _find(self.accounts, account_id)

    def number(self, number_id: str) -> Number | None:
        """Return a number by its id."""
        return _find(self.numbers, number_id)

    def token(self, text: str) -> Token | None:
        """Return a token by its text."""
        return next((each for each in self.tokens if each.token == text), None)


def _find(several: Sequence[_Known], wanted: str) -> _Known | None:
    return next((each for each in several if each.id == wanted), None)
