"""From stored webhooks to contacts, messages and what is due to whom."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from connector.errors import LeaseLostError
from connector.ledger import schema
from connector.ledger.keeper import HeldLease
from connector.ledger.overview import look
from connector.ledger.webhooks import reopen_webhooks
from connector.record.routing import Route
from tests.record.looks import webhook_counts_of


def test_a_text_becomes_a_contact_a_message_and_two_deliveries(book: Any, wire: Any) -> None:
    book.take(wire.text("wamid.1", user_id="BR.1", name="Ana Souza", body="Oi"))

    (contact,) = book.contacts
    assert contact.key.startswith("wc_")
    assert (contact.phone, contact.profile_name) == ("+5511987654321", "Ana Souza")
    assert (
        contact.last_inbound_at == contact.first_seen_at == datetime(2026, 11, 24, 15, tzinfo=UTC)
    )
    assert book.aliases(contact.id) == {"BR.1", "5511987654321", "551187654321"}
    (message,) = book.messages
    assert message.content == {"text": "Oi"}
    assert (message.direction, message.kind, message.number) == ("in", "text", "Vendas")
    assert message.conversation == f"{contact.key}:Vendas:2026-11-24"
    (person,) = book.deliveries("contact")
    assert (person.source_id, person.marker, person.position) == (str(contact.id), contact.key, 0)
    (written,) = book.deliveries("message")
    assert written.source_id == str(message.id)
    assert written.marker.startswith("wm_")
    assert written.position == 1_795_532_400_000
    (lane,) = book.rows(schema.lane)
    assert (lane.priority, lane.due_at) == (0, book.ledger.clock.now())


def test_a_webhook_delivered_again_in_other_company_changes_nothing(book: Any, wire: Any) -> None:
    one = wire.text("wamid.1")
    book.take(one)
    before = book.messages, book.contacts, book.deliveries("message"), book.deliveries("contact")
    other = json.loads(json.dumps(one))
    other["entry"][0]["changes"][0]["value"]["messages"] *= 3

    book.take(other, json.dumps(one, indent=1).encode())

    after = book.messages, book.contacts, book.deliveries("message"), book.deliveries("contact")
    assert before == after
    assert book.elements["messages", "duplicate"] == 4


def test_a_body_of_a_thousand_items_is_recorded_whole(book: Any, wire: Any) -> None:
    messages = [wire.message(f"wamid.{n}", **{"from": f"55119{n % 50:08}"}) for n in range(1000)]

    book.take(wire.body(wire.value(messages=messages)))

    assert len(book.messages) == 1000
    (webhook,) = book.rows(schema.webhook)
    assert webhook.recorded_at is not None


def test_a_half_recorded_body_is_finished_by_the_next_recorder(book: Any, wire: Any) -> None:
    messages = [wire.message(f"wamid.{n}", **{"from": f"55119{n % 50:08}"}) for n in range(1000)]
    book.store(wire.body(wire.value(messages=messages)))
    (webhook,) = book.rows(schema.webhook)
    first, *_ = book.recorder.prepare([webhook])
    book.ledger.transact(book.recorder.record_batch, first, book.lease)
    assert webhook_counts_of(book).waiting == 1

    book.record()

    assert webhook_counts_of(book).waiting == 0
    assert len(book.messages) == 1000
    assert len(book.deliveries("message")) == 1000


def test_replay_records_what_was_kept_and_doubles_nothing(book: Any, wire: Any) -> None:
    book.take(wire.text("wamid.1"), wire.text("wamid.2", number="999"))
    book.recorder._numbers["999"] = book.recorder._numbers["106540352242922"]

    book.ledger.transact(reopen_webhooks)
    book.record()

    assert [message.wamid for message in book.messages] == ["wamid.1", "wamid.2"]
    assert webhook_counts_of(book).failed == 0


def test_a_destination_gets_only_the_numbers_it_takes(
    new_book: Callable[..., Any], wire: Any
) -> None:
    book = new_book(
        routes=[Route("hubspot", frozenset({"Suporte"}), "message", frozenset(), frozenset())]
    )

    book.take(wire.text("wamid.1"), wire.text("wamid.2", number="206540352242922"))

    assert [d.source_id for d in book.deliveries("message")] == [str(book.message("wamid.2").id)]


def test_who_lost_the_lease_records_nothing(book: Any, wire: Any) -> None:
    book.store(wire.text("wamid.1"))
    with book.ledger.engine.begin() as connection:
        connection.execute(text("UPDATE lease SET epoch = epoch + 1"))

    with pytest.raises(LeaseLostError):
        book.record()

    assert book.messages == []


def held(book: Any) -> HeldLease:
    return HeldLease(book.ledger, book.lease, life=90.0, since=book.ledger.clock.boot())


def test_the_loop_records_what_comes_while_it_runs_and_ends_when_told(book: Any, wire: Any) -> None:
    told: list[frozenset[str]] = []

    async def scenario() -> None:
        wake, stop, recorded = asyncio.Event(), asyncio.Event(), asyncio.Event()

        def on_wanted(names: frozenset[str]) -> None:
            told.append(names)
            recorded.set()

        book.recorder._on_wanted = on_wanted
        running = asyncio.create_task(book.recorder.run(held(book), wake=wake, stop=stop))
        for n in range(3):
            recorded.clear()
            await asyncio.to_thread(book.store, wire.text(f"wamid.{n}"))
            wake.set()
            await asyncio.wait_for(recorded.wait(), 10)
        stop.set()
        await asyncio.wait_for(running, 10)

    asyncio.run(scenario())

    assert len(book.messages) == 3
    assert told == [frozenset({"hubspot"})] * 3


def test_unknown_shapes_and_what_whatsapp_says_of_us_stand_in_the_overview(
    book: Any, wire: Any
) -> None:
    banned = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}
    book.take(
        wire.text("wamid.1", type="hologram"),
        wire.body(banned, field="account_update"),
        wire.body({"event": "VERIFIED_ACCOUNT"}, field="account_update"),
    )

    view = book.ledger.query(look, now=book.ledger.clock.now(), numbers=["Vendas"])

    assert view.kept_raw == {"unknown": 1, "messages/hologram": 1}
    assert [(n.field, n.word, n.level) for n in view.notices][:1] == [
        ("account_update", "DISABLED_UPDATE", "danger")
    ]
