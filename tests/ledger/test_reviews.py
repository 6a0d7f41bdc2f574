"""Reviews: what waits for a person, and what comes of the decision."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from connector.ledger.dead_letters import Filter, discard_dead_letters, retry_dead_letters
from connector.ledger.deliveries import Parked, Synced, settle_parked, settle_synced
from connector.ledger.lanes import Wanted, want
from connector.ledger.ledger import Ledger
from connector.ledger.reviews import (
    Review,
    chosen_matches,
    count_open_reviews,
    open_review,
    open_reviews,
    resolve_match,
)
from connector.ledger.schema import delivery, lane, message, review

Contacts = Callable[[int], list[int]]


def _ask(ledger: Ledger, person: int, now: datetime, *sources: tuple[str, str]) -> Review:
    """Park a contact as ambiguous, with records that wait behind it, and open the review."""
    wanted = [Wanted("hubspot", person, "contact", str(person), f"c{person}", 0)]
    wanted += [
        Wanted("hubspot", person, record, source, f"m{source}", place)  # type: ignore[arg-type]  # by hand
        for place, (record, source) in enumerate(sources, start=1)
    ]
    ledger.transact(want, wanted, now=now)
    row = _contact(ledger, person)
    ledger.transact(settle_parked, [Parked(row.id, "ambiguous", "2 match")], now=now)
    ledger.transact(
        open_review,
        kind="ambiguous",
        destination="hubspot",
        contact_id=person,
        candidates=[{"crm_id": "11"}, {"crm_id": "12"}],
        now=now,
    )
    with ledger.engine.begin() as connection:
        connection.execute(lane.update().where(lane.c.contact_id == person).values(due_at=None))
    [found] = [each for each in ledger.query(open_reviews) if each.contact_id == person]
    return found


def _contact(ledger: Ledger, person: int) -> Any:
    return ledger.query(
        lambda c: c.execute(
            select(delivery).where(
                delivery.c.record == "contact", delivery.c.source_id == str(person)
            )
        ).one()
    )


def _due(ledger: Ledger, person: int) -> datetime | None:
    found: datetime | None = ledger.query(
        lambda c: c.execute(select(lane.c.due_at).where(lane.c.contact_id == person)).scalar_one()
    )
    return found


def test_an_open_review_says_who_is_asked_about_and_how_much_waits(
    ledger: Ledger, new_contacts: Contacts, start: datetime
) -> None:
    [person, other] = new_contacts(2)
    with ledger.engine.begin() as connection:
        for serial in range(3):
            connection.execute(
                insert(message).values(
                    wamid_hash=f"h{serial}",
                    number="Vendas",
                    contact_id=other,
                    conversation="talk",
                    direction="in",
                    kind="text",
                    sent_at=start,
                )
            )
    asked = _ask(ledger, person, start, ("message", "1"), ("message", "2"))
    talk = _ask(ledger, other, start + timedelta(seconds=1), ("conversation", "talk"))

    assert (asked.contact, asked.waiting) == ("wc_0", 2)
    assert [each["crm_id"] for each in asked.candidates] == ["11", "12"]
    assert talk.waiting == 3
    assert ledger.query(open_reviews, limit=1) == [asked]
    assert ledger.query(open_reviews, ids=(talk.id,)) == [talk]
    assert ledger.query(count_open_reviews) == 2
    assert ledger.query(count_open_reviews, kind="recycled_number") == 0
    assert ledger.query(open_reviews, destination="pipedrive") == []


@pytest.mark.parametrize("resolution", ["use:12", "create", "skip"])
def test_a_decision_revives_the_contact_and_wakes_its_lane(
    ledger: Ledger, new_contacts: Contacts, start: datetime, resolution: str
) -> None:
    [person] = new_contacts(1)
    asked = _ask(ledger, person, start, ("message", "1"))
    later = start + timedelta(minutes=1)

    assert ledger.transact(resolve_match, asked, resolution, now=later) is None

    row = _contact(ledger, person)
    assert (row.state, row.error_code) == ("pending", None)
    assert _due(ledger, person) == later
    assert ledger.query(chosen_matches, "hubspot", [person]) == {person: resolution}
    assert ledger.query(open_reviews) == []


def test_a_review_is_resolved_once(ledger: Ledger, new_contacts: Contacts, start: datetime) -> None:
    [person] = new_contacts(1)
    asked = _ask(ledger, person, start)
    assert ledger.transact(resolve_match, asked, "create", now=start) is None

    assert ledger.transact(resolve_match, asked, "skip", now=start) == "resolved"
    assert ledger.query(chosen_matches, "hubspot", [person]) == {person: "create"}


def test_a_record_that_another_contact_has_is_not_given_away(
    ledger: Ledger, new_contacts: Contacts, start: datetime
) -> None:
    [person, other] = new_contacts(2)
    asked = _ask(ledger, person, start)
    ledger.transact(want, [Wanted("hubspot", other, "contact", str(other), "c", 0)], now=start)
    ledger.transact(settle_synced, [Synced(_contact(ledger, other).id, 1, "12", "hash")], now=start)

    assert ledger.transact(resolve_match, asked, "use:12", now=start) == "linked"
    assert _contact(ledger, person).state == "parked"
    assert len(ledger.query(open_reviews)) == 1


def test_a_choice_counts_no_more_once_the_record_is_gone(
    ledger: Ledger, new_contacts: Contacts, start: datetime
) -> None:
    [person, nobody] = new_contacts(2)
    ledger.transact(resolve_match, _ask(ledger, person, start), "use:12", now=start)
    ledger.transact(resolve_match, _ask(ledger, nobody, start), "skip", now=start)
    gone = start + timedelta(hours=1)
    rows = [
        Parked(_contact(ledger, each).id, "vanished", "deleted", gone_at=gone)
        for each in (person, nobody)
    ]
    ledger.transact(settle_parked, rows, now=gone)

    assert ledger.query(chosen_matches, "hubspot", [person, nobody]) == {nobody: "skip"}


def test_a_contact_given_up_or_tried_again_is_asked_about_no_more(
    ledger: Ledger, new_contacts: Contacts, start: datetime
) -> None:
    [given_up, again] = new_contacts(2)
    for person in (given_up, again):
        _ask(ledger, person, start)

    which = Filter(ids=(_contact(ledger, given_up).id,))
    ledger.transact(discard_dead_letters, which, reason="a test", actor="me", now=start)
    which = Filter(ids=(_contact(ledger, again).id,))
    ledger.transact(retry_dead_letters, which, actor="me", now=start)

    assert ledger.query(open_reviews) == []
    left = ledger.query(lambda c: c.execute(select(review.c.contact_id)).scalars().all())
    assert left == [given_up], "what was decided is kept"
    assert ledger.query(chosen_matches, "hubspot", [given_up, again]) == {given_up: "skip"}
