"""A dashboard on a real ledger, as the daemon puts it together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector.config.load import load_config
from connector.config.models import Config
from connector.crm.registry import settings_models
from connector.ledger.ledger import Ledger
from connector.ledger.space import DiskSpace
from connector.runtime.desk import LedgerDesk
from connector.runtime.status import status_of
from connector.web.dashboard.page import Settings

CONFIG = """
[whatsapp]
app_secrets = [{ env = "SECRET" }]
verify_token = { env = "SECRET" }
language = "en"
[[whatsapp.numbers]]
phone_number_id = "106540352242922"
name = "Vendas"
[destinations.hubspot]
adapter = "hubspot"
token = { env = "SECRET" }
"""


def read_config(folder: Path) -> Config:
    """Return a configuration with one number and one destination."""
    file = folder / "config.toml"
    file.write_text(CONFIG)
    return load_config(
        file, settings_models=settings_models(), environ={"SECRET": "a secret of the tests" * 2}
    )


def desk_of(config: Config, ledger: Ledger) -> LedgerDesk:
    """Return what is behind the dashboard's pages."""

    async def status() -> Mapping[str, Any]:
        return await ledger.read(
            status_of,
            ledger=ledger,
            config=config,
            space=DiskSpace(ledger.engine.url, min_free=1),
            revision="0001",
        )

    return LedgerDesk(config, ledger, status)


def settings_of(config: Config) -> Settings:
    """Return how its pages look."""
    return Settings(
        language=config.whatsapp.language,
        zone=config.schedule.timezone,
        sync_lag=config.alerts.sync_lag.total_seconds(),
    )
