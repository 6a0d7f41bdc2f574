"""A create with an idempotency key goes again byte by byte while the CRM knows the key."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.deliver.plan import LanePlan, plan_lane
from connector.deliver.settlement import Item, Settlement, settle_batch
from connector.errors import CrmThrottledError
from connector.ledger.deliveries import Delivery
from connector.mapping.rendered import Rendered
from connector.model.outcome import Failed, InDoubt, NotSent, Rejected, Written
from connector.model.record import Record

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(number: int, record: str = "message", state: str = "in_flight", **more: object) -> Delivery:
    values: dict[str, object] = dict.fromkeys(Delivery.__slots__)
    values |= {"id": number, "lane_id": 4, "record": record, "state": state, "generation": 3}
    values |= {"attempts": 0, "crash_count": 0, "resends": 0, "lookups": 0, "queued_at": NOW}
    if state == "in_flight":
        values |= {"sent_at": NOW - HOUR, "verify_at": NOW, "sent_body": b"{}"}
    return Delivery(**(values | more))  # type: ignore[arg-type]  # built by hand


def plan(contact: Delivery, *rows: Delivery, span: timedelta = 2 * HOUR) -> LanePlan:
    return plan_lane(
        4,
        7,
        contact=contact,
        person=None,
        rows=rows,
        repeatable=frozenset(),
        repeatable_for={"contact": span, "message": span},
        on_deleted="new_inbound",
        now=NOW,
    )


def test_while_the_key_is_known_a_doubtful_create_goes_again() -> None:
    found = plan(row(1, "contact"), row(1, "contact"), row(2), row(3, state="pending"))

    assert found.contact is not None
    assert [each.id for each in found.messages] == [2, 3]
    assert found.verify == []


@pytest.mark.parametrize(
    ("span", "doubtful"),
    [(HOUR - timedelta(seconds=1), row(2)), (2 * HOUR, row(2, sent_body=None))],
    ids=["forgotten", "its bytes are not known"],
)
def test_afterwards_it_is_looked_up(span: timedelta, doubtful: Delivery) -> None:
    linked = row(1, "contact", "synced", crm_id="5")

    found = plan(linked, doubtful, row(3, state="pending"), span=span)

    assert [each.id for each in found.verify] == [2]
    assert found.messages == []


def settle(one: Delivery, outcome: object) -> Settlement:
    item = Item(one, Record("k", {}), "hash")
    return settle_batch([item], [outcome], repeatable=False, now=NOW)  # type: ignore[list-item]  # by hand


@pytest.mark.parametrize(
    "outcome",
    [
        NotSent(CrmThrottledError("busy", cooldown=HOUR)),
        Failed("409", "under way"),
        InDoubt("reset"),
    ],
)
def test_not_getting_through_leaves_an_earlier_doubt_as_it_was(outcome: object) -> None:
    doubtful = settle(row(2), outcome)
    fresh = settle(row(2, state="pending", sent_body=None), outcome)

    assert [row_id for row_id, _ in doubtful.in_doubt] == [2]
    assert doubtful.unsent == []
    assert doubtful.failed == []
    assert isinstance(outcome, InDoubt) is bool(fresh.in_doubt)


def test_an_answer_ends_the_doubt() -> None:
    assert [each.crm_id for each in settle(row(2), Written("77")).synced] == ["77"]
    assert [each.code for each in settle(row(2), Rejected("422", "no")).parked] == ["rejected.422"]


def test_a_record_that_is_replaced_keeps_what_people_filled_in() -> None:
    rendered = Rendered(
        {"name": "Ana", "phone": "+55", "stage": "lead", "seen": "today"},
        create_only=frozenset({"stage"}),
        if_empty=frozenset({"name", "city"}),
        required=frozenset(),
        content_hash="h",
    )
    theirs = {"name": "Ana Maria", "stage": "customer", "city": "Recife", "phone": "+1"}

    assert rendered.for_replacement(theirs) == {
        "name": "Ana Maria",
        "stage": "customer",
        "city": "Recife",
        "phone": "+55",
        "seen": "today",
    }
    assert rendered.for_replacement(None) == rendered.fields
