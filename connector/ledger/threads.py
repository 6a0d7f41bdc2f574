"""The messages of one contact, each with what became of it in every destination."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from connector.ledger.schema import delivery, destination, message
from connector.model.message import UNSEEN


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a message in one destination."""

    state: str
    code: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One message."""

    id: int
    number: str
    direction: str
    kind: str
    sent_at: datetime
    fates: dict[str, Fate] = field(default_factory=dict)
    """By destination; one that takes it in whole conversations too."""


def newest_messages(connection: Connection, contact_id: int, *, limit: int) -> Sequence[Entry]:
    """Return a contact's newest messages, the newest first."""
    rows = connection.execute(
        select(message)
        .where(message.c.contact_id == contact_id, message.c.kind != UNSEEN)
        .order_by(message.c.sent_at.desc(), message.c.id.desc())
        .limit(limit)
    ).all()
    carried: dict[tuple[str, str], list[Entry]] = {}
    entries = []
    for row in rows:
        entry = Entry(row.id, row.number, row.direction, row.kind, row.sent_at)
        entries.append(entry)
        carried.setdefault(("message", str(row.id)), []).append(entry)
        carried.setdefault(("conversation", row.conversation), []).append(entry)
    if not carried:
        return []
    sources: dict[str, list[str]] = {}
    for record, source in carried:
        sources.setdefault(record, []).append(source)
    carries = [
        and_(delivery.c.record == record, delivery.c.source_id.in_(ids))
        for record, ids in sources.items()
    ]
    found = connection.execute(
        select(
            delivery.c.destination,
            delivery.c.record,
            delivery.c.source_id,
            delivery.c.state,
            delivery.c.error_code,
        ).where(delivery.c.destination.in_(select(destination.c.name)), or_(*carries))
    )
    for row in found:
        for entry in carried[row.record, row.source_id]:
            entry.fates[row.destination] = Fate(row.state, row.error_code)
    return entries
