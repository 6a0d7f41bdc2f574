"""Dropping what is too old to be kept: raw webhooks, and what people wrote, also in requests.

What tells a message from any other stays: digests of webhooks, keyed hashes of message ids. So a
body that is replayed years later still makes no second message.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select, update

from connector.ledger.gaps import Place
from connector.ledger.schema import delivery, destination, media, message, webhook
from connector.model.conversation_parts import part_key


def drop_bodies(
    connection: Connection, *, before: datetime, after: int, limit: int
) -> tuple[int, int | None]:
    """Drop the bodies of the next webhooks received before a moment.

    Returns how many were dropped, and where to go on; webhooks are stored in the order in which
    they come, so the first that is young enough ends it. One that waits to be recorded is kept.
    """
    rows = connection.execute(
        select(webhook.c.id, webhook.c.received_at)
        .where(webhook.c.id > after)
        .order_by(webhook.c.id)
        .limit(limit)
    ).all()
    old = [row.id for row in rows if row.received_at < before]
    dropped = 0
    if old:
        dropped = connection.execute(
            update(webhook)
            .where(
                webhook.c.id.in_(old),
                webhook.c.body.is_not(None),
                or_(webhook.c.recorded_at.is_not(None), webhook.c.error.is_not(None)),
            )
            .values(body=None)
        ).rowcount
    return dropped, rows[-1].id if len(old) == limit else None


def message_numbers(connection: Connection) -> list[str]:
    """Return the names of all numbers that messages belong to, also of those not configured now."""
    found: list[str] = []
    name: str | None = ""
    while name is not None:
        name = connection.execute(
            select(message.c.number)
            .where(message.c.number > name)
            .order_by(message.c.number)
            .limit(1)
        ).scalar_one_or_none()
        if name is not None:
            found.append(name)
    return found


@dataclass(frozen=True, slots=True)
class OldMessages:
    """Messages of one number that are to be dropped, and where to go on."""

    ids: list[int]
    files: list[str]
    """Names of the files that came with them."""
    following: Place | None


def old_messages(
    connection: Connection, number: str, *, before: datetime, after: Place | None, limit: int
) -> OldMessages:
    """Look at the next messages of a number sent before a moment."""
    query = (
        select(message.c.id, message.c.sent_at, message.c.purged_at)
        .where(message.c.number == number, message.c.sent_at < before)
        .order_by(message.c.sent_at, message.c.id)
        .limit(limit)
    )
    if after is not None:
        moment, message_id = after
        query = query.where(
            or_(
                message.c.sent_at > moment,
                and_(message.c.sent_at == moment, message.c.id > message_id),
            )
        )
    rows = connection.execute(query).all()
    ids = [row.id for row in rows if row.purged_at is None]
    files = connection.execute(
        select(media.c.path).where(media.c.message_id.in_(ids), media.c.path.is_not(None))
    ).scalars()
    following = (rows[-1].sent_at, rows[-1].id) if len(rows) == limit else None
    return OldMessages(ids, list(files), following)


def drop_messages(connection: Connection, ids: Collection[int], *, now: datetime) -> int:
    """Drop what messages said and their clear ids; return how many. Their files are gone by now."""
    if not ids:
        return 0
    connection.execute(
        update(media)
        .where(media.c.message_id.in_(sorted(ids)))
        .values(state="purged", path=None, media_id=None, sha256=None, due_at=None)
    )
    _drop_requests(connection, ids)
    return connection.execute(
        update(message)
        .where(message.c.id.in_(sorted(ids)), message.c.purged_at.is_(None))
        .values(content=None, wamid=None, purged_at=now)
    ).rowcount


def _drop_requests(connection: Connection, ids: Collection[int]) -> None:
    """Drop the creates kept for messages, whose outcome is in doubt: they wait for a person now."""
    conversations = set(
        connection.execute(
            select(message.c.conversation).where(message.c.id.in_(sorted(ids))).distinct()
        ).scalars()
    )
    _drop_requests_for(connection, "message", {str(each) for each in ids})
    part = 1
    while conversations:
        keys = {part_key(each, part): each for each in conversations}
        found = _drop_requests_for(connection, "conversation", keys.keys())
        conversations = {keys[key] for key in found}
        part += 1


def _drop_requests_for(connection: Connection, record: str, sources: Collection[str]) -> set[str]:
    """Drop the creates kept for some sources; return the sources that have a delivery."""
    theirs = and_(
        delivery.c.destination.in_(select(destination.c.name)),
        delivery.c.record == record,
        delivery.c.source_id.in_(sorted(sources)),
    )
    found = connection.execute(
        select(delivery.c.id, delivery.c.source_id, delivery.c.sent_body.is_not(None)).where(theirs)
    ).all()
    kept = [row.id for row in found if row[2]]
    if kept:
        connection.execute(update(delivery).where(delivery.c.id.in_(kept)).values(sent_body=None))
    return {row.source_id for row in found}
