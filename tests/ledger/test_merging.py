"""Two contacts become one, and nothing is sent twice for it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from connector.ledger.contacts import Person
from connector.ledger.lanes import Wanted, lane_heads, want
from connector.ledger.ledger import Ledger
from connector.ledger.merging import merge_contacts
from connector.ledger.reviews import open_review
from connector.ledger.schema import contact, delivery, lane, message, review


def wanted(contact_id: int, record: Any, source: str) -> Wanted:
    position = 0 if record == "contact" else 5
    return Wanted("hubspot", contact_id, record, source, f"m_{source}", position)


class Case:
    """Two contacts with a lane each, and what is in them."""

    def __init__(self, ledger: Ledger, contacts: list[int], now: datetime) -> None:
        self.ledger, self.now = ledger, now
        self.ours, self.theirs = contacts

    def want(self, *records: Wanted) -> None:
        self.ledger.transact(want, list(records), now=self.now)

    def change(self, source: str, record: str = "contact", **values: Any) -> None:
        with self.ledger.engine.begin() as connection:
            connection.execute(
                update(delivery)
                .where(delivery.c.source_id == source, delivery.c.record == record)
                .values(**values)
            )

    def merge(self) -> None:
        self.ledger.transact(merge_contacts, survivor=self.ours, loser=self.theirs, now=self.now)

    def rows(self, record: str) -> dict[str, Any]:
        with self.ledger.engine.connect() as connection:
            found = connection.execute(
                select(delivery, lane.c.contact_id.label("whose"))
                .join(lane)
                .where(delivery.c.record == record)
            )
            return {row.source_id: row for row in found}

    @property
    def lanes(self) -> dict[int, Any]:
        with self.ledger.engine.connect() as connection:
            return {row.contact_id: row for row in connection.execute(select(lane))}


@pytest.fixture
def case(ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime) -> Case:
    return Case(ledger, new_contacts(2), start)


def test_the_loser_points_to_the_survivor_who_has_its_messages(case: Case) -> None:
    with case.ledger.engine.begin() as connection:
        connection.execute(
            insert(message).values(
                wamid="w",
                wamid_hash="h",
                number="Vendas",
                contact_id=case.theirs,
                conversation="c",
                direction="in",
                kind="text",
                sent_at=case.now,
            )
        )

    case.merge()

    with case.ledger.engine.connect() as connection:
        assert connection.execute(select(message.c.contact_id)).scalars().all() == [case.ours]
        pointers = connection.execute(select(contact.c.merged_into).order_by(contact.c.id))
        assert pointers.scalars().all() == [None, case.ours]


def test_a_merge_of_a_merge_points_to_the_last(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    first, second, third = new_contacts(3)
    ledger.transact(merge_contacts, survivor=second, loser=third, now=start)
    ledger.transact(merge_contacts, survivor=first, loser=second, now=start)

    with ledger.engine.connect() as connection:
        pointers = connection.execute(select(contact.c.merged_into).order_by(contact.c.id))
        assert pointers.scalars().all() == [None, first, first]


def test_a_lane_whose_other_contact_has_none_becomes_the_survivors(case: Case) -> None:
    case.want(wanted(case.theirs, "contact", str(case.theirs)), wanted(case.theirs, "message", "1"))
    case.change(str(case.theirs), state="synced", crm_id="C7", synced_generation=1)

    case.merge()

    (person,) = case.rows("contact").values()
    assert (person.source_id, person.crm_id, person.state) == (str(case.ours), "C7", "pending")
    assert person.generation == 2
    assert set(case.lanes) == {case.ours}


def test_open_messages_move_to_the_survivors_lane_which_is_due(case: Case) -> None:
    case.want(
        wanted(case.ours, "contact", str(case.ours)),
        wanted(case.theirs, "contact", str(case.theirs)),
        wanted(case.theirs, "message", "1"),
        wanted(case.theirs, "message", "2"),
    )
    case.change("2", "message", state="synced", crm_id="M2", synced_generation=1)
    with case.ledger.engine.begin() as connection:
        connection.execute(update(lane).values(due_at=None))

    case.merge()

    assert {row.whose for row in case.rows("message").values()} == {case.ours}
    assert case.lanes[case.ours].due_at == case.now
    assert set(case.rows("contact")) == {str(case.ours)}


def test_a_contact_that_only_the_loser_has_in_the_crm_becomes_the_survivors(case: Case) -> None:
    case.want(
        wanted(case.ours, "contact", str(case.ours)),
        wanted(case.theirs, "contact", str(case.theirs)),
    )
    case.change(str(case.theirs), state="synced", crm_id="C7", synced_generation=1)

    case.merge()

    (person,) = case.rows("contact").values()
    assert (person.source_id, person.crm_id, person.whose) == (str(case.ours), "C7", case.ours)


def test_of_two_in_the_crm_the_survivors_stays_and_the_other_is_remembered(case: Case) -> None:
    for contact_id, crm_id in ((case.ours, "C1"), (case.theirs, "C2")):
        case.want(wanted(contact_id, "contact", str(contact_id)))
        case.change(str(contact_id), state="synced", crm_id=crm_id, synced_generation=1)

    case.merge()

    rows = case.rows("contact")
    assert (rows[str(case.ours)].crm_id, rows[str(case.ours)].state) == ("C1", "pending")
    other = rows[str(case.theirs)]
    assert (other.crm_id, other.state, other.error_code) == ("C2", "skipped", "merged")
    assert other.whose == case.theirs


def test_a_create_in_flight_is_not_sent_a_second_time_for_the_survivor(case: Case) -> None:
    case.want(
        wanted(case.ours, "contact", str(case.ours)),
        wanted(case.theirs, "contact", str(case.theirs)),
        wanted(case.ours, "message", "1"),
    )
    case.change(
        str(case.theirs), state="in_flight", sent_at=case.now, verify_at=case.now, attempts=1
    )

    case.merge()

    (person,) = case.rows("contact").values()
    assert (person.state, person.source_id, person.whose) == (
        "in_flight",
        str(case.ours),
        case.ours,
    )
    lane_id = case.lanes[case.ours].id
    head = case.ledger.query(lane_heads, [lane_id])[lane_id]
    assert (head.record, head.state) == ("contact", "in_flight")


def test_a_create_in_flight_beside_one_in_the_crm_is_settled_as_what_it_was_sent_for(
    case: Case,
) -> None:
    case.want(
        wanted(case.ours, "contact", str(case.ours)),
        wanted(case.theirs, "contact", str(case.theirs)),
    )
    case.change(str(case.ours), state="synced", crm_id="C1", synced_generation=1)
    case.change(str(case.theirs), state="in_flight", sent_at=case.now, verify_at=case.now)

    case.merge()

    rows = case.rows("contact")
    assert rows[str(case.ours)].crm_id == "C1"
    assert (rows[str(case.theirs)].state, rows[str(case.theirs)].whose) == (
        "in_flight",
        case.theirs,
    )
    assert case.lanes[case.theirs].due_at == case.now


def test_an_ambiguous_match_is_asked_of_the_survivor_only_if_it_is_still_open(
    case: Case,
) -> None:
    case.want(wanted(case.theirs, "contact", str(case.theirs)))
    case.change(str(case.theirs), state="parked", error_code="ambiguous", parked_at=case.now)
    with case.ledger.engine.begin() as connection:
        for destination in ("hubspot", "other"):
            open_review(
                connection,
                kind="ambiguous",
                destination=destination,
                contact_id=case.theirs,
                candidates=[{"crm_id": "C1"}],
                now=case.now,
            )

    case.merge()

    with case.ledger.engine.connect() as connection:
        rows = connection.execute(select(review).order_by(review.c.destination)).all()
    assert [(row.contact_id, row.resolution) for row in rows] == [
        (case.ours, None),
        (case.theirs, "merged"),
    ]


def test_a_person_that_is_not_stored_has_no_id() -> None:
    with pytest.raises(ValueError, match="not stored"):
        _ = Person(key="wc_1", first_seen_at=datetime(2026, 1, 1)).stored_id  # noqa: DTZ001
