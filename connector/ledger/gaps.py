"""What is not there: messages that no delivery carries, and messages that never came at all."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, String, and_, cast, func, or_, select

from connector.ledger.lanes import Wanted, want
from connector.ledger.markers import carrier_marker
from connector.ledger.marks import BACKFILL
from connector.ledger.schema import alias, contact, delivery, message
from connector.model.identity import Alias
from connector.model.message import UNSEEN
from connector.model.record import RecordKind

BLOCKED: Final = "blocked"
"""Why nothing is written of a person on the list ``[privacy] block``."""
Place = tuple[datetime, int]
"""A message's ``sent_at`` and id: where a pass over one number's messages stands."""


@dataclass(frozen=True, slots=True)
class Uncarried:
    """A message that a destination should hold and has no delivery for."""

    id: int
    wamid: str
    contact_id: int
    conversation: str
    sent_at: datetime


def uncarried_messages(
    connection: Connection,
    destination: str,
    *,
    record: RecordKind,
    number: str,
    since: datetime,
    until: datetime,
    after: Place | None,
    limit: int,
    contact_id: int | None = None,
) -> tuple[list[Uncarried], Place | None]:
    """Look at the next messages of a number; return those without a delivery, and where to go on.

    Every message gets one when it is recorded, if only to say why it is skipped; a destination that
    was added later, or that takes a number it did not take, lacks those from before.
    """
    source = message.c.conversation if record == "conversation" else cast(message.c.id, String)
    carries = and_(
        delivery.c.destination == destination,
        delivery.c.record == record,
        delivery.c.source_id == source,
    )
    query = (
        select(
            message.c.id,
            message.c.wamid,
            message.c.contact_id,
            message.c.conversation,
            message.c.sent_at,
            message.c.kind,
            message.c.purged_at,
            delivery.c.id.label("carrier"),
        )
        .select_from(message.outerjoin(delivery, carries))
        .where(message.c.number == number, message.c.sent_at >= since, message.c.sent_at < until)
        .order_by(message.c.sent_at, message.c.id)
        .limit(limit)
    )
    if contact_id is not None:
        query = query.where(message.c.contact_id == contact_id)
    rows = connection.execute(_from(query, after)).all()
    found = [
        Uncarried(row.id, row.wamid, row.contact_id, row.conversation, row.sent_at)
        for row in rows
        if row.carrier is None
        and row.kind != UNSEEN
        and row.wamid is not None
        and row.purged_at is None
    ]
    following = (rows[-1].sent_at, rows[-1].id) if len(rows) == limit else None
    return found, following


def _from(query: Select[Any], after: Place | None) -> Select[Any]:
    """Go on behind a place."""
    if after is None:
        return query
    moment, message_id = after
    return query.where(
        or_(
            message.c.sent_at > moment,
            and_(message.c.sent_at == moment, message.c.id > message_id),
        )
    )


def load_uncarried(connection: Connection, ids: Collection[int]) -> list[Uncarried]:
    """Return messages by id, those that may still be delivered, oldest first."""
    if not ids:
        return []
    rows = connection.execute(
        select(
            message.c.id,
            message.c.wamid,
            message.c.contact_id,
            message.c.conversation,
            message.c.sent_at,
        )
        .where(
            message.c.id.in_(sorted(ids)),
            message.c.wamid.is_not(None),
            message.c.purged_at.is_(None),
        )
        .order_by(message.c.sent_at, message.c.id)
    )
    return [Uncarried(*tuple(row)) for row in rows]


def want_uncarried(
    connection: Connection,
    destination: str,
    messages: Sequence[Uncarried],
    *,
    record: RecordKind,
    keyed_hash: Callable[[str], str],
    is_blocked: Callable[[Iterable[Alias]], bool],
    now: datetime,
) -> None:
    """Put messages on their lanes behind live traffic, as if they had just been recorded.

    Those of people who are kept out of every CRM get their rows as well, and are skipped.
    """
    if not messages:
        return
    blocked = blocked_contacts(
        connection, {each.contact_id for each in messages}, is_blocked=is_blocked
    )
    keys = {
        row.id: row.key
        for row in connection.execute(
            select(contact.c.id, contact.c.key).where(
                contact.c.id.in_(sorted({each.contact_id for each in messages})),
                contact.c.erased_at.is_(None),
            )
        )
    }
    wanted: dict[tuple[RecordKind, str], Wanted] = {}
    for each in messages:
        key = keys.get(each.contact_id)
        if key is None:
            continue
        person = str(each.contact_id)
        source = each.conversation if record == "conversation" else str(each.id)
        skip = BLOCKED if each.contact_id in blocked else None
        if skip is None:
            wanted.setdefault(
                ("contact", person),
                Wanted(destination, each.contact_id, "contact", person, key, 0, BACKFILL),
            )
        marker = carrier_marker(
            keyed_hash, destination, record, wamid=each.wamid, conversation=each.conversation
        )
        position = int(each.sent_at.timestamp() * 1000)
        wanted.setdefault(
            (record, source),
            Wanted(
                destination,
                each.contact_id,
                record,
                source,
                marker,
                position,
                BACKFILL,
                skip=skip,
            ),
        )
    want(connection, list(wanted.values()), now=now)


def contacts_without_delivery(
    connection: Connection, destination: str, contact_ids: Collection[int]
) -> dict[int, str]:
    """Return the keys of those of these contacts that have no delivery either, by id."""
    if not contact_ids:
        return {}
    carries = and_(
        delivery.c.destination == destination,
        delivery.c.record == "contact",
        delivery.c.source_id == cast(contact.c.id, String),
    )
    rows = connection.execute(
        select(contact.c.id, contact.c.key)
        .select_from(contact.outerjoin(delivery, carries))
        .where(contact.c.id.in_(sorted(contact_ids)), delivery.c.id.is_(None))
    )
    return {row.id: row.key for row in rows}


def blocked_contacts(
    connection: Connection,
    contact_ids: Collection[int],
    *,
    is_blocked: Callable[[Iterable[Alias]], bool],
) -> set[int]:
    """Return those of these contacts whom the operator keeps out of every CRM."""
    aliases: dict[int, list[Alias]] = {}
    rows = connection.execute(
        select(alias.c.contact_id, alias.c.scope, alias.c.kind, alias.c.value).where(
            alias.c.contact_id.in_(sorted(contact_ids))
        )
    )
    for row in rows:
        aliases.setdefault(row.contact_id, []).append(Alias(row.scope, row.kind, row.value))
    return {contact_id for contact_id, known in aliases.items() if is_blocked(known)}


def carriers_of(
    connection: Connection,
    destination: str,
    messages: Sequence[Uncarried],
    *,
    record: RecordKind,
) -> dict[int, str]:
    """Return the state of the delivery that carries each of these messages, by message id."""
    sources = {
        each.conversation if record == "conversation" else str(each.id): each for each in messages
    }
    if not sources:
        return {}
    rows = connection.execute(
        select(delivery.c.source_id, delivery.c.state).where(
            delivery.c.destination == destination,
            delivery.c.record == record,
            delivery.c.source_id.in_(sorted(sources)),
        )
    )
    states = {row.source_id: row.state for row in rows}
    return {
        each.id: states[source]
        for each in messages
        if (source := each.conversation if record == "conversation" else str(each.id)) in states
    }


def count_unseen(connection: Connection, number: str, *, since: datetime) -> int:
    """Count the messages of which something was told, but that never came themselves.

    Text that other software sends through the API makes statuses and nothing else. So statuses
    alone count only for a number whose own outbound messages do reach us.
    """
    recent = and_(message.c.number == number, message.c.sent_at >= since)
    echoed = connection.execute(
        select(message.c.id)
        .where(recent, message.c.direction == "out", message.c.kind != UNSEEN)
        .limit(1)
    ).one_or_none()
    counted = [recent, message.c.kind == UNSEEN]
    if echoed is None:
        counted.append(or_(message.c.direction == "in", message.c.status.is_(None)))
    return connection.execute(
        select(func.count()).select_from(message).where(*counted)
    ).scalar_one()


def named_messages(
    connection: Connection,
    number: str,
    *,
    since: datetime,
    after: Place | None,
    limit: int,
) -> tuple[set[str], Place | None]:
    """Return the ids that the next messages of a number name: quoted ones, and reacted-to ones."""
    quoted = message.c.content["reply_to"].as_string()
    reacted = message.c.content["reaction"]["message_id"].as_string()
    query = (
        select(message.c.sent_at, message.c.id, quoted.label("quoted"), reacted.label("reacted"))
        .where(message.c.number == number, message.c.sent_at >= since)
        .order_by(message.c.sent_at, message.c.id)
        .limit(limit)
    )
    rows = connection.execute(_from(query, after)).all()
    named = {wamid for row in rows for wamid in (row.quoted, row.reacted) if wamid}
    following = (rows[-1].sent_at, rows[-1].id) if len(rows) == limit else None
    return named, following


def unknown_hashes(connection: Connection, hashes: Collection[str]) -> set[str]:
    """Return which of these ``wamid_hash`` no message has."""
    if not hashes:
        return set()
    known = connection.execute(
        select(message.c.wamid_hash).where(message.c.wamid_hash.in_(sorted(hashes)))
    ).scalars()
    return set(hashes) - set(known)
