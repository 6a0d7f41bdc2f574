"""Messages in the ledger: stored once, changed in what changed, whoever came first."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from connector.ledger.contacts import RaceLostError
from connector.ledger.ledger import Ledger
from connector.ledger.messages import MessageRow, find_messages, store_messages
from connector.ledger.schema import message


@pytest.fixture
def new_message(new_contacts: Callable[[int], list[int]], start: datetime) -> Callable[..., Any]:
    (contact_id,) = new_contacts(1)

    def make(hashed: str, **values: Any) -> MessageRow:
        return MessageRow(
            wamid_hash=hashed,
            wamid=f"wamid.{hashed}",
            number="Vendas",
            contact_id=contact_id,
            conversation=f"{contact_id}:Vendas:2026-11-24",
            direction="in",
            sent_at=start,
            **values,
        )

    return make


def test_what_is_stored_is_found_again(ledger: Ledger, new_message: Callable[..., Any]) -> None:
    rows = [new_message(f"h{n}", kind="text", content={"text": str(n)}) for n in range(300)]

    ledger.transact(store_messages, rows)

    found = ledger.query(find_messages, {row.wamid_hash for row in rows} | {"nobody's"})
    assert {hashed: row.content for hashed, row in found.items()} == {
        f"h{n}": {"text": str(n)} for n in range(300)
    }
    assert [found[row.wamid_hash].id for row in rows] == [row.id for row in rows]
    assert all(row.seen and not row.erased for row in found.values())


def test_only_what_changed_is_written(ledger: Ledger, new_message: Callable[..., Any]) -> None:
    ledger.transact(store_messages, [new_message("h1", kind="text", content={"text": "Oi"})])
    stale = ledger.query(find_messages, {"h1"})["h1"]
    with ledger.engine.begin() as connection:
        connection.execute(update(message).values(content={"text": "purged meanwhile"}))
    stale.set("status", "read")

    ledger.transact(store_messages, [stale])

    found = ledger.query(find_messages, {"h1"})["h1"]
    assert (found.status, found.content) == ("read", {"text": "purged meanwhile"})


def test_who_stores_a_message_second_is_told_to_look_again(
    ledger: Ledger, new_message: Callable[..., Any]
) -> None:
    ledger.transact(store_messages, [new_message("h1")])

    with pytest.raises(RaceLostError):
        ledger.transact(store_messages, [new_message("h0"), new_message("h1")])

    assert set(ledger.query(find_messages, {"h0", "h1"})) == {"h1"}


def test_two_that_store_overlapping_messages_at_once_both_end(
    ledger: Ledger, new_message: Callable[..., Any]
) -> None:
    together = threading.Barrier(2, timeout=10)
    lost: list[RaceLostError] = []
    batches = [[new_message(f"h{n}") for n in order] for order in (range(50), range(49, 24, -1))]

    def store(rows: list[MessageRow]) -> None:
        together.wait()
        try:
            ledger.transact(store_messages, rows)
        except RaceLostError as error:
            lost.append(error)

    threads = [threading.Thread(target=store, args=(rows,)) for rows in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    def count(connection: Connection) -> int:
        return len(connection.execute(select(message.c.id)).all())

    assert len(lost) == 1
    assert ledger.query(count) in {25, 50}
