"""A configuration on each kind of ledger, and rows to look at."""

from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from connector.config.load import load_config
from connector.config.models import Config
from connector.crm.registry import settings_models
from connector.ledger.ledger import Ledger
from tests.rows import Rows

CONFIG = """
[ledger]
url = "{url}"
min_free = "1MiB"
[whatsapp]
app_secrets = [{{ file = "secret" }}]
verify_token = {{ file = "secret" }}
[[whatsapp.numbers]]
phone_number_id = "106540352242922"
name = "Vendas"
[destinations.hubspot]
adapter = "hubspot"
base_url = "http://127.0.0.1:9"
token = {{ file = "secret" }}
[tuning]
request_timeout = 1
send_gate = 0.5
lease = 6
"""


@pytest.fixture
def config(ledger_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return a configuration of the ledger under test; nobody listens where its CRM is."""
    if ledger_url.password:  # which a configuration may not hold
        monkeypatch.setenv("PGPASSWORD", ledger_url.password)
    bare = ledger_url.set(password=None).render_as_string()
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "secret").write_text("x" * 40)
    file = tmp_path / "config.toml"
    file.write_text(CONFIG.format(url=bare))
    return load_config(file, settings_models=settings_models())


@pytest.fixture
def rows(ledger: Ledger) -> Rows:
    """Return what writes rows; a contact and a message are there already."""
    return Rows(ledger)
