"""What renews a record in a CRM, and what does not."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from connector.ledger import schema
from connector.record.routing import Route
from tests.record.looks import balance

CONVERSATIONS = Route("pipedrive", None, "conversation", frozenset(), frozenset({"status"}))


def sync_everything(book: Any) -> None:
    """Let the destination hold whatever is wanted now."""
    with book.ledger.engine.begin() as connection:
        connection.execute(
            update(schema.delivery)
            .where(schema.delivery.c.state == "pending")
            .values(
                state="synced",
                crm_id=schema.delivery.c.marker,
                synced_generation=schema.delivery.c.generation,
            )
        )
        connection.execute(update(schema.lane).values(due_at=None))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_no_status_goes_backwards(book: Any, wire: Any, order: tuple[int, ...]) -> None:
    statuses = [
        wire.status("wamid.1", status, at=at)
        for at, status in enumerate(["sent", "delivered", "read"])
    ]

    book.take(*(statuses[n] for n in order))

    (row,) = book.messages
    assert (row.status, row.kind, row.direction) == ("read", "unseen", "out")
    assert book.deliveries("message") == book.deliveries("contact") == []
    assert balance(book)["received"] == 0


def test_a_message_that_comes_after_its_status_is_joined_to_it(book: Any, wire: Any) -> None:
    book.take(wire.status("wamid.1", "delivered", at=9, pricing={"category": "service"}))

    book.take(wire.text("wamid.1", body="Olá"))

    (row,) = book.messages
    assert (row.status, row.kind) == ("delivered", "text")
    assert row.content == {"text": "Olá", "pricing": {"category": "service"}}
    assert [delivery.generation for delivery in book.deliveries("message")] == [1]


def test_a_status_renews_a_delivery_only_if_the_mapping_uses_it(
    new_book: Callable[..., Any], wire: Any
) -> None:
    uses = Route("uses", None, "message", frozenset(), frozenset({"status"}))
    ignores = Route("ignores", None, "message", frozenset(), frozenset({"text"}))
    book = new_book(routes=[uses, ignores, CONVERSATIONS])
    book.take(wire.text("wamid.1"))
    sync_everything(book)

    book.take(wire.status("wamid.1", "read"))
    book.take(wire.status("wamid.1", "read"), wire.status("wamid.1", "sent"))

    (used,), (ignored,) = book.deliveries("message", "uses"), book.deliveries("message", "ignores")
    assert (used.state, used.generation) == ("pending", 2)
    assert (ignored.state, ignored.generation) == ("synced", 1)
    assert book.deliveries("conversation", "pipedrive")[0].generation == 2
    due = {lane.destination for lane in book.rows(schema.lane) if lane.due_at is not None}
    assert due == {"uses", "pipedrive"}


def test_a_contact_is_renewed_only_if_what_changed_is_used(
    new_book: Callable[..., Any], wire: Any
) -> None:
    named = Route("named", None, "message", frozenset({"display_name"}), frozenset())
    dated = Route("dated", None, "message", frozenset({"last_message_at"}), frozenset())
    book = new_book(routes=[named, dated])
    book.take(wire.text("wamid.1", name="Ana"))
    sync_everything(book)

    book.take(wire.text("wamid.2", name="Ana", at=1))
    assert [book.deliveries("contact", name)[0].state for name in ("named", "dated")] == [
        "synced",
        "pending",
    ]
    book.take(wire.text("wamid.3", name="Ana Souza", at=1))
    assert book.deliveries("contact", "named")[0].state == "pending"


def test_what_a_status_teaches_of_a_contact_makes_no_record_where_there_is_none(
    book: Any, wire: Any
) -> None:
    status = wire.status("wamid.1", "read", user_id="BR.1")
    status["entry"][0]["changes"][0]["value"]["contacts"] = [
        wire.card("Ana", wa_id="5511987654321")
    ]

    book.take(status)

    assert book.contacts[0].profile_name == "Ana"
    assert book.deliveries("contact") == []
    assert book.rows(schema.lane) == []


def test_a_conversation_is_one_record_of_a_local_day_renewed_by_each_message(
    new_book: Callable[..., Any], wire: Any
) -> None:
    book = new_book(routes=[CONVERSATIONS])
    book.take_together(
        wire.text("wamid.1", at=5), wire.text("wamid.2"), wire.text("wamid.3", at=11 * 3600)
    )
    book.take_together(wire.text("wamid.4", at=12 * 3600), wire.text("wamid.5", at=12 * 3600))

    today, tomorrow = book.deliveries("conversation", "pipedrive")
    assert today.source_id.endswith(":Vendas:2026-11-24")
    assert (today.position, today.generation) == (1_795_532_400_000, 1)
    assert tomorrow.source_id.endswith(":Vendas:2026-11-25")
    book.take(wire.text("wamid.6", at=13 * 3600))
    assert [d.generation for d in book.deliveries("conversation", "pipedrive")] == [1, 2]


def test_an_edit_beside_a_status_in_one_batch_renews_what_ignores_statuses(
    new_book: Callable[..., Any], wire: Any
) -> None:
    book = new_book(routes=[Route("words", None, "message", frozenset(), frozenset({"text"}))])
    book.take(wire.text("wamid.1"))
    sync_everything(book)
    edit = {"original_message_id": "wamid.1", "message": {"text": {"body": "Corrigida"}}}

    book.take_together(
        wire.status("wamid.1", "read", pricing={"category": "service"}),
        wire.text("wamid.2", type="edit", edit=edit, at=1),
    )

    assert book.message("wamid.1").content["text"] == "Corrigida"
    assert [d.generation for d in book.deliveries("message", "words")] == [2]
