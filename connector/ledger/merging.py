"""Two contacts that turn out to be one: messages, lanes, deliveries and reviews come together.

Nothing is sent twice for it. Of two records in one CRM the survivor keeps one, its own if both are
there already; the other stays linked to the contact that is no more, for people to merge in the
CRM. A delivery may be in flight while it moves: it is settled by its id, and the lane it moved to
is due, so it is looked at again.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, delete, func, or_, select, update

from connector.ledger.lanes import lock_lanes, wake_lanes
from connector.ledger.recycled import Party, repoint_recycled
from connector.ledger.schema import contact, delivery, lane, message, review

MERGED = "merged"
"""Why the contact delivery of a contact that is no more is skipped."""


def merge_contacts(connection: Connection, *, survivor: int, loser: int, now: datetime) -> None:
    """Make one contact of two. Attributes and aliases are moved by ``store_contacts``."""
    lanes = _lanes(connection, (survivor, loser))
    connection.execute(
        update(message).where(message.c.contact_id == loser).values(contact_id=survivor)
    )
    parked: set[str] = set()
    for destination, (own, theirs) in lanes.items():
        if theirs is None:
            continue
        ours = own or theirs
        if own is None:
            connection.execute(update(lane).where(lane.c.id == theirs).values(contact_id=survivor))
        else:
            connection.execute(
                update(delivery)
                .where(delivery.c.lane_id == theirs, delivery.c.record != "contact")
                .values(lane_id=ours)
            )
        state = _join_contact_rows(
            connection, destination, survivor=survivor, loser=loser, ours=ours, theirs=theirs
        )
        if state == "parked":
            parked.add(destination)
        priority = _priority(connection, (ours, theirs))
        if ours != theirs and _is_empty(connection, theirs):
            connection.execute(delete(lane).where(lane.c.id == theirs))
        wake_lanes(connection, {ours: priority, theirs: priority}, now=now)
    _settle_reviews(connection, survivor=survivor, loser=loser, parked=parked, now=now)
    connection.execute(
        update(contact)
        .where(or_(contact.c.id == loser, contact.c.merged_into == loser))
        .values(merged_into=survivor)
    )


def _lanes(
    connection: Connection, contacts: tuple[int, int]
) -> dict[str, tuple[int | None, int | None]]:
    """Return the lanes of both contacts, locked, by destination."""
    mine = select(lane.c.id, lane.c.destination, lane.c.contact_id).where(
        lane.c.contact_id.in_(contacts)
    )
    lock_lanes(connection, [row.id for row in connection.execute(mine)])
    found: dict[str, dict[int, int]] = {}
    for row in connection.execute(mine):
        found.setdefault(row.destination, {})[row.contact_id] = row.id
    return {
        destination: (ids.get(contacts[0]), ids.get(contacts[1]))
        for destination, ids in sorted(found.items())
    }


def _is_empty(connection: Connection, lane_id: int) -> bool:
    found = connection.execute(
        select(delivery.c.id).where(delivery.c.lane_id == lane_id).limit(1)
    ).first()
    return found is None


def _priority(connection: Connection, lanes: Collection[int]) -> int:
    found: int = connection.execute(
        select(func.min(lane.c.priority)).where(lane.c.id.in_(lanes))
    ).scalar_one()
    return found


def _join_contact_rows(
    connection: Connection, destination: str, *, survivor: int, loser: int, ours: int, theirs: int
) -> str | None:
    """Leave the survivor one contact delivery; return its state if it was the loser's."""
    rows = {
        row.source_id: row
        for row in connection.execute(
            select(delivery).where(
                delivery.c.destination == destination,
                delivery.c.record == "contact",
                delivery.c.source_id.in_([str(survivor), str(loser)]),
            )
        )
    }
    kept, other = rows.get(str(survivor)), rows.get(str(loser))
    if other is None:
        return None
    if kept is None or _worth(other) > _worth(kept):
        kept, other = other, kept
    if other is not None:
        _retire(connection, other, loser=loser, lane_id=theirs)
    synced = delivery.c.state == "synced"
    connection.execute(
        update(delivery)
        .where(delivery.c.id == kept.id)
        .values(
            lane_id=ours,
            source_id=str(survivor),
            generation=delivery.c.generation + 1,
            state=case((synced, "pending"), else_=delivery.c.state),
        )
    )
    if other is not None:
        connection.execute(
            update(delivery).where(delivery.c.id == other.id).values(source_id=str(loser))
        )
    return str(kept.state) if kept.source_id == str(loser) else None


def _worth(row: Row[Any]) -> int:
    """Say how much of a contact delivery is in the CRM: 2 all, 1 perhaps, 0 nothing."""
    if row.crm_id is not None:
        return 2
    return 1 if row.state == "in_flight" or row.attempts else 0


def _retire(connection: Connection, row: Row[Any], *, loser: int, lane_id: int) -> None:
    """Take a contact delivery out of the survivor's lane.

    One that never reached the CRM goes; one that did keeps its link. One in flight is settled
    where it is, as the contact it was sent for.
    """
    this = delivery.c.id == row.id
    if not _worth(row):
        connection.execute(delete(delivery).where(this))
        return
    values: dict[str, Any] = {"lane_id": lane_id, "source_id": f"{loser}/{MERGED}"}
    if row.state != "in_flight":
        values |= {"state": "skipped", "error_code": MERGED}
    connection.execute(update(delivery).where(this).values(**values))


def _settle_reviews(
    connection: Connection, *, survivor: int, loser: int, parked: Collection[str], now: datetime
) -> None:
    """Answer the loser's open questions, or hand them to the survivor where they still stand."""
    keys = {
        row.id: row.key
        for row in connection.execute(
            select(contact.c.id, contact.c.key).where(contact.c.id.in_((survivor, loser)))
        )
    }
    repoint_recycled(
        connection, Party(survivor, keys[survivor]), Party(loser, keys[loser]), now=now
    )
    rows = connection.execute(
        select(review)
        .where(
            review.c.kind == "ambiguous",
            review.c.resolved_at.is_(None),
            review.c.contact_id.in_((survivor, loser)),
        )
        .order_by(review.c.id)
    ).all()
    held = {row.destination for row in rows if row.contact_id == survivor}
    for row in rows:
        if row.contact_id == survivor:
            continue
        values: dict[str, Any] = {"resolved_at": now, "resolution": MERGED}
        if row.destination in parked and row.destination not in held:
            values = {"contact_id": survivor}
        connection.execute(update(review).where(review.c.id == row.id).values(**values))
