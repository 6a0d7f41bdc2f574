"""What outcomes make of rows: one table of promises.md's state machine after the other."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.deliver.backoff import Breaker, company_wait, lane_backoff, outage_wait
from connector.deliver.settlement import (
    ATTEMPTS,
    ORPHAN_ATTEMPTS,
    Item,
    Settlement,
    settle_batch,
)
from connector.errors import CrmInDoubtError, CrmThrottledError
from connector.ledger.deliveries import Delivery
from connector.model.outcome import Failed, InDoubt, NotSent, Rejected, Vanished, Written
from connector.model.record import Record

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def item(record: str = "message", **more: object) -> Item:
    values: dict[str, object] = dict.fromkeys(Delivery.__slots__)
    values |= {"id": 9, "lane_id": 4, "record": record, "generation": 3, "queued_at": NOW}
    values |= {"attempts": 0, "crash_count": 0, "resends": 0, "lookups": 0}
    return Item(Delivery(**(values | more)), Record("k", {}), "hash")  # type: ignore[arg-type]  # by hand


def settle(one: Item, outcome: object, *, repeatable: bool = False) -> Settlement:
    return settle_batch([one], [outcome], repeatable=repeatable, now=NOW)  # type: ignore[list-item]  # by hand


def test_a_written_record_is_synced_at_the_generation_that_was_rendered() -> None:
    found = settle(item(), Written("77"))

    [row] = found.synced
    assert (row.id, row.generation, row.crm_id, row.content_hash) == (9, 3, "77", "hash")
    assert found.good


def test_another_id_than_the_one_asked_is_a_merge() -> None:
    assert settle(item(crm_id="76"), Written("77")).relinked == 1
    assert settle(item(crm_id="77"), Written("77")).relinked == 0


def test_a_rejected_record_is_parked_with_the_code_and_the_status() -> None:
    [row] = settle(item(), Rejected("422", "no such option")).parked

    assert (row.code, row.status, row.detail) == ("rejected.422", 422, "no such option")


def test_a_record_refused_for_a_field_makes_the_field_suspect() -> None:
    found = settle(item(), Rejected("PROPERTY_DOESNT_EXIST", "x", field="x"))

    assert found.schema_suspects == {9: "x"}


def test_a_doubtful_write_waits_unless_it_may_be_repeated() -> None:
    error = CrmInDoubtError("reset")

    assert settle(item(), InDoubt("reset", error)).in_doubt == [(9, "reset")]
    again = settle(item(), InDoubt("reset", error), repeatable=True)
    assert (again.unsent, again.in_doubt, again.cause) == ([9], [], error)


def test_what_was_not_sent_is_as_if_never_tried_and_blames_the_destination() -> None:
    cause = CrmThrottledError("slow down", cooldown=timedelta(seconds=10))

    found = settle(item(), NotSent(cause))

    assert (found.unsent, found.cause, found.good, found.failed_lanes) == ([9], cause, False, set())


def test_a_passing_failure_backs_the_lane_off_and_is_exhausted_in_the_end() -> None:
    first = settle(item(attempts=0), Failed("423", "locked"))
    last = settle(item(attempts=ATTEMPTS - 1), Failed("423", "locked"))

    assert (first.failed, first.failed_lanes) == ([(9, "423", "locked")], {4})
    assert [row.code for row in last.parked] == ["exhausted"]


def test_a_contact_that_vanished_is_looked_for_and_a_message_that_vanished_stays_deleted() -> None:
    contact = settle(item("contact", crm_id="5"), Vanished())
    [message] = settle(item(crm_id="6"), Vanished()).synced

    assert [each.row.crm_id for each in contact.gone] == ["5"]
    assert (contact.parked, contact.synced, contact.failed) == ([], [], [])
    assert (message.crm_id, message.gone_at) == ("6", NOW)


def test_a_message_whose_contact_is_gone_has_it_looked_for_and_is_parked_in_the_end() -> None:
    first = settle(item(), Vanished())
    last = settle(item(attempts=ORPHAN_ATTEMPTS - 1), Vanished())

    assert (first.failed[0][:2], first.lost_contacts, first.parked) == ((9, "vanished"), {4}, [])
    assert [row.code for row in last.parked] == ["vanished"]
    assert last.lost_contacts == set()


@pytest.mark.parametrize(
    ("outcome", "held"),
    [
        (Written("77"), set()),
        (Rejected("422", "no"), set()),
        (Failed("423", "busy"), {4}),
        (InDoubt("reset"), {4}),
        (NotSent(CrmInDoubtError("reset")), {4}),
        (Vanished(), {4}),
    ],
)
@pytest.mark.parametrize("repeatable", [False, True])
def test_what_is_still_to_be_written_holds_its_lane(
    outcome: object, held: set[int], *, repeatable: bool
) -> None:
    assert settle(item(), outcome, repeatable=repeatable).held_lanes == held


@pytest.mark.parametrize("failures", range(40))
def test_a_lane_never_waits_longer_than_the_longest(failures: int) -> None:
    wait = lane_backoff(failures, shortest=2, longest=900, draw=Random(failures))  # noqa: S311 - a seed, not a secret

    assert timedelta(0) <= wait <= timedelta(seconds=900)


def test_outages_in_a_row_double_the_wait_up_to_the_longest() -> None:
    waits = [outage_wait(n, shortest=30, longest=120).total_seconds() for n in range(1, 6)]

    assert waits == [30, 60, 120, 120, 120]


@given(st.lists(st.floats(0, 1), min_size=2).map(sorted))
def test_the_scarcer_calls_are_the_longer_a_change_waits(scarcities: list[float]) -> None:
    waits = [company_wait(2.0, scarcity) for scarcity in scarcities]

    assert all(one <= other for one, other in pairwise(waits))
    assert company_wait(2.0, 0) < 2.0 < company_wait(2.0, 1)


def test_five_failures_in_a_row_open_the_breaker() -> None:
    breaker = Breaker()

    assert [breaker.record(good=False, at=n) for n in range(5)] == [False] * 4 + [True]


def test_a_good_answer_starts_the_count_anew() -> None:
    breaker = Breaker()
    for n in range(4):
        breaker.record(good=False, at=n)
    breaker.record(good=True, at=5)

    assert not breaker.record(good=False, at=6)


def test_more_failures_than_answers_within_a_minute_open_the_breaker() -> None:
    breaker = Breaker()
    opened = [breaker.record(good=n % 5 in {0, 2}, at=n) for n in range(25)]

    assert any(opened)


def test_failures_of_long_ago_do_not_count() -> None:
    breaker = Breaker()
    for n in range(30):
        breaker.record(good=n % 2 == 0, at=n)
    breaker.record(good=True, at=500)

    assert not breaker.record(good=False, at=501)
