"""How old the oldest open work is, live and backfill apart."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, get_args

from sqlalchemy import Connection, func, select

from connector.ledger.schema import IS_UNSETTLED, OPEN_STATES, delivery, lane
from connector.model.record import RecordKind

PRIORITIES: Final = {0: "live", 10: "backfill"}
_FEW: Final = 1000
"""Lanes."""


def oldest_open(
    connection: Connection, destinations: Iterable[str]
) -> dict[tuple[str, str], datetime]:
    """Return when the oldest open delivery was queued, by destination and priority's name.

    Where nothing is open there is no entry. It walks an index from its oldest end, and asks the
    lanes of the priority that has fewer of them: the little that is live may stand behind a
    million of backfill.
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
    lanes = {word: _busy_lanes(connection, destination, word) for word in PRIORITIES}
    if not lanes[priority]:
        return None
    if lanes[priority] < max(lanes.values()):
        return _oldest_of_lanes(connection, destination, priority)
    may_be = [lane.c.due_at.is_not(None)] if due else []
    moments = [
        connection.execute(
            select(delivery.c.queued_at)
            .join(lane, lane.c.id == delivery.c.lane_id)
            .where(
                delivery.c.destination == destination,
                IS_UNSETTLED,
                delivery.c.state == state,
                delivery.c.record == record,
                lane.c.priority == priority,
                *may_be,
            )
            .order_by(delivery.c.queued_at)
            .limit(1)
        ).scalar_one_or_none()
        for state in OPEN_STATES
        for record in get_args(RecordKind)
    ]
    return min(filter(None, moments), default=None)


def _busy_lanes(connection: Connection, destination: str, priority: int) -> int:
    """Count lanes with work, as far as it matters which priority has fewer."""
    some = (
        select(lane.c.id)
        .where(
            lane.c.destination == destination,
            lane.c.priority == priority,
            lane.c.due_at.is_not(None),
        )
        .limit(_FEW + 1)
        .subquery()
    )
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def _oldest_of_lanes(connection: Connection, destination: str, priority: int) -> datetime | None:
    found: datetime | None = connection.execute(
        select(func.min(delivery.c.queued_at))
        .select_from(lane)
        .join(delivery, (delivery.c.lane_id == lane.c.id) & delivery.c.state.in_(OPEN_STATES))
        .where(
            lane.c.destination == destination,
            lane.c.priority == priority,
            lane.c.due_at.is_not(None),
        )
    ).scalar_one()
    return found


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
