"""What is stored and not delivered, or not stored: each with its reason, and counted."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from connector.errors import LedgerRefusedError
from connector.ledger import schema
from tests.record.looks import balance, webhook_counts_of


def test_what_is_not_understood_is_counted_by_reason_and_place(book: Any, wire: Any) -> None:
    body = wire.body(
        wire.value(
            messages=[
                None,
                wire.message("wamid.1", type="hologram", **{"from": "5511987654321"}),
                wire.message("wamid.2", type="hologram", **{"from": "5511987654321"}),
                wire.message("wamid.3", **{"from": "5511987654321"}),
            ]
        ),
        wire.value(number="999", messages=[wire.message("wamid.4", **{"from": "5511987654321"})]),
    )

    book.take(body, b"not json")

    understood, unreadable = book.rows(schema.webhook)
    assert understood.kept_raw == {
        "unparsable": 1,
        "messages/messages": 1,
        "unknown": 2,
        "messages/hologram": 2,
        "unrouted": 1,
    }
    assert understood.error is None
    assert unreadable.error
    assert unreadable.kept_raw == {"unparsable": 1}
    assert [message.wamid for message in book.messages] == ["wamid.3"]
    assert balance(book)["kept_raw"] == {"unparsable": 2, "unknown": 2, "unrouted": 1}
    assert webhook_counts_of(book).failed == 2


def test_a_message_that_is_too_old_is_stored_and_skipped(book: Any, wire: Any) -> None:
    book.take(wire.text("wamid.1", at=-31 * 86400), wire.text("wamid.2", at=-29 * 86400))

    old, young = book.deliveries("message")
    assert (old.state, old.error_code) == ("skipped", "too_old")
    assert young.state == "pending"
    assert balance(book)["skipped"] == {"too_old": 1}
    assert balance(book)["difference"] == 0


def test_only_too_old_messages_bring_nobody_into_the_crm(book: Any, wire: Any) -> None:
    book.take(wire.text("wamid.1", at=-31 * 86400))

    assert book.deliveries("contact") == []
    assert [lane.due_at for lane in book.rows(schema.lane)] == [None]


@pytest.mark.parametrize("blocked", ["+55 11 8765-4321", "BR.1"])
def test_somebody_blocked_is_stored_and_skipped(
    new_book: Callable[..., Any], wire: Any, blocked: str
) -> None:
    book = new_book(block=[blocked])

    book.take(
        wire.text("wamid.1", user_id="BR.1"), wire.text("wamid.2", phone="5521999998888", at=1)
    )

    first, second = book.deliveries("message")
    assert (first.state, first.error_code) == ("skipped", "blocked")
    assert second.state == "pending"
    assert len(book.deliveries("contact")) == 1
    assert balance(book)["difference"] == 0


def test_an_erased_persons_message_does_not_come_back(book: Any, wire: Any) -> None:
    book.take(wire.text("wamid.1"))
    (contact,) = book.contacts
    with book.ledger.engine.begin() as connection:
        connection.execute(text("UPDATE message SET wamid = NULL, content = NULL"))
        connection.execute(text("DELETE FROM alias"))
        connection.execute(
            update(schema.contact).values(
                phone=None, profile_name=None, erased_at=book.ledger.clock.now()
            )
        )

    book.take(
        json.dumps(wire.text("wamid.1"), indent=1).encode(), wire.status("wamid.1", "read", at=9)
    )

    assert [row.id for row in book.contacts] == [contact.id]
    assert [(row.wamid, row.content, row.status) for row in book.messages] == [(None, None, None)]

    book.take(wire.text("wamid.2", at=1))
    assert len(book.contacts) == 2


def test_a_purged_message_stays_purged(book: Any, wire: Any) -> None:
    book.take(wire.text("wamid.1"))
    with book.ledger.engine.begin() as connection:
        connection.execute(
            update(schema.message).values(content=None, purged_at=book.ledger.clock.now())
        )

    book.take(json.dumps(wire.text("wamid.1"), indent=1).encode())

    assert [row.content for row in book.messages] == [None]


def test_a_webhook_the_ledger_refuses_is_set_aside_and_holds_up_nobody(
    book: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_batch = book.recorder.record_batch

    def refuse(connection: Any, batch: Any, lease: Any) -> Any:
        if any(item.event.wamid == "wamid.poison" for item in batch.items):
            connection.execute(insert(schema.contact).values(key=None, first_seen_at=None))
        return record_batch(connection, batch, lease)

    monkeypatch.setattr(book.recorder, "record_batch", refuse)
    book.store(wire.text("wamid.1"), wire.text("wamid.poison"), wire.text("wamid.2"))

    asyncio.run(book.recorder.record_waiting(book.lease))

    assert [row.wamid for row in book.messages] == ["wamid.1", "wamid.2"]
    bad = [row for row in book.rows(schema.webhook) if row.error]
    assert [row.error for row in bad] == ["could not be recorded: LedgerRefusedError"]
    assert webhook_counts_of(book).waiting == 0


def test_if_no_webhook_can_be_recorded_none_is_set_aside(
    book: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(connection: Any, *_: Any) -> None:
        connection.execute(insert(schema.contact).values(key=None, first_seen_at=None))

    monkeypatch.setattr(book.recorder, "record_batch", refuse)
    book.store(wire.text("wamid.1"), wire.text("wamid.2"))

    with pytest.raises(LedgerRefusedError):
        asyncio.run(book.recorder.record_waiting(book.lease))

    assert webhook_counts_of(book).waiting == 2


def test_elements_of_unknown_numbers_are_counted_once_each(book: Any, wire: Any) -> None:
    reaction = {"message_id": "wamid.0", "emoji": "x"}
    book.take(
        wire.text("wamid.1", number="999", type="reaction", reaction=reaction),
        wire.text("wamid.2", number="999", type="system", system={"type": "user_changed_number"}),
    )

    assert balance(book)["kept_raw"]["unrouted"] == 2
    assert book.contacts == []


def test_what_can_not_be_kept_of_a_long_body_is_counted_to_its_end(book: Any, wire: Any) -> None:
    nobody = {"id": "wamid.s", "status": "sent", "timestamp": wire.time(0)}
    messages = [wire.message(f"wamid.{n}", **{"from": "5511987654321"}) for n in range(600)]
    book.store(wire.body(wire.value(statuses=[nobody]), wire.value(messages=messages)))

    asyncio.run(book.recorder.record_waiting(book.lease))

    assert balance(book)["kept_raw"]["unparsable"] == 1
    assert len(book.messages) == 600
