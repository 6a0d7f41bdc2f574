"""Webhooks become contacts, messages and work on lanes, once."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from connector.errors import LeaseLostError, LedgerRefusedError
from connector.ledger import schema
from connector.ledger.audit import Scope, audit
from connector.ledger.keeper import HeldLease
from connector.ledger.overview import look
from connector.ledger.webhooks import reopen_webhooks, webhook_counts
from connector.record.routing import Route

CONVERSATIONS = Route("pipedrive", None, "conversation", frozenset(), frozenset({"status"}))


def balance(book: Any) -> dict[str, Any]:
    scopes = {"hubspot": Scope(numbers=None, record="message")}
    return book.ledger.query(audit, scopes)


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


def webhook_counts_of(book: Any) -> Any:
    return book.ledger.query(webhook_counts)


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


def test_replay_records_what_was_kept_and_doubles_nothing(book: Any, wire: Any) -> None:
    book.take(wire.text("wamid.1"), wire.text("wamid.2", number="999"))
    book.recorder._numbers["999"] = book.recorder._numbers["106540352242922"]

    book.ledger.transact(reopen_webhooks)
    book.record()

    assert [message.wamid for message in book.messages] == ["wamid.1", "wamid.2"]
    assert webhook_counts_of(book).failed == 0


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


def test_a_destination_gets_only_the_numbers_it_takes(
    new_book: Callable[..., Any], wire: Any
) -> None:
    book = new_book(
        routes=[Route("hubspot", frozenset({"Suporte"}), "message", frozenset(), frozenset())]
    )

    book.take(wire.text("wamid.1"), wire.text("wamid.2", number="206540352242922"))

    assert [d.source_id for d in book.deliveries("message")] == [str(book.message("wamid.2").id)]


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
