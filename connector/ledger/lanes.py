"""Lanes, and how work is put on them.

The locking rule: a transaction that changes a lane's deliveries locks the lane first, several
lanes in id order, and looks only then. Settling in one statement that computes the next due time
from a sub-select loses wake-ups under READ COMMITTED; lock, then look, does not.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, literal, or_, select, update

from connector.ledger.columns import Instant
from connector.ledger.insertion import insert_new
from connector.ledger.schema import CONTACT_OF_LANE, OPEN_STATES, delivery, lane
from connector.ledger.updates import update_rows
from connector.model.record import RecordKind

LaneKey = tuple[str, int]
"""Destination and contact id."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record that a destination should hold, or, with ``renew``, hold anew."""

    destination: str
    contact_id: int
    record: RecordKind
    source_id: str
    """The contact's id, the message's id, or the conversation's key."""
    marker: str
    """Our key as the CRM will carry it, the same however often this is wanted."""
    position: int
    """Order within the lane: 0 for the contact, else the message's own time in milliseconds."""
    priority: int = 0
    """0 for live traffic, 10 for backfill."""
    renew: bool = False
    skip: str | None = None
    """A reason for which the record is never to be written, such as ``blocked``."""


def want(connection: Connection, wanted: Sequence[Wanted], *, now: datetime) -> None:
    """Put records on their lanes; what is there already stays one row (UNIQUE), renewed or not."""
    if not wanted:
        return
    lanes = ensure_lanes(connection, {(w.destination, w.contact_id): w.priority for w in wanted})
    lock_lanes(connection, lanes.values())
    renewed = [w for w in wanted if w.renew and not w.skip]
    there = _existing(connection, renewed)
    insert_new(
        connection,
        delivery,
        [
            {
                "lane_id": lanes[w.destination, w.contact_id],
                "destination": w.destination,
                "record": w.record,
                "source_id": w.source_id,
                "marker": w.marker,
                "position": w.position,
                "state": "skipped" if w.skip else "pending",
                "error_code": w.skip,
                "generation": 1,
                "queued_at": now,
            }
            for w in wanted
        ],
    )
    if there:
        _renew(connection, there, now=now)
    wake_lanes(
        connection,
        {lanes[w.destination, w.contact_id]: w.priority for w in wanted if not w.skip},
        now=now,
    )


def want_again(connection: Connection, wanted: Sequence[Wanted], *, now: datetime) -> None:
    """Have records written anew where they are on a lane already; those that are not stay away."""
    sources: dict[tuple[str, RecordKind], list[str]] = {}
    for w in wanted:
        sources.setdefault((w.destination, w.record), []).append(w.source_id)
    there: set[tuple[str, RecordKind, str]] = set()
    for (destination, record), source_ids in sources.items():
        rows = connection.execute(
            select(delivery.c.source_id).where(
                delivery.c.destination == destination,
                delivery.c.record == record,
                delivery.c.source_id.in_(source_ids),
            )
        )
        there.update((destination, record, source_id) for source_id in rows.scalars())
    want(
        connection,
        [w for w in wanted if (w.destination, w.record, w.source_id) in there],
        now=now,
    )


def ensure_lanes(connection: Connection, priorities: Mapping[LaneKey, int]) -> dict[LaneKey, int]:
    """Return the lane ids of contacts in destinations, making the lanes that are not there."""
    keys = sorted(priorities)
    found = _find_lanes(connection, keys)
    missing = [key for key in keys if key not in found]
    if missing:
        insert_new(
            connection,
            lane,
            [
                {"destination": name, "contact_id": contact_id, "priority": priorities[key]}
                for key in missing
                for name, contact_id in [key]
            ],
        )
        found |= _find_lanes(connection, missing)
    return found


def _find_lanes(connection: Connection, keys: Sequence[LaneKey]) -> dict[LaneKey, int]:
    by_destination: dict[str, list[int]] = {}
    for name, contact_id in keys:
        by_destination.setdefault(name, []).append(contact_id)
    found: dict[LaneKey, int] = {}
    for name, contact_ids in by_destination.items():
        rows = connection.execute(
            select(lane.c.id, lane.c.contact_id).where(
                lane.c.destination == name, lane.c.contact_id.in_(contact_ids)
            )
        )
        found |= {(name, row.contact_id): row.id for row in rows}
    return found


def lock_lanes(connection: Connection, lane_ids: Collection[int]) -> None:
    """Hold lanes until the transaction ends. On SQLite the transaction itself is the lock."""
    if connection.dialect.name == "postgresql" and lane_ids:
        connection.execute(
            select(lane.c.id)
            .where(lane.c.id.in_(sorted(set(lane_ids))))
            .order_by(lane.c.id)
            .with_for_update()
        )


def wake_lanes(connection: Connection, priorities: Mapping[int, int], *, now: datetime) -> None:
    """Make lanes due now unless they are in backoff; live traffic lifts a lane out of backfill."""
    if not priorities:
        return
    urgent = [lane_id for lane_id, priority in priorities.items() if priority == 0]
    if urgent:
        connection.execute(
            update(lane).where(lane.c.id.in_(urgent), lane.c.priority > 0).values(priority=0)
        )
    connection.execute(
        update(lane)
        .where(
            lane.c.id.in_(list(priorities)),
            or_(lane.c.due_at.is_(None), lane.c.failures == 0),
            or_(lane.c.due_at.is_(None), lane.c.due_at > now),
        )
        .values(due_at=now)
    )


def _existing(connection: Connection, wanted: Sequence[Wanted]) -> list[int]:
    """Return the rows that are there already, so that only those count as renewed."""
    sources: dict[tuple[str, str], list[str]] = {}
    for w in wanted:
        sources.setdefault((w.destination, w.record), []).append(w.source_id)
    found: list[int] = []
    for (destination, record), source_ids in sources.items():
        found += connection.execute(
            select(delivery.c.id).where(
                delivery.c.destination == destination,
                delivery.c.record == record,
                delivery.c.source_id.in_(source_ids),
            )
        ).scalars()
    return found


def _renew(connection: Connection, ids: Collection[int], *, now: datetime) -> None:
    synced = delivery.c.state == "synced"
    connection.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids))
        .values(
            generation=delivery.c.generation + 1,
            state=case((synced, "pending"), else_=delivery.c.state),
            attempts=case((synced, 0), else_=delivery.c.attempts),
            queued_at=case((synced, literal(now, Instant())), else_=delivery.c.queued_at),
        )
    )


@dataclass(frozen=True, slots=True)
class DueLane:
    """A lane that has work now."""

    id: int
    contact_id: int
    priority: int
    failures: int


def due_lanes(
    connection: Connection, destination: str, *, now: datetime, limit: int
) -> list[DueLane]:
    """Return lanes that are due, live before backfill, the longest waiting first."""
    rows = connection.execute(
        select(lane.c.id, lane.c.contact_id, lane.c.priority, lane.c.failures)
        .where(lane.c.destination == destination, lane.c.due_at <= now)
        .order_by(lane.c.priority, lane.c.due_at, lane.c.id)
        .limit(limit)
    )
    return [DueLane(row.id, row.contact_id, row.priority, row.failures) for row in rows]


def next_due_at(connection: Connection, destination: str) -> datetime | None:
    """Return when the next lane of a destination is due; ``None`` if nothing waits."""
    found: datetime | None = connection.execute(
        select(func.min(lane.c.due_at)).where(
            lane.c.destination == destination, lane.c.due_at.is_not(None)
        )
    ).scalar_one()
    return found


def is_live_work_overdue(connection: Connection, destination: str, *, since: datetime) -> bool:
    """Say whether a lane of live traffic has been due since then: a backlog, or one being written.

    A lane in backoff is not due.
    """
    found = connection.execute(
        select(lane.c.id)
        .where(lane.c.destination == destination, lane.c.priority == 0, lane.c.due_at <= since)
        .limit(1)
    ).one_or_none()
    return found is not None


@dataclass(frozen=True, slots=True)
class LaneHead:
    """The first open delivery of a lane, which decides when the lane is due."""

    lane_id: int
    record: RecordKind
    state: str
    verify_at: datetime | None
    lookups: int


def lane_heads(connection: Connection, lane_ids: Collection[int]) -> dict[int, LaneHead]:
    """Return the head of each lane that has open work. The lanes must be locked."""
    if not lane_ids:
        return {}
    first = (
        select(delivery.c.id)
        .where(delivery.c.lane_id == lane.c.id, delivery.c.state.in_(OPEN_STATES))
        .order_by(delivery.c.position, delivery.c.id)
        .limit(1)
        .correlate(lane)
        .scalar_subquery()
    )
    heads = [
        row.head
        for row in connection.execute(select(first.label("head")).where(lane.c.id.in_(lane_ids)))
        if row.head is not None
    ]
    rows = connection.execute(
        select(
            delivery.c.lane_id,
            delivery.c.record,
            delivery.c.state,
            delivery.c.verify_at,
            delivery.c.lookups,
        ).where(delivery.c.id.in_(heads))
    )
    return {row.lane_id: LaneHead(*row) for row in rows}


def stopped_lanes(connection: Connection, lane_ids: Collection[int]) -> set[int]:
    """Return lanes whose contact waits for a person and is not in the CRM: they stand still."""
    if not lane_ids:
        return set()
    return set(
        connection.execute(
            select(lane.c.id)
            .select_from(lane.join(delivery, CONTACT_OF_LANE))
            .where(
                lane.c.id.in_(lane_ids),
                delivery.c.state == "parked",
                delivery.c.crm_id.is_(None),
            )
        ).scalars()
    )


def wake_sleepers(connection: Connection, destination: str, *, now: datetime) -> int:
    """Make lanes due that have open work, no due time and no reason to stand still.

    There should be none: each is a lost wake-up, and how many there were is returned.
    """
    open_work = (
        select(delivery.c.id)
        .where(delivery.c.lane_id == lane.c.id, delivery.c.state.in_(OPEN_STATES))
        .exists()
    )
    stopped = (
        select(delivery.c.id)
        .where(CONTACT_OF_LANE, delivery.c.state == "parked", delivery.c.crm_id.is_(None))
        .exists()
    )
    return connection.execute(
        update(lane)
        .where(lane.c.destination == destination, lane.c.due_at.is_(None), open_work, ~stopped)
        .values(due_at=now)
    ).rowcount


@dataclass(frozen=True, slots=True)
class LaneRest:
    """When a lane is due again, and how many failures in a row it has behind it."""

    lane_id: int
    due_at: datetime | None
    failures: int


def rest_lanes(connection: Connection, rests: Sequence[LaneRest]) -> None:
    """Write down when lanes are due again. The lanes must be locked."""
    update_rows(
        connection,
        lane,
        [{"id": r.lane_id, "due_at": r.due_at, "failures": r.failures} for r in rests],
    )
