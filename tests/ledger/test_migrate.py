"""Schema migrations, on both databases."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.engine import URL

from connector.errors import SchemaOutdatedError
from connector.ledger import migrate
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger


def test_the_migrated_schema_is_the_schema_of_the_code(ledger: Ledger) -> None:
    assert migrate.differences(ledger.engine) == []


def test_a_migrated_ledger_is_current(ledger: Ledger) -> None:
    migrate.require_current(ledger.engine)

    assert migrate.current(ledger.engine) == migrate.head()


def test_down_to_nothing_and_up_again_ends_in_the_same_schema(
    tmp_path: Path, new_postgres_database: Callable[[], URL]
) -> None:
    for url in (make_url(f"sqlite:///{tmp_path}/l.db"), new_postgres_database()):
        _down_and_up(url)


def _down_and_up(url: URL) -> None:
    engine = open_engine(url)
    migrate.upgrade(engine)
    migrate.downgrade(engine, "base")
    assert migrate.current(engine) is None
    migrate.upgrade(engine)
    assert migrate.differences(engine) == []
    engine.dispose()


def test_an_empty_database_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")

    with pytest.raises(SchemaOutdatedError) as caught:
        migrate.require_current(engine)

    assert caught.value.remedy == "run `connector db upgrade`"
    engine.dispose()


def test_a_newer_ledger_is_refused(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(SchemaOutdatedError, match="9999"):
            migrate.require_current(ledger.engine)
    finally:
        with ledger.engine.begin() as connection:
            connection.execute(
                text("UPDATE alembic_version SET version_num = :head"), {"head": migrate.head()}
            )


def test_the_key_of_an_installation_is_made_once(ledger: Ledger) -> None:
    first = ledger.key
    ledger._key = None

    assert first == ledger.key
    assert len(first) == 32
