"""The age of the oldest open work, live and backfill apart."""

from collections.abc import Callable
from datetime import datetime, timedelta

from connector.ledger.gauges import oldest_open
from connector.ledger.lanes import Wanted, want
from connector.ledger.ledger import Ledger


def _wanted(contact_id: int, number: int, *, priority: int = 0, skip: str | None = None) -> Wanted:
    return Wanted(
        "hubspot",
        contact_id,
        "message",
        str(number),
        marker=f"m{number}",
        position=number,
        priority=priority,
        skip=skip,
    )


def test_nothing_open_has_no_age(ledger: Ledger, new_contacts: Callable[[int], list[int]]) -> None:
    new_contacts(1)

    assert ledger.query(oldest_open, ["hubspot"]) == {}


def test_live_work_and_backfill_have_ages_of_their_own(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    live, old = new_contacts(2)
    hour = timedelta(hours=1)
    ledger.transact(want, [_wanted(old, 1, priority=10)], now=start)
    ledger.transact(want, [_wanted(old, 2, priority=10)], now=start + hour)
    ledger.transact(want, [_wanted(live, 3)], now=start + 2 * hour)
    ledger.transact(want, [_wanted(live, 4)], now=start + 3 * hour)

    assert ledger.query(oldest_open, ["hubspot", "another"]) == {
        ("hubspot", "backfill"): start,
        ("hubspot", "live"): start + 2 * hour,
    }


def test_what_is_never_written_has_no_age(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    ledger.transact(want, [_wanted(person, 1, skip="blocked")], now=start)

    assert ledger.query(oldest_open, ["hubspot"]) == {}
