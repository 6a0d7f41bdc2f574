"""Where people see a record in its CRM: the link that a story gives."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from connector.config.models import Config
from connector.crm.settings import AdapterSettings
from connector.ledger.accounts import account_urls


@dataclass(frozen=True, slots=True)
class Places:
    """Knows each destination's CRM, and the address of its account where that was ever told."""

    config: Config
    accounts: Mapping[str, str]

    @classmethod
    def of(cls, connection: Connection, config: Config) -> "Places":
        """Take the addresses from the ledger; ``connector check`` puts them there."""
        return cls(config, account_urls(connection))

    def url(
        self, destination: str, record: str, crm_id: str | None, *, contact: str | None = None
    ) -> str | None:
        """Return the page of a record, ``contact`` being that of its contact; ``None`` if unknown.

        ``record`` is ``contact``, ``message`` or ``conversation``.
        """
        settings = self.config.destinations.get(destination)
        if crm_id is None or not isinstance(settings, AdapterSettings):
            return None
        return settings.record_url(
            record, crm_id, contact=contact, account=self.accounts.get(destination)
        )
