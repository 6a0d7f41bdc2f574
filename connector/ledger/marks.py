"""Marking what a CRM holds: to be written again, gone, or under another id.

Each of these locks the lanes, and changes only rows that are still as they were when somebody
decided about them. What is marked together has one and the same ``queued_at``, the stamp, so that
how much of it is still on its way can be counted from an index.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from connector.ledger.deliveries import OPEN, Parked, settle_parked, taken_crm_ids
from connector.ledger.lanes import lock_lanes, wake_lanes
from connector.ledger.schema import IS_UNSETTLED, delivery, lane
from connector.ledger.sweeps import Held
from connector.model.record import RecordKind

BACKFILL: Final = 10
"""The priority of what is in no hurry."""
_GONE: Final = "somebody deleted this contact in the CRM; it returns with its next message"


def mark_for_writing(
    connection: Connection,
    rows: Sequence[Held],
    *,
    stamp: datetime,
    anew: bool = False,
    compare: bool = False,
) -> set[int]:
    """Put synced rows back to ``pending`` at backfill priority; return the ids of those that were.

    ``compare`` keeps the hash of what was written, so that only a row whose output changed costs a
    call. ``anew`` forgets the link: the record is made again. A row that bears this stamp already
    was marked before, and is left.
    """
    lanes = _lock(connection, rows)
    values: dict[str, Any] = {
        "state": "pending",
        "generation": delivery.c.generation + 1,
        "attempts": 0,
        "queued_at": stamp,
    }
    if not compare:
        values["content_hash"] = None
    if anew:
        values |= {"crm_id": None, "crm_hash": None, "gone_at": None}
    marked = set(
        connection.execute(
            update(delivery)
            .where(
                delivery.c.id.in_([row.id for row in rows]),
                delivery.c.state == "synced",
                delivery.c.queued_at != stamp,
            )
            .values(**values)
            .returning(delivery.c.id)
        ).scalars()
    )
    _wake(connection, {lanes[row_id] for row_id in marked}, now=stamp)
    return marked


def _lock(connection: Connection, rows: Sequence[Held]) -> dict[int, int]:
    lanes = {row.id: row.lane_id for row in rows}
    lock_lanes(connection, set(lanes.values()))
    return lanes


def _wake(connection: Connection, lanes: Collection[int], *, now: datetime) -> None:
    """Wake lanes behind live traffic; one that has live work keeps its priority."""
    if not lanes:
        return
    connection.execute(
        update(lane)
        .where(lane.c.id.in_(sorted(lanes)), lane.c.due_at.is_(None))
        .values(priority=BACKFILL)
    )
    wake_lanes(connection, dict.fromkeys(lanes, BACKFILL), now=now)


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """How much of what was marked is not settled yet."""

    open: int
    moving: int
    """Of those, what lies on a lane that is due some time; the rest waits for a person."""


def count_marked(connection: Connection, destination: str, *, stamp: datetime) -> OnItsWay:
    """Count what bears this stamp and is not settled."""
    row = connection.execute(
        select(
            func.count().label("open"),
            func.count().filter(lane.c.due_at.is_not(None)).label("moving"),
        )
        .select_from(delivery.join(lane, lane.c.id == delivery.c.lane_id))
        .where(
            delivery.c.destination == destination,
            IS_UNSETTLED,
            delivery.c.state.in_(OPEN),
            delivery.c.queued_at == stamp,
        )
    ).one()
    return OnItsWay(row.open, row.moving)


def note_gone(connection: Connection, rows: Sequence[Held], *, now: datetime) -> None:
    """Write down that people deleted records. Contacts wait for a new message, messages stay."""
    _lock(connection, rows)
    still = set(
        connection.execute(
            select(delivery.c.id).where(
                delivery.c.id.in_([row.id for row in rows]),
                delivery.c.state == "synced",
                delivery.c.gone_at.is_(None),
            )
        ).scalars()
    )
    contacts = [row for row in rows if row.id in still and row.record == "contact"]
    settle_parked(
        connection,
        [Parked(row.id, "vanished", _GONE, gone_at=now) for row in contacts],
        now=now,
    )
    others = sorted(still - {row.id for row in contacts})
    if others:
        connection.execute(
            update(delivery).where(delivery.c.id.in_(others)).values(gone_at=now, checked_at=now)
        )


def relink(connection: Connection, moved: Sequence[tuple[Held, str]]) -> set[int]:
    """Point rows to the records that theirs became; return the ids of those that could be.

    A message's record belongs to one row only: one that would be somebody else's is left.
    """
    _lock(connection, [row for row, _ in moved])
    done: set[int] = set()
    for row, crm_id in moved:
        taken = taken_crm_ids(connection, _destination(connection, row), row.record, [crm_id])
        if taken:
            continue
        changed = connection.execute(
            update(delivery)
            .where(
                delivery.c.id == row.id,
                delivery.c.crm_id == row.crm_id,
                delivery.c.state == "synced",
            )
            .values(crm_id=crm_id)
        )
        if changed.rowcount:
            done.add(row.id)
    return done


def _destination(connection: Connection, row: Held) -> str:
    name: str = connection.execute(
        select(lane.c.destination).where(lane.c.id == row.lane_id)
    ).scalar_one()
    return name


@dataclass(frozen=True, slots=True)
class Sleeping:
    """Open work on a lane that nobody will ever look at."""

    id: int
    lane_id: int
    record: RecordKind
    marker: str


def sleeping_deliveries(connection: Connection, destination: str) -> list[Sleeping]:
    """Return open deliveries whose lane has no due time, which must never be.

    A lane whose contact waits for a person stands still on purpose.
    """
    stopped = select(delivery.c.lane_id).where(
        delivery.c.destination == destination,
        delivery.c.record == "contact",
        IS_UNSETTLED,
        delivery.c.state == "parked",
        delivery.c.crm_id.is_(None),
    )
    rows = connection.execute(
        select(delivery.c.id, delivery.c.lane_id, delivery.c.record, delivery.c.marker)
        .join(lane, lane.c.id == delivery.c.lane_id)
        .where(
            delivery.c.destination == destination,
            IS_UNSETTLED,
            delivery.c.state.in_(OPEN),
            lane.c.due_at.is_(None),
            lane.c.id.not_in(stopped),
        )
        .order_by(delivery.c.id)
    )
    return [Sleeping(*tuple(row)) for row in rows]


def wake_sleeping(connection: Connection, ids: Collection[int], *, stamp: datetime) -> None:
    """Wake the lanes of deliveries, and give those the stamp, so that they can be waited for."""
    lanes = set(
        connection.execute(
            select(delivery.c.lane_id).where(delivery.c.id.in_(sorted(ids)))
        ).scalars()
    )
    lock_lanes(connection, lanes)
    connection.execute(
        update(delivery)
        .where(delivery.c.id.in_(sorted(ids)), delivery.c.state.in_(OPEN))
        .values(queued_at=stamp)
    )
    _wake(connection, lanes, now=stamp)
