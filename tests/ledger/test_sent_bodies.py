"""The bytes of a create are kept while its outcome is unknown, and no longer."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from connector.ledger.deliveries import (
    IN_DOUBT,
    Parked,
    Synced,
    begin,
    settle_failed,
    settle_in_doubt,
    settle_parked,
    settle_pending,
    settle_skipped,
    settle_synced,
)
from connector.ledger.lanes import Wanted, want
from connector.ledger.ledger import Ledger
from connector.ledger.schema import delivery

NewContacts = Callable[[int], list[int]]


def make_row(ledger: Ledger, person: int, now: datetime) -> int:
    wanted = Wanted("hubspot", person, "message", "1", marker="m_1", position=1)
    ledger.transact(want, [wanted], now=now)
    ids = select(delivery.c.id)
    found: int = ledger.query(lambda connection: connection.execute(ids).scalar_one())
    return found


def kept(ledger: Ledger) -> tuple[str, bytes | None, datetime | None]:
    columns = (delivery.c.state, delivery.c.sent_body, delivery.c.sent_at)
    row = ledger.query(lambda connection: connection.execute(select(*columns)).one())
    return row.state, row.sent_body, row.sent_at


def start_again(ledger: Ledger, row: int, now: datetime, body: bytes = b"one") -> set[int]:
    return ledger.transact(begin, [row], now=now, verify_at=now, bodies={row: body})


def test_what_is_in_doubt_may_be_begun_again_and_keeps_its_first_time(
    ledger: Ledger, new_contacts: NewContacts, start: datetime
) -> None:
    row = make_row(ledger, new_contacts(1)[0], start)
    later = start + timedelta(minutes=5)

    assert start_again(ledger, row, start) == {row}
    ledger.transact(settle_in_doubt, [row], detail="reset")
    assert ledger.transact(begin, [row], now=later, verify_at=later) == set()
    assert start_again(ledger, row, later) == {row}

    assert kept(ledger) == ("in_flight", b"one", start)


def test_a_new_try_has_new_bytes_and_a_new_time(
    ledger: Ledger, new_contacts: NewContacts, start: datetime
) -> None:
    row = make_row(ledger, new_contacts(1)[0], start)
    later = start + timedelta(minutes=5)
    start_again(ledger, row, start)
    ledger.transact(settle_pending, [row], counts=False)

    start_again(ledger, row, later, b"two")

    assert kept(ledger) == ("in_flight", b"two", later)


def settlings(
    row: int, now: datetime
) -> list[tuple[Callable[..., None], tuple[object, ...], dict[str, object]]]:
    return [
        (settle_synced, ([Synced(row, 1, "crm", "h")],), {"now": now}),
        (settle_pending, ([row],), {"counts": False}),
        (settle_parked, ([Parked(row, "rejected.422", "no")],), {"now": now}),
        (settle_failed, ([row],), {"code": "busy", "detail": "locked"}),
        (settle_skipped, ([row],), {"reason": "operator"}),
    ]


@pytest.mark.parametrize("number", range(5))
def test_once_the_outcome_is_known_the_bytes_are_forgotten(
    number: int, ledger: Ledger, new_contacts: NewContacts, start: datetime
) -> None:
    row = make_row(ledger, new_contacts(1)[0], start)
    start_again(ledger, row, start)
    work, values, named = settlings(row, start)[number]

    ledger.transact(work, *values, **named)

    assert kept(ledger)[1] is None


def test_a_row_parked_in_doubt_keeps_them_for_whoever_looks(
    ledger: Ledger, new_contacts: NewContacts, start: datetime
) -> None:
    row = make_row(ledger, new_contacts(1)[0], start)
    start_again(ledger, row, start)

    ledger.transact(settle_parked, [Parked(row, IN_DOUBT, "look")], now=start)

    assert kept(ledger)[:2] == ("parked", b"one")
