"""Messages that nothing carries, and messages that never reached us."""

from typing import Any

from sqlalchemy import insert, select

from connector.ledger.gaps import (
    blocked_contacts,
    count_unseen,
    load_uncarried,
    named_messages,
    uncarried_messages,
    want_uncarried,
)
from connector.ledger.schema import alias, delivery
from connector.model.message import UNSEEN
from tests.ledger.book import HOUR, NAME, START, Book


def look_for_gaps(book: Book, **values: Any) -> list[int]:
    """Look at all messages, three at a time; return those that nothing carries."""
    ids: list[int] = []
    after = None
    scope = {"record": "message", "number": "Vendas", "since": START, "until": START + HOUR}
    while True:
        found, after = book.ledger.query(
            uncarried_messages, NAME, **{**scope, **values}, after=after, limit=3
        )
        ids += [each.id for each in found]
        if after is None:
            return ids


def test_messages_that_nothing_carries_are_found_and_others_are_not(book: Book) -> None:
    carried = book.put_message(1)
    book.put_delivery(carried)
    missing = [book.put_message(number) for number in range(2, 9)]
    book.put_message(20, kind=UNSEEN, content={})
    book.put_message(21, wamid=None)
    book.put_message(22, purged_at=START)
    book.put_message(23, number="Suporte")
    book.put_message(24, sent_at=START - HOUR)

    assert look_for_gaps(book) == missing
    assert look_for_gaps(book, contact_id=book.contacts[1]) == []


def test_a_conversation_carries_all_of_its_messages(book: Book) -> None:
    book.put_message(1)
    book.put_message(2)
    other = book.put_message(3, contact=1)
    key = f"{book.contacts[0]}:Vendas:2026-11-24"
    book.put_delivery(1, record="conversation", source_id=key)

    assert look_for_gaps(book, record="conversation") == [other]


def want(book: Book, ids: list[int], *, blocked: frozenset[str] = frozenset()) -> None:
    messages = book.ledger.query(load_uncarried, ids)
    book.ledger.transact(
        want_uncarried,
        NAME,
        messages,
        record="message",
        keyed_hash=book.ledger.keyed_hash,
        is_blocked=lambda aliases: any(each.value in blocked for each in aliases),
        now=START + HOUR,
    )


def rows(book: Book) -> list[tuple[str, str, str | None]]:
    found = book.ledger.query(
        lambda c: c.execute(
            select(delivery.c.record, delivery.c.state, delivery.c.error_code).order_by(
                delivery.c.record, delivery.c.id
            )
        ).all()
    )
    return [tuple(row) for row in found]


def test_what_was_missing_is_put_on_its_lane_with_its_contact(book: Book) -> None:
    ids = [book.put_message(1), book.put_message(2)]

    want(book, ids)
    want(book, ids)

    assert rows(book) == [
        ("contact", "pending", None),
        ("message", "pending", None),
        ("message", "pending", None),
    ]
    assert look_for_gaps(book) == []
    assert book.lane().due_at == START + HOUR


def test_what_is_missing_of_a_blocked_person_is_accounted_for_and_not_sent(book: Book) -> None:
    message_id = book.put_message(1)
    book.ledger.transact(
        lambda c: c.execute(
            insert(alias).values(
                scope="default",
                kind="wa_id",
                value="5511912345678",
                contact_id=book.contacts[0],
                seen_at=START,
            )
        )
    )

    want(book, [message_id], blocked=frozenset({"5511912345678"}))

    assert rows(book) == [("message", "skipped", "blocked")]
    found = book.ledger.query(blocked_contacts, book.contacts, is_blocked=lambda _: True)
    assert found == {book.contacts[0]}


def test_a_message_only_spoken_of_counts_as_missed_where_its_like_do_reach_us(book: Book) -> None:
    book.put_message(1, kind=UNSEEN, content={}, direction="out", status="read")
    assert book.ledger.query(count_unseen, "Vendas", since=START) == 0

    book.put_message(2, direction="out")
    assert book.ledger.query(count_unseen, "Vendas", since=START) == 1
    assert book.ledger.query(count_unseen, "Vendas", since=START + HOUR) == 0
    assert book.ledger.query(count_unseen, "Suporte", since=START) == 0


def test_the_messages_that_others_name_are_read_page_by_page(book: Book) -> None:
    book.put_message(1, content={"text": "sim", "reply_to": "wamid.A"})
    book.put_message(2, kind="reaction", content={"reaction": {"message_id": "wamid.B"}})
    book.put_message(3)
    book.put_message(4, content={"reply_to": "wamid.C"}, sent_at=START - HOUR)

    first, after = book.ledger.query(named_messages, "Vendas", since=START, after=None, limit=2)
    second, end = book.ledger.query(named_messages, "Vendas", since=START, after=after, limit=2)

    assert first == {"wamid.A", "wamid.B"}
    assert (second, end) == (set(), None)
