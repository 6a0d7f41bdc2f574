"""Webhooks cut into transactions: parsed, routed to our numbers, and hashed before any is open."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connector.ledger.webhooks import WaitingWebhook
from connector.model.events import (
    Event,
    Kept,
    LearnEvent,
    LinkEvent,
    NoticeEvent,
    Parsed,
    ReactionEvent,
    StatusEvent,
)
from connector.record.parse import parse
from connector.record.routing import NumberConfig


@dataclass(slots=True, eq=False)
class Leavings:
    """What became no event of one webhook, so far."""

    webhook_id: int
    error: str | None = None
    kept: list[Kept] = field(default_factory=list)

    def counts(self, more: Iterable[Kept] = ()) -> Counter[str]:
        """Return how many elements were kept, by reason, and by place where they have one."""
        counts: Counter[str] = Counter()
        if self.error is not None:
            counts["unparsable"] = 1
        for kept in (*self.kept, *more):
            counts[kept.reason] += 1
            if kept.reason != "unrouted":
                place = kept.path if "/" in kept.path else f"{kept.field}/{kept.path}"
                counts[place] += 1
        return counts


@dataclass(frozen=True, slots=True)
class Item:
    """One event of one of our numbers."""

    event: Event
    number: NumberConfig
    wamid_hash: str | None
    """Of the message the event is about, if it is about one."""
    received_at: datetime
    leavings: Leavings
    """Of its webhook."""

    @property
    def backfill(self) -> bool:
        """Whether it is history."""
        return not isinstance(self.event, LinkEvent | LearnEvent) and self.event.backfill


@dataclass(slots=True)
class Batch:
    """What one transaction records."""

    items: list[Item] = field(default_factory=list)
    notices: list[tuple[NoticeEvent, datetime]] = field(default_factory=list)
    """What WhatsApp says of our own accounts, with the time at which we received it."""
    ends: list[Leavings] = field(default_factory=list)
    """The webhooks of which nothing is left to record after this batch."""


def is_second(event: Event) -> bool:
    """Say whether an event comes with another of the same element, and is not counted again."""
    match event:
        case ReactionEvent():
            return True
        case StatusEvent():
            return event.backfill
        case LinkEvent():
            return event.field != "user_id_update"
        case _:
            return False


def cut(
    webhooks: Iterable[WaitingWebhook],
    *,
    numbers: Mapping[str, NumberConfig],
    hash_wamid: Callable[[str], str],
    at_most: int,
) -> Iterator[Batch]:
    """Parse webhooks and return them in batches of at most so many events.

    A webhook with more is spread over several; only the last of them ends it, and what a crash
    leaves half done is recorded again to no effect.
    """
    batch = Batch()
    for webhook in webhooks:
        parsed = parse(webhook.body)
        leavings = Leavings(webhook.id, parsed.error, parsed.kept)
        for event in parsed.events:
            number = numbers.get(event.phone_number_id or "")
            if number is None:
                if not is_second(event):
                    leavings.kept.append(Kept("unrouted", event.field, event.field))
                continue
            if len(batch.items) >= at_most:
                yield batch
                batch = Batch()
            hashed = hash_wamid(event.about) if event.about is not None else None
            batch.items.append(Item(event, number, hashed, webhook.received_at, leavings))
        for notice in _ours(parsed, numbers, leavings):
            batch.notices.append((notice, webhook.received_at))
        batch.ends.append(leavings)
    if batch.items or batch.ends:
        yield batch


def _ours(
    parsed: Parsed, numbers: Mapping[str, NumberConfig], leavings: Leavings
) -> Iterator[NoticeEvent]:
    """Return the notices about our numbers and accounts; others are unrouted.

    Where no account is configured, any account's notices are ours.
    """
    accounts = {number.waba_id for number in numbers.values()} - {None}
    for notice in parsed.notices:
        known = notice.phone_number_id in numbers or notice.waba_id in accounts
        if known or (not accounts and notice.phone_number_id is None):
            yield notice
        else:
            leavings.kept.append(Kept("unrouted", notice.field, notice.field))
