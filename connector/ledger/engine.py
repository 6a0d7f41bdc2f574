"""Opening the database: the settings that make SQLite and PostgreSQL keep our promises."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from connector.errors import LedgerBusyError, LedgerError

READ_ONLY = "connector_read_only"
"""Execution option of a connection whose transaction only reads."""
POOLED = "connector_pooled"
"""Execution option of an engine whose sessions are not its own: PgBouncer lends them out."""

_POSTGRESQL_SETTINGS = (
    "-c timezone=UTC -c statement_timeout=15s -c lock_timeout=5s "
    "-c idle_in_transaction_session_timeout=10s"
)

_READ_ONLY_STATE = "25006"
_POSTGRESQL_SILENCE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""A server whose host lost power, or that a broken network hides, is given up after 15 to 25 s
(seconds, but the last, which is in milliseconds). Linux itself would wait a quarter of an hour for
an answer, and hours where nothing was asked, and the thread that asked with it."""


def open_engine(url: str | URL, *, role: str = "cli", threads: int = 8) -> Engine:
    """Return an engine for the ledger at ``url``.

    ``?pgbouncer=true`` says that a PgBouncer stands before PostgreSQL and gives a connection to
    each transaction. Then nothing may be kept in a session: statements are not prepared, and the
    time limits are those that the role has in the database (see docs/operations.md).

    SQLite gets one connection, used by one thread: SQLite has one writer, and the releases between
    3.7.0 and 3.51.2 can lose a WAL reset when a second connection of the same process reads.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _open_sqlite(parsed)
        case "postgresql":
            return _open_postgresql(parsed, role=role, threads=threads)
        case other:
            raise LedgerError(
                f"the ledger can not live in {other!r}",
                remedy="use sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE",
            )


def _open_sqlite(url: URL) -> Engine:
    path = url.database
    if path and path != ":memory:":
        _create_private(Path(path))
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"timeout": 5.0, "check_same_thread": False, "cached_statements": 256},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, see below
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
            "secure_delete=ON",
            "cache_size=-16384",
            "temp_store=MEMORY",  # else a large statement leaves pages in a file of its own
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred BEGIN that reads and then writes fails at once with "database is locked" when
        # another process wrote in between, whatever the busy timeout: three in four such
        # transactions failed when four processes did it. IMMEDIATE waits its turn.
        read_only = connection.get_execution_options().get(READ_ONLY)
        driver: Any = connection.connection.driver_connection
        with _sqlite_errors():
            driver.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def sqlite_transaction(engine: Engine) -> Iterator[sqlite3.Connection]:
    """Give SQLite's own connection, in a transaction that is committed at the end.

    For what is done so often that SQLAlchemy's part of it would cost as much CPU as SQLite's.
    """
    lent = engine.raw_connection()
    driver = cast("sqlite3.Connection", lent.driver_connection)
    try:
        with _sqlite_errors():
            driver.execute("BEGIN IMMEDIATE")
            yield driver
            driver.execute("COMMIT")
    finally:
        lent.close()  # which rolls back what was not committed


@contextmanager
def _sqlite_errors() -> Iterator[None]:
    """Let errors of the driver look as they do where SQLAlchemy spoke to it."""
    try:
        yield
    except sqlite3.Error as error:
        raise DBAPIError.instance("", None, error, sqlite3.Error, hide_parameters=True) from error


def _create_private(path: Path) -> None:
    """Make the file readable by its owner only, before SQLite does it with the usual mask."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} can not be opened: {error.strerror}",
            remedy="check that the folder exists and that this user may write in it",
        ) from error


def _open_postgresql(url: URL, *, role: str, threads: int) -> Engine:
    pooled = url.query.get("pgbouncer") == "true"
    session: dict[str, Any] = (
        {"prepare_threshold": None} if pooled else {"options": _POSTGRESQL_SETTINGS}
    )
    engine = create_engine(
        url.set(drivername="postgresql+psycopg").difference_update_query(["pgbouncer"]),
        pool_size=threads,
        pool_use_lifo=True,  # few connections at work: each keeps buffers as large as its largest
        max_overflow=2,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        execution_options={POOLED: pooled},
        connect_args={
            "application_name": f"connector:{role}:{os.getpid()}",
            **session,
            "connect_timeout": 5,
            **_POSTGRESQL_SILENCE,
        },
    )

    @event.listens_for(engine, "handle_error")
    def leave(context: ExceptionContext) -> None:
        # A server that became a standby keeps its connections, and a session whose transactions
        # were made read-only stays so: only another connection finds the one that can write.
        if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY_STATE:
            context.is_disconnect = True

    return engine


def hold_file(url: str | URL) -> IO[str] | None:
    """Take the lock that makes this the one daemon of a SQLite file; keep what is returned open.

    Returns ``None`` for PostgreSQL, where any number of daemons share the ledger. Raises
    ``LedgerBusyError`` if another daemon holds the file.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    path = Path(f"{parsed.database}.lock")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise LedgerBusyError(
            f"another daemon holds the ledger {parsed.database}",
            remedy="stop the other daemon, or move the ledger to PostgreSQL to run several",
        ) from error
    return handle
