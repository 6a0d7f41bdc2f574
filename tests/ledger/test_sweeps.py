"""What a sweep reads: windows in order, fingerprints, records by their ids and keys."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from connector.ledger.ledger import Ledger
from connector.ledger.schema import delivery
from connector.ledger.sweeps import (
    Print,
    Window,
    count_window,
    held_by_crm_id,
    held_by_marker,
    keep_prints,
    window_page,
)
from tests.ledger.book import HOUR, NAME, START, Book


def window(**values: Any) -> Window:
    bounds = {"since": START, "until": START + HOUR}
    return Window(**{"destination": NAME, "record": "message", **bounds, **values})


def read_all(ledger: Ledger, which: Window, *, limit: int) -> list[int]:
    """Read a window page by page."""
    ids: list[int] = []
    after = None
    while page := ledger.query(window_page, which, after=after, limit=limit):
        ids += [row.id for row in page]
        assert page[-1].synced_at is not None
        after = (page[-1].synced_at, page[-1].id)
    return ids


def test_a_window_is_read_once_through_in_the_order_of_writing(book: Book) -> None:
    ids = [book.put_delivery(number, synced_at=START) for number in range(1, 4)]
    ids += [book.put_delivery(number) for number in range(5, 9)]
    book.put_delivery(9, synced_at=START - HOUR)
    book.put_delivery(10, synced_at=START + HOUR)
    book.put_delivery(11, state="pending")
    book.put_delivery(12, gone_at=START)
    book.put_contact()

    assert read_all(book.ledger, window(), limit=2) == ids
    assert book.ledger.query(count_window, window()) == len(ids)


def test_a_thrifty_window_leaves_out_what_was_looked_at_since_it_was_written(book: Book) -> None:
    stale = START + timedelta(minutes=30)
    never = book.put_delivery(1)
    book.put_delivery(2, checked_at=stale + HOUR)
    written_since = book.put_delivery(3, checked_at=stale + HOUR, sent_at=stale + 2 * HOUR)
    long_ago = book.put_delivery(4, checked_at=stale - HOUR / 4)
    thrifty = window(stale_before=stale)

    assert read_all(book.ledger, thrifty, limit=10) == [never, written_since, long_ago]
    rows = book.held(never, written_since, long_ago)
    assert all(thrifty.holds(row) for row in rows)
    everyone = book.ledger.query(window_page, window(), after=None, limit=10)
    assert [thrifty.holds(row) for row in everyone] == [True, False, True, True]


def test_a_record_is_found_by_the_id_it_has_in_the_crm(book: Book) -> None:
    first, second = book.put_contact(0, crm_id="7"), book.put_contact(1, crm_id="7")
    one = book.put_delivery(1, crm_id="7")

    contacts = book.ledger.query(held_by_crm_id, NAME, "contact", {"7", "8"})
    messages = book.ledger.query(held_by_crm_id, NAME, "message", {"7", "8"})

    assert sorted(row.id for row in contacts["7"]) == [first, second]
    assert [row.id for row in messages["7"]] == [one]
    assert "8" not in messages


def test_a_record_is_found_by_our_key_slice_by_slice(book: Book) -> None:
    ids = [book.put_delivery(number) for number in range(1, 6)]
    keys = {"wm_2", "wm_5", "wm_9"}

    near = book.ledger.query(held_by_marker, NAME, keys, after=0, upto=ids[2])
    far = book.ledger.query(held_by_marker, NAME, keys, after=ids[2], upto=ids[4])

    assert [row.id for row in near] == [ids[1]]
    assert [row.id for row in far] == [ids[4]]


def test_a_fingerprint_is_kept_unless_the_row_was_renewed_meanwhile(book: Book) -> None:
    one, two = book.put_delivery(1), book.put_delivery(2)
    prints = [Print(row.id, row.generation, "f" * 32) for row in book.held(one, two)]
    book.ledger.transact(
        lambda c: c.execute(update(delivery).where(delivery.c.id == two).values(generation=2))
    )

    book.ledger.transact(keep_prints, prints, at=START + HOUR)

    assert (book.row(one).crm_hash, book.row(one).checked_at) == ("f" * 32, START + HOUR)
    assert (book.row(two).crm_hash, book.row(two).checked_at) == (None, None)
    assert book.held(one)[0].trusted


def test_what_was_written_after_the_last_look_is_not_trusted(book: Book) -> None:
    row = book.put_delivery(1, crm_hash="f" * 32, checked_at=START, sent_at=START + HOUR)

    assert not book.held(row)[0].trusted
