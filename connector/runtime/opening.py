"""Opening what a command needs: the configuration, and the ledger at this program's revision."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from connector.config.load import find_config, load_config
from connector.config.models import Config, LogSettings
from connector.crm.registry import settings_models
from connector.errors import LedgerError
from connector.ledger import migrate
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger, as_ledger_error
from connector.runtime.logs import configure_logging


def open_config(file: Path | None) -> Config:
    """Find and read the configuration; log as it says, though a command is quiet below warnings.

    Raises ``ConfigError`` with everything that is wrong.
    """
    configure_logging(LogSettings(level="warning"))
    config = load_config(find_config(file), settings_models=settings_models())
    quiet = "error" if config.log.level == "error" else "warning"
    configure_logging(config.log.model_copy(update={"level": quiet}))
    return config


@contextmanager
def opened_ledger(config: Config) -> Iterator[Ledger]:
    """Yield the ledger, safe beside a running daemon.

    Raises ``LedgerError`` where it is not there yet, can not be reached or has another schema.
    """
    require_file(config)
    with any_ledger(config) as ledger:
        migrate.require_current(ledger.engine)
        yield ledger


@contextmanager
def any_ledger(config: Config) -> Iterator[Ledger]:
    """Yield the ledger whatever its schema. A SQLite file that is not there is made.

    What the database itself complains of within the block becomes a ``LedgerError``.
    """
    ledger = Ledger(open_engine(config.ledger.url, role="cli"))
    try:
        yield ledger
    except SQLAlchemyError as error:
        raise as_ledger_error(error) from error
    finally:
        ledger.close()


@contextmanager
def ledger_if_any(config: Config) -> Iterator[tuple[Ledger | None, LedgerError | None]]:
    """Yield the ledger, or ``None`` and why it can not be used now."""
    with ExitStack() as stack:
        try:
            ledger = stack.enter_context(opened_ledger(config))
        except LedgerError as error:
            yield None, error
        else:
            yield ledger, None


@contextmanager
def blank_ledger() -> Iterator[Ledger]:
    """Yield an empty ledger in memory, for what has to be built before there is a real one."""
    ledger = Ledger(open_engine("sqlite:///:memory:"))
    try:
        migrate.upgrade(ledger.engine)
        yield ledger
    finally:
        ledger.close()


def require_file(config: Config) -> None:
    """Raise ``LedgerError`` where the SQLite file is not there: a look must not make one."""
    url = make_url(config.ledger.url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise LedgerError(
            f"there is no ledger at {url.database} yet",
            remedy="`connector run` makes it; so does `connector db upgrade`",
        )
