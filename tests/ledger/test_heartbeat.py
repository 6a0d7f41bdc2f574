"""Heartbeats: rows among the leases that say who is alive."""

from datetime import UTC, datetime, timedelta

from connector.ledger import migrate
from connector.ledger.heartbeat import beat, heartbeat_name, stop_beating
from connector.ledger.leases import holdings
from connector.ledger.ledger import Ledger

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LIFE = timedelta(seconds=30)


def test_a_heartbeat_says_who_is_alive_and_which_schema_it_found(ledger: Ledger) -> None:
    assert ledger.transact(beat, "host:1", now=NOW, life=LIFE) == migrate.head()

    held = ledger.query(holdings)["heartbeat/host:1"]
    assert (held.owner, held.expires_at) == ("host:1", NOW + LIFE)


def test_the_next_heartbeat_takes_the_same_row(ledger: Ledger) -> None:
    later = NOW + timedelta(seconds=3)
    ledger.transact(beat, "host:1", now=NOW, life=LIFE)
    ledger.transact(beat, "host:1", now=later, life=LIFE)

    held = ledger.query(holdings)
    assert list(held) == ["heartbeat/host:1"]
    assert held["heartbeat/host:1"].expires_at == later + LIFE


def test_a_process_that_ends_in_good_order_leaves_no_row(ledger: Ledger) -> None:
    ledger.transact(beat, "host:1", now=NOW, life=LIFE)
    ledger.transact(beat, "host:2", now=NOW, life=LIFE)

    ledger.transact(stop_beating, "host:1")

    assert list(ledger.query(holdings)) == ["heartbeat/host:2"]


def test_the_rows_of_processes_long_dead_go_when_a_new_one_comes(ledger: Ledger) -> None:
    ledger.transact(beat, "host:1", now=NOW, life=LIFE)
    ledger.transact(beat, "host:2", now=NOW + timedelta(minutes=50), life=LIFE)

    ledger.transact(beat, "host:3", now=NOW + timedelta(minutes=61), life=LIFE)

    assert sorted(ledger.query(holdings)) == ["heartbeat/host:2", "heartbeat/host:3"]


def test_a_long_name_fits() -> None:
    assert len(heartbeat_name("h" * 300)) == 160
