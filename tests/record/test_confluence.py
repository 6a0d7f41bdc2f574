"""One stream of events, split, merged, reordered and doubled, ends in one ledger."""

import json
from collections.abc import Callable
from typing import Any

from connector.ledger import schema
from connector.record.routing import Route
from tests.record.stream import PERMUTATIONS, empty, rearrange, stream

ROUTES = [
    Route("one", None, "message", frozenset({"display_name", "phone"}), frozenset({"text"})),
    Route("two", None, "conversation", frozenset(), frozenset({"status"})),
]


def test_any_order_of_the_same_events_ends_in_the_same_ledger(
    new_book: Callable[..., Any], wire: Any
) -> None:
    book = new_book(routes=ROUTES)
    bodies = stream(wire)
    book.take(*bodies)
    expected = picture(book)
    assert len(expected["messages"]) == 17
    assert len(expected["contacts"]) == 3

    for seed in PERMUTATIONS:
        book.ledger.transact(empty)
        together = book.take_together if seed % 2 else book.take
        together(*rearrange(bodies, seed))

        assert differences(picture(book), expected) == {}, f"seed {seed}"


def differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Return what differs, entry by entry."""
    different: dict[str, Any] = {}
    for name, part in expected.items():
        other = found[name]
        if isinstance(part, dict):
            keys = {key for key in {*part, *other} if part.get(key) != other.get(key)}
            if keys:
                different[name] = {key: (other.get(key), part.get(key)) for key in keys}
        elif other != part:
            different[name] = (other, part)
    return different


def picture(book: Any) -> dict[str, Any]:
    """Return what a ledger holds, without ids, keys and how often things were renewed."""
    who = {row.id: frozenset(book.aliases(row.id)) for row in book.contacts if book.aliases(row.id)}
    messages = {row.id: row for row in book.messages}
    return {
        "contacts": {
            who[row.id]: (
                row.phone,
                row.username,
                row.profile_name,
                row.book_name,
                row.first_seen_at,
                row.last_inbound_at,
                row.last_outbound_at,
                row.marketing_opt_out_at,
                json.dumps(row.referral, sort_keys=True),
            )
            for row in book.contacts
        },
        "messages": {
            row.wamid: (
                who[row.contact_id],
                row.number,
                row.kind,
                row.direction,
                json.dumps(row.content, sort_keys=True),
                row.status,
                row.status_at,
                row.deleted_at,
                None if row.kind == "unseen" else (row.sent_at, row.conversation.split(":")[1:]),
            )
            for row in messages.values()
        },
        "deliveries": {
            name: {
                (
                    row.record,
                    row.state,
                    messages[int(row.source_id)].wamid if row.record == "message" else "",
                    # Two that turn out to be one keep their conversations of that day apart.
                    row.source_id.partition(":")[2] if row.record == "conversation" else "",
                    who[int(row.source_id)] if row.record == "contact" else None,
                )
                for row in book.rows(schema.delivery, destination=name)
            }
            for name in ("one", "two")
        },
        "reviews": {
            (who[row.contact_id], frozenset(who[c["contact_id"]] for c in row.candidates))
            for row in book.rows(schema.review)
            if row.resolved_at is None
        },
        "lanes": {(row.destination, who[row.contact_id]) for row in book.rows(schema.lane)},
        "kept": sum(
            count
            for row in book.rows(schema.webhook)
            for reason, count in (row.kept_raw or {}).items()
            if reason == "unknown"
        )
        > 0,
    }
