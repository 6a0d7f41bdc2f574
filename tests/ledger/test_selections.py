"""What a resync is narrowed to."""

from datetime import datetime
from typing import Any

from connector.ledger.selections import Selection, selected_deliveries
from tests.ledger.book import HOUR, NAME, START, Book


def select_ids(book: Book, **values: Any) -> list[int]:
    selection = Selection.from_json(Selection(**values).to_json())
    found = book.ledger.query(selected_deliveries, NAME, selection, after=0, upto=10_000)
    return [row.id for row in found]


def test_a_selection_narrows_by_time_contact_and_number(book: Book) -> None:
    book.put_message(1)
    book.put_message(2, contact=1, number="Suporte", sent_at=START + 48 * HOUR)
    person, other = book.put_contact(0), book.put_contact(1)
    early = book.put_delivery(1, position=_position(START))
    late = book.put_delivery(2, contact=1, position=_position(START + 48 * HOUR))
    waiting = book.put_delivery(3, state="pending", position=_position(START))
    book.put_delivery(4, state="parked", error_code="x", parked_at=START)
    book.put_delivery(5, gone_at=START)

    assert select_ids(book) == [person, other, early, late, waiting]
    assert select_ids(book, contact_id=book.contacts[1]) == [other, late]
    assert select_ids(book, since=START + 47 * HOUR) == [other, late]
    assert select_ids(book, until=START + HOUR) == [person, early, waiting]
    contacts = select_ids(book, numbers=frozenset({"Suporte"}))
    assert contacts == [other, early, late, waiting], "a message's number shows in the message"
    assert Selection(numbers=frozenset({"Suporte"})).takes("Suporte", START)
    assert not Selection(numbers=frozenset({"Suporte"})).takes("Vendas", START)


def _position(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
