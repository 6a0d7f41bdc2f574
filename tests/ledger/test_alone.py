"""Single statements on connections that are kept for them."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from connector.errors import LedgerError
from connector.ledger import migrate
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import store_webhooks, webhook_counts

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.fixture
def on_server(new_postgres_database: Callable[[], URL]) -> Ledger:
    """Return a ledger in a database of its own on PostgreSQL."""
    engine = open_engine(new_postgres_database())
    migrate.upgrade(engine)
    return Ledger(engine)


def _store(ledger: Ledger, number: int) -> int:
    bodies = [(number.to_bytes(32), b"{}")]
    return ledger.execute_alone(lambda driver: store_webhooks(driver, bodies, now=NOW))


def test_a_statement_alone_is_committed(ledger: Ledger) -> None:
    assert [_store(ledger, 1), _store(ledger, 1), _store(ledger, 2)] == [1, 0, 1]
    assert ledger.query(webhook_counts).waiting == 2


def test_a_connection_that_the_server_ended_is_replaced_unnoticed(on_server: Ledger) -> None:
    _store(on_server, 1)
    with on_server.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    assert _store(on_server, 2) == 1
    on_server.close()


def test_an_error_is_ours_and_the_next_statement_has_another_connection(on_server: Ledger) -> None:
    def name_backend(driver: object) -> int:
        found: int = driver.execute("SELECT pg_backend_pid()").fetchone()[0]  # type: ignore[attr-defined]  # PostgreSQL's
        return found

    before = on_server.execute_alone(name_backend)
    assert on_server.execute_alone(name_backend) == before

    with pytest.raises(LedgerError):
        on_server.execute_alone(lambda driver: driver.execute("SELECT no_such_column FROM webhook"))

    assert on_server.execute_alone(name_backend) != before
    on_server.close()
