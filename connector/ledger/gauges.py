"""How old the oldest open work is, live and backfill apart."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, exists, select

from connector.ledger.schema import delivery, lane

PRIORITIES: Final = {0: "live", 10: "backfill"}


def oldest_open(
    connection: Connection, destinations: Iterable[str]
) -> dict[tuple[str, str], datetime]:
    """Return when the oldest open delivery was queued, by destination and priority's name.

    Where nothing is open there is no entry. It walks an index from its oldest end and never reads
    every open delivery, unless work of one priority stands behind a million of the other.
    """
    found: dict[tuple[str, str], datetime] = {}
    for name in destinations:
        for priority, word in PRIORITIES.items():
            oldest = _oldest(connection, name, priority)
            if oldest is not None:
                found[name, word] = oldest
    return found


def _oldest(
    connection: Connection, destination: str, priority: int, *, due: bool = False
) -> datetime | None:
    has_work = exists().where(
        lane.c.destination == destination,
        lane.c.priority == priority,
        lane.c.due_at.is_not(None),
    )
    if not connection.execute(select(has_work)).scalar_one():
        return None
    may_be = [lane.c.due_at.is_not(None)] if due else []
    moments = [
        connection.execute(
            select(delivery.c.queued_at)
            .join(lane, lane.c.id == delivery.c.lane_id)
            .where(
                delivery.c.destination == destination,
                delivery.c.state == state,
                lane.c.priority == priority,
                *may_be,
            )
            .order_by(delivery.c.queued_at)
            .limit(1)
        ).scalar_one_or_none()
        for state in ("pending", "in_flight")
    ]
    return min(filter(None, moments), default=None)


def oldest_due(connection: Connection, destinations: Iterable[str]) -> dict[str, datetime]:
    """Return when the oldest live work was queued that nobody has to decide about.

    What waits behind a contact that a person must decide about is on a lane without a due time.
    """
    found: dict[str, datetime] = {}
    for name in destinations:
        oldest = _oldest(connection, name, 0, due=True)
        if oldest is not None:
            found[name] = oldest
    return found
