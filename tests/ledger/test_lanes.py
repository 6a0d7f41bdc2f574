"""Lanes: what is wanted stays one row, and a lane with work is always due."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select

from connector.ledger.deliveries import (
    Parked,
    Synced,
    begin,
    open_deliveries,
    settle_parked,
    settle_synced,
)
from connector.ledger.lanes import (
    LaneRest,
    Wanted,
    due_lanes,
    lane_heads,
    next_due_at,
    rest_lanes,
    stopped_lanes,
    want,
)
from connector.ledger.ledger import Ledger
from connector.ledger.schema import delivery, lane
from connector.ledger.succession import take_over


def _wanted(contact_id: int, record: str, source: str, **more: object) -> Wanted:
    values = {"marker": f"m_{source}", "position": 1 if record == "message" else 0} | more
    return Wanted("hubspot", contact_id, record, source, **values)  # type: ignore[arg-type]  # by hand


def test_what_is_wanted_twice_stays_one_row(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    both = [_wanted(person, "contact", str(person)), _wanted(person, "message", "1")]

    ledger.transact(want, both, now=start)
    ledger.transact(want, both, now=start)

    assert (
        ledger.query(lambda c: c.execute(select(func.count()).select_from(delivery)).scalar()) == 2
    )
    assert ledger.query(lambda c: c.execute(select(func.count()).select_from(lane)).scalar()) == 1


def test_a_renewed_row_is_pending_again_and_one_generation_older(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    ledger.transact(want, [_wanted(person, "message", "1")], now=start)
    [row] = _open(ledger, start)
    _sync(ledger, row.id, start)

    ledger.transact(want, [_wanted(person, "message", "1", renew=True)], now=start)

    [row] = _open(ledger, start)
    assert (row.state, row.generation, row.crm_id) == ("pending", 2, "crm-1")


def test_a_row_that_is_new_is_not_renewed_by_the_same_call(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)

    ledger.transact(want, [_wanted(person, "message", "1", renew=True)], now=start)

    [row] = _open(ledger, start)
    assert row.generation == 1


def test_a_row_renewed_while_in_flight_goes_again_after_it_was_written(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    ledger.transact(want, [_wanted(person, "message", "1")], now=start)
    [row] = _open(ledger, start)
    ledger.transact(begin, [row.id], now=start, verify_at=start)
    ledger.transact(want, [_wanted(person, "message", "1", renew=True)], now=start)

    ledger.transact(settle_synced, [Synced(row.id, row.generation, "crm-1", "h")], now=start)

    [row] = _open(ledger, start)
    assert (row.state, row.generation, row.content_hash) == ("pending", 2, "h")


def test_a_skipped_row_keeps_its_reason_and_wakes_nobody(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)

    ledger.transact(want, [_wanted(person, "message", "1", skip="blocked")], now=start)

    assert ledger.query(due_lanes, "hubspot", now=start, limit=10) == []
    state, code = ledger.query(
        lambda c: c.execute(select(delivery.c.state, delivery.c.error_code)).one()
    )
    assert (state, code) == ("skipped", "blocked")


def test_live_lanes_are_due_before_backfill_and_the_longest_waiting_first(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    old, late, early = new_contacts(3)
    second = timedelta(seconds=1)
    ledger.transact(want, [_wanted(old, "message", "1", priority=10)], now=start)
    ledger.transact(want, [_wanted(late, "message", "2")], now=start + 2 * second)
    ledger.transact(want, [_wanted(early, "message", "3")], now=start + second)

    due = ledger.query(due_lanes, "hubspot", now=start + 3 * second, limit=10)

    assert [early, late, old] == [found.contact_id for found in due]


def test_a_live_message_lifts_its_lane_out_of_backfill(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    ledger.transact(want, [_wanted(person, "message", "1", priority=10)], now=start)

    ledger.transact(want, [_wanted(person, "message", "2")], now=start)

    [found] = ledger.query(due_lanes, "hubspot", now=start, limit=10)
    assert found.priority == 0


def test_a_new_message_does_not_cut_a_backoff_short(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    ledger.transact(want, [_wanted(person, "message", "1")], now=start)
    [found] = ledger.query(due_lanes, "hubspot", now=start, limit=1)
    later = start + timedelta(minutes=5)
    ledger.transact(rest_lanes, [LaneRest(found.id, later, 3)])

    ledger.transact(want, [_wanted(person, "message", "2")], now=start)

    assert ledger.query(next_due_at, "hubspot") == later


def test_each_lane_gives_its_first_rows_only(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    one, other = new_contacts(2)
    rows = [_wanted(one, "message", str(n), position=100 - n) for n in range(50)]
    ledger.transact(want, [*rows, _wanted(other, "message", "x")], now=start)
    lanes = ledger.query(due_lanes, "hubspot", now=start, limit=10)

    found = ledger.query(open_deliveries, [item.id for item in lanes], per_lane=3)

    by_contact = {item.contact_id: found[item.id] for item in lanes}
    assert [row.source_id for row in by_contact[one]] == ["49", "48", "47"]
    assert [row.source_id for row in by_contact[other]] == ["x"]


def test_a_lane_whose_contact_waits_for_a_person_stands_still(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    ledger.transact(
        want,
        [_wanted(person, "contact", str(person)), _wanted(person, "message", "1")],
        now=start,
    )
    [found] = ledger.query(due_lanes, "hubspot", now=start, limit=1)
    first = ledger.query(open_deliveries, [found.id], per_lane=9)[found.id][0]

    ledger.transact(settle_parked, [Parked(first.id, "ambiguous", "2 match")], now=start)

    assert ledger.query(stopped_lanes, [found.id]) == {found.id}
    assert ledger.query(lane_heads, [found.id])[found.id].record == "message"


def test_what_a_dead_holder_left_is_repeated_looked_up_or_parked(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    ledger.transact(
        want,
        [_wanted(person, "contact", str(person)), _wanted(person, "message", "1")],
        now=start,
    )
    ids = [row.id for row in _open(ledger, start)]
    ledger.transact(begin, ids, now=start, verify_at=start)

    counts = ledger.transact(take_over, "hubspot", repeatable=["contact"], now=start)

    assert counts == {"poisoned": 0, "again": 1, "in_doubt": 1}


def test_a_row_in_flight_at_eight_deaths_is_parked_as_poison(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    ledger.transact(want, [_wanted(person, "message", "1")], now=start)
    [row] = _open(ledger, start)
    for _ in range(8):
        ledger.transact(begin, [row.id], now=start, verify_at=start)
        counts = ledger.transact(take_over, "hubspot", repeatable=["message"], now=start)

    assert counts["poisoned"] == 1


def test_concurrent_wishes_for_one_contact_end_in_one_lane_with_all_of_them(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    people = new_contacts(5)
    together = threading.Barrier(4)

    def wish(number: int) -> None:
        together.wait()
        for turn in range(10):
            rows = [
                _wanted(person, "message", f"{number}-{turn}-{person}")
                for person in (people if number % 2 else reversed(people))
            ]
            ledger.transact(want, rows, now=start)

    threads = [threading.Thread(target=wish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ledger.query(due_lanes, "hubspot", now=start, limit=99)) == 5
    assert len(_open(ledger, start, per_lane=99)) == 200


def _open(ledger: Ledger, now: datetime, *, per_lane: int = 50) -> list:  # type: ignore[type-arg]  # brief
    lanes = ledger.query(due_lanes, "hubspot", now=now, limit=99)
    found = ledger.query(open_deliveries, [item.id for item in lanes], per_lane=per_lane)
    return [row for rows in found.values() for row in rows]


def _sync(ledger: Ledger, row_id: int, now: datetime) -> None:
    ledger.transact(begin, [row_id], now=now, verify_at=now)
    ledger.transact(settle_synced, [Synced(row_id, 1, "crm-1", "h")], now=now)
