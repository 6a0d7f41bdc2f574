"""Schema migrations: the same revisions on SQLite and PostgreSQL, each whole or not at all.

SQLite's driver and Alembic's defaults would leave a half-migrated file behind a crash; with
``transactional_ddl`` and our ``BEGIN IMMEDIATE`` a revision is one transaction there too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from connector.errors import LedgerError, SchemaOutdatedError
from connector.ledger.engine import POOLED
from connector.ledger.schema import metadata

_ADVISORY_LOCK = 7_291_188_412
"""Any number that no other program of this database uses: one migration at a time."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the revision this program was written for."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None, "the program ships no migrations"  # noqa: S101 - a broken build
    return found


def known() -> list[str]:
    """Return every revision this program knows, the newest first."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return [script.revision for script in scripts]


def current(engine: Engine) -> str | None:
    """Return the revision the ledger is at; ``None`` for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the ledger up to ``revision``."""
    with _alone(engine) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Bring the ledger back to ``revision``; run by the newer program, before the older one."""
    with _alone(engine) as connection:
        command.downgrade(_config(connection), revision)


def differences(engine: Engine) -> list[Any]:
    """Return what Alembic finds different between the ledger and the tables of this program."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def require_current(engine: Engine) -> None:
    """Raise ``SchemaOutdatedError`` unless the ledger is at this program's revision."""
    found, wanted = current(engine), head()
    if found == wanted:
        return
    if found is not None and found not in known():
        raise SchemaOutdatedError(
            f"the ledger is at revision {found}, which this version does not know",
            remedy="run the newer version, or go back with its `connector db downgrade`",
        )
    raise SchemaOutdatedError(
        f"the ledger is at revision {found or 'none'}, this version needs {wanted}",
        remedy="run `connector db upgrade`",
    )


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose transactions are Alembic's to begin, one migrating at a time."""
    if engine.get_execution_options().get(POOLED):
        raise LedgerError(
            "the schema can not be changed through PgBouncer: the lock that lets one program "
            "change it at a time belongs to a session",
            remedy="for this command name PostgreSQL itself in ledger.url, without pgbouncer=true",
        )
    with engine.connect() as connection:
        if engine.dialect.name != "postgresql":
            yield connection
            connection.commit()
            return
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.commit()
        try:
            yield connection
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
            connection.commit()
