"""Ending a pause is remembered with who did it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from connector.ledger import destinations
from connector.ledger.ledger import Ledger
from connector.ledger.schema import run
from connector.runtime.actor import actor
from connector.runtime.resumption import resume_destination


def _runs(ledger: Ledger) -> list[tuple[str, str, str, dict[str, str]]]:
    with ledger.engine.connect() as connection:
        rows = connection.execute(
            select(run.c.job, run.c.destination, run.c.actor, run.c.counts)
        ).all()
    return [(row.job, row.destination, row.actor, row.counts) for row in rows]


def test_a_pause_is_ended_and_the_deed_kept(ledger: Ledger) -> None:
    ledger.transact(destinations.register_destinations, {"hubspot": "hubspot"})
    ledger.transact(destinations.pause, "hubspot", reason="auth", detail="expired")
    assert resume_destination(ledger, "hubspot") == "paused"
    standing = ledger.query(destinations.load_standing, "hubspot")
    assert standing.state(datetime.now(UTC)) == "open"
    [(job, name, who, counts)] = _runs(ledger)
    assert (job, name, who) == ("resume", "hubspot", actor())
    assert counts == {"was": "paused", "reason": "auth"}


def test_the_wait_after_an_outage_is_ended_too(ledger: Ledger) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    ledger.transact(destinations.register_destinations, {"hubspot": "hubspot"})
    ledger.transact(destinations.block, "hubspot", until=until, reason="broken", outages=3)
    assert resume_destination(ledger, "hubspot") == "broken"
    standing = ledger.query(destinations.load_standing, "hubspot")
    assert (standing.blocked_until, standing.outages) == (None, 0)


def test_what_is_open_is_left_alone_and_nothing_is_noted(ledger: Ledger) -> None:
    ledger.transact(destinations.register_destinations, {"hubspot": "hubspot"})
    assert resume_destination(ledger, "hubspot") == "open"
    assert resume_destination(ledger, "never started") == "open"
    assert _runs(ledger) == []
