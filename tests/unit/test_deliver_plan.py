"""What is done with a lane: pure decisions."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connector.deliver.plan import LanePlan, plan_lane, rounds
from connector.ledger.deliveries import Delivery
from connector.model.contact import Contact

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def row(number: int, record: str = "message", state: str = "pending", **more: object) -> Delivery:
    values = {
        "id": number,
        "lane_id": 1,
        "record": record,
        "source_id": str(number),
        "marker": f"m{number}",
        "position": number,
        "state": state,
        "generation": 1,
        "content_hash": None,
        "crm_id": None,
        "attempts": 0,
        "crash_count": 0,
        "resends": 0,
        "lookups": 0,
        "verify_at": None,
        "sent_at": None,
        "error_code": None,
        "queued_at": NOW,
        "gone_at": None,
    }
    return Delivery(**(values | more))  # type: ignore[arg-type]  # built by hand


def plan(
    contact: Delivery, *rows: Delivery, person: Contact | None = None, **more: Any
) -> LanePlan:
    options: dict[str, Any] = {"repeatable": frozenset(), "on_deleted": "new_inbound", "now": NOW}
    return plan_lane(1, 7, contact=contact, person=person, rows=rows, **(options | more))


def test_the_contact_goes_with_its_messages_in_order() -> None:
    found = plan(row(1, "contact"), row(1, "contact"), row(2), row(3))

    assert found.contact is not None
    assert [item.id for item in found.messages] == [2, 3]


def test_a_contact_in_the_crm_lets_its_messages_go_alone() -> None:
    found = plan(row(1, "contact", "synced", crm_id="5"), row(2))

    assert found.contact is None
    assert [item.id for item in found.messages] == [2]


def test_a_parked_contact_that_is_not_in_the_crm_stops_its_lane() -> None:
    found = plan(row(1, "contact", "parked", error_code="ambiguous"), row(2))

    assert (found.contact, found.messages, found.verify) == (None, [], [])


def test_a_parked_contact_that_is_in_the_crm_lets_its_messages_go() -> None:
    found = plan(row(1, "contact", "parked", error_code="rejected.400", crm_id="5"), row(2))

    assert [item.id for item in found.messages] == [2]


def test_the_messages_of_a_skipped_contact_are_skipped() -> None:
    found = plan(row(1, "contact", "skipped"), row(2), row(3))

    assert [item.id for item in found.skip] == [2, 3]
    assert found.messages == []


def test_messages_behind_one_in_doubt_wait() -> None:
    doubt = row(3, state="in_flight", verify_at=NOW + MINUTE)
    found = plan(row(1, "contact", "synced", crm_id="5"), row(2), doubt, row(4))

    assert [item.id for item in found.messages] == [2]
    assert found.verify == []


def test_what_is_in_doubt_is_looked_up_once_it_has_been_quiet() -> None:
    doubt = row(2, state="in_flight", verify_at=NOW)
    found = plan(row(1, "contact", "synced", crm_id="5"), doubt, row(3))

    assert [item.id for item in found.verify] == [2]
    assert found.messages == []


def test_what_may_be_repeated_is_never_looked_up() -> None:
    doubt = row(2, state="in_flight", verify_at=NOW)
    found = plan(row(1, "contact", "synced", crm_id="5"), doubt, repeatable=frozenset({"message"}))

    assert ([item.id for item in found.messages], found.verify) == ([2], [])


def test_a_contact_in_doubt_holds_its_messages_back() -> None:
    found = plan(row(1, "contact", "in_flight", verify_at=NOW), row(2))

    assert [item.id for item in found.verify] == [1]
    assert found.messages == []


def test_a_deleted_contact_returns_only_with_a_newer_inbound_message() -> None:
    gone = row(1, "contact", "parked", error_code="vanished", gone_at=NOW)
    before = Contact(id=7, key="wc", first_seen_at=NOW, last_inbound_at=NOW - MINUTE)
    after = Contact(id=7, key="wc", first_seen_at=NOW, last_inbound_at=NOW + MINUTE)

    assert plan(gone, row(2), person=before).contact is None
    assert plan(gone, row(2), person=after).contact is not None
    assert plan(gone, row(2), person=after, on_deleted="never").contact is None
    assert plan(gone, row(2), person=before, on_deleted="always").contact is not None


@given(st.lists(st.integers(0, 12), max_size=6), st.integers(0, 4))
def test_rounds_hold_every_row_once_and_keep_each_lane_in_order(
    sizes: list[int], at_once: int
) -> None:
    lanes = [
        [row(100 * lane + n, lane_id=lane) for n in range(size)] for lane, size in enumerate(sizes)
    ]

    found = rounds(lanes, at_once=at_once)

    flat = [item for part in found for item in part]
    for lane in lanes:
        mine = [item for item in flat if item in lane]
        assert mine == lane
    if at_once:
        for part in found:
            for lane in lanes:
                assert sum(item in lane for item in part) <= at_once


def test_rows_that_were_in_flight_at_deaths_go_last_and_in_ever_smaller_company() -> None:
    lanes = [
        [row(1, lane_id=1, crash_count=4), row(2, lane_id=1)],
        [row(3, lane_id=2, crash_count=1)],
        [row(10 + n, lane_id=3, crash_count=3) for n in range(12)],
        [row(100 + n, lane_id=4, crash_count=2) for n in range(150)],
    ]

    found = rounds(lanes, at_once=0)

    assert [len(part) for part in found] == [1, 100, 50, 10, 2, 1, 1]
    assert found[0][0].id == 3
    assert [item.id for part in found[-2:] for item in part] == [1, 2]


def test_all_that_is_in_doubt_in_a_lane_is_looked_up_together_and_nothing_after_it_goes() -> None:
    doubtful: dict[str, Any] = {"state": "in_flight", "verify_at": NOW - MINUTE}
    found = plan(
        row(1, "contact", "synced", crm_id="5"),
        row(2),
        row(3, **doubtful),
        row(4),
        row(5, **doubtful),
        row(6, **(doubtful | {"verify_at": NOW + MINUTE})),
    )

    assert [item.id for item in found.messages] == [2]
    assert [item.id for item in found.verify] == [3, 5]


def test_messages_in_doubt_are_not_looked_for_before_their_contact_is_known_in_the_crm() -> None:
    found = plan(
        row(1, "contact"),
        row(1, "contact"),
        row(2, state="in_flight", verify_at=NOW - MINUTE),
        row(3),
    )

    assert found.contact is not None
    assert (found.verify, found.messages) == ([], [])
