"""Deliveries: claimed, begun before a write, settled after it.

``begin`` is a write-ahead intent: a row that a dead process left ``in_flight`` may have been
written, and is looked up before it is written again. Every function that changes a row is called
in a transaction that has checked the lease and locked the lanes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, case, literal, or_, select, true, update

from connector.ledger.columns import Instant
from connector.ledger.schema import CONTACT_OF_LANE, OPEN_STATES, delivery, lane
from connector.ledger.updates import update_rows
from connector.model.record import RecordKind

OPEN = OPEN_STATES
IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of the table, without the lane's part."""

    id: int
    lane_id: int
    record: RecordKind
    source_id: str
    marker: str
    position: int
    state: str
    generation: int
    content_hash: str | None
    crm_id: str | None
    attempts: int
    crash_count: int
    resends: int
    lookups: int
    verify_at: datetime | None
    sent_at: datetime | None
    error_code: str | None
    queued_at: datetime
    gone_at: datetime | None
    sent_body: bytes | None = None
    """What was sent, for a create that may be repeated only byte by byte."""


_COLUMNS = tuple(delivery.c[name] for name in Delivery.__slots__)


def open_deliveries(
    connection: Connection, lane_ids: Collection[int], *, per_lane: int
) -> dict[int, list[Delivery]]:
    """Return the open deliveries of each lane in order, at most ``per_lane`` of each.

    Each lane is read to its own limit, so that a lane with a long backlog costs no more than a
    short one; a window over all rows would read the whole backlog at every claim.
    """
    found: dict[int, list[Delivery]] = {lane_id: [] for lane_id in lane_ids}
    if not found:
        return found
    first = (
        select(*_COLUMNS)
        .where(delivery.c.lane_id == lane.c.id, delivery.c.state.in_(OPEN))
        .order_by(delivery.c.position, delivery.c.id)
        .limit(per_lane)
    )
    if connection.dialect.name == "postgresql":
        heads = first.correlate(lane).lateral()
        query = select(*(heads.c[column.name] for column in _COLUMNS)).select_from(
            lane.join(heads, true())
        )
    else:  # SQLite has no LATERAL; a correlated IN does the same there
        inner = delivery.alias()
        ids = (
            select(inner.c.id)
            .where(inner.c.lane_id == lane.c.id, inner.c.state.in_(OPEN))
            .order_by(inner.c.position, inner.c.id)
            .limit(per_lane)
            .correlate(lane)
        )
        query = select(*_COLUMNS).select_from(lane.join(delivery, delivery.c.id.in_(ids)))
    for row in connection.execute(query.where(lane.c.id.in_(list(found)))):
        found[row.lane_id].append(Delivery(*row))
    for rows in found.values():
        rows.sort(key=lambda row: (row.position, row.id))
    return found


def contact_deliveries(
    connection: Connection, destination: str, contact_ids: Collection[int]
) -> dict[int, Delivery]:
    """Return the contact delivery of each contact in a destination, by contact id."""
    if not contact_ids:
        return {}
    rows = connection.execute(
        select(*_COLUMNS).where(
            delivery.c.destination == destination,
            delivery.c.record == "contact",
            delivery.c.source_id.in_([str(contact_id) for contact_id in contact_ids]),
        )
    )
    return {int(row.source_id): Delivery(*row) for row in rows}


def begin(
    connection: Connection,
    ids: Collection[int],
    *,
    now: datetime,
    verify_at: datetime,
    bodies: Mapping[int, bytes] = MappingProxyType({}),
) -> set[int]:
    """Write down the intent to send these; return the ids of those that may be sent.

    A row that is not ``pending`` any more is left out, unless it is a vanished contact, or in doubt
    with one of ``bodies`` to be sent again: then its ``sent_at`` stays that of the first time.
    """
    again = (delivery.c.state == "in_flight") & delivery.c.sent_body.is_not(None)
    begun = connection.execute(
        update(delivery)
        .where(
            delivery.c.id.in_(ids),
            or_(
                delivery.c.state == "pending",
                (delivery.c.state == "parked") & (delivery.c.error_code == "vanished"),
                again & delivery.c.id.in_(list(bodies)),
            ),
        )
        .values(
            state="in_flight",
            attempts=delivery.c.attempts + 1,
            crash_count=delivery.c.crash_count + 1,
            lookups=0,
            sent_at=case((again, delivery.c.sent_at), else_=literal(now, Instant())),
            verify_at=verify_at,
            error_code=None,
            error_detail=None,
            error_status=None,
            parked_at=None,
        )
        .returning(delivery.c.id)
    ).scalars()
    found = set(begun)
    kept = [{"id": row_id, "sent_body": body} for row_id, body in bodies.items() if row_id in found]
    update_rows(connection, delivery, kept)
    return found


@dataclass(frozen=True, slots=True)
class Synced:
    """A row whose record the CRM holds as it was rendered."""

    id: int
    generation: int
    """The generation that was rendered; a newer one leaves the row pending."""
    crm_id: str
    content_hash: str
    gone_at: datetime | None = None
    """When the CRM's record was found deleted, for a message that is left deleted."""


def settle_synced(connection: Connection, rows: Sequence[Synced], *, now: datetime) -> None:
    """Write down what the CRM holds. A row renewed meanwhile goes back to ``pending``."""
    if not rows:
        return
    update_rows(
        connection,
        delivery,
        [
            {
                "id": row.id,
                "state": "synced",
                "synced_generation": row.generation,
                "crm_id": row.crm_id,
                "content_hash": row.content_hash,
                "crash_count": 0,
                "lookups": 0,
                "resends": 0,
                "error_code": None,
                "error_detail": None,
                "error_status": None,
                "parked_at": None,
                "synced_at": now,
                "gone_at": row.gone_at,
                "sent_body": None,
            }
            for row in rows
        ],
    )
    connection.execute(
        update(delivery)
        .where(
            delivery.c.id.in_([row.id for row in rows]),
            delivery.c.state == "synced",
            delivery.c.generation > delivery.c.synced_generation,
        )
        .values(state="pending")
    )


def taken_crm_ids(
    connection: Connection, destination: str, record: RecordKind, crm_ids: Collection[str]
) -> dict[str, int]:
    """Return which CRM ids other rows of this kind hold, with the row's id."""
    if not crm_ids:
        return {}
    rows = connection.execute(
        select(delivery.c.crm_id, delivery.c.id).where(
            delivery.c.destination == destination,
            delivery.c.record == record,
            delivery.c.record != "contact",
            delivery.c.crm_id.in_(crm_ids),
        )
    )
    return {row.crm_id: row.id for row in rows}


def settle_pending(
    connection: Connection,
    ids: Collection[int],
    *,
    counts: bool,
    forget_link: bool = False,
    resend: bool = False,
) -> None:
    """Put rows back to ``pending``; unless it ``counts``, the attempt is as if it never was."""
    if not ids:
        return
    values: dict[str, Any] = {
        "state": "pending",
        "crash_count": 0,
        "lookups": 0,
        "error_code": None,
        "error_detail": None,
        "parked_at": None,
        "sent_body": None,
    }
    if not counts:
        values["attempts"] = case(
            (delivery.c.attempts > 0, delivery.c.attempts - 1), else_=delivery.c.attempts
        )
    if forget_link:
        values |= {"crm_id": None, "content_hash": None, "crm_hash": None}
    if resend:
        values["resends"] = delivery.c.resends + 1
    connection.execute(update(delivery).where(delivery.c.id.in_(ids)).values(**values))


@dataclass(frozen=True, slots=True)
class Parked:
    """A row that waits for a person; ``detail`` holds no person and no secret."""

    id: int
    code: str
    detail: str
    status: int | None = None
    gone_at: datetime | None = None


def suspect_contacts(connection: Connection, lane_ids: Collection[int]) -> None:
    """Have lanes' contacts looked for in the CRM, which does not seem to know them any more."""
    if lane_ids:
        connection.execute(
            update(delivery)
            .where(
                delivery.c.id.in_(
                    select(delivery.c.id)
                    .select_from(lane.join(delivery, CONTACT_OF_LANE))
                    .where(lane.c.id.in_(lane_ids))
                ),
                delivery.c.state == "synced",
            )
            .values(state="pending", content_hash=None)
        )


def settle_parked(connection: Connection, rows: Sequence[Parked], *, now: datetime) -> None:
    """Park rows with the reason. A vanished record's link is forgotten."""
    for row in rows:
        values: dict[str, Any] = {
            "state": "parked",
            "error_code": row.code,
            "error_detail": row.detail[:500],
            "error_status": row.status,
            "parked_at": now,
            "crash_count": 0,
        }
        if row.code != IN_DOUBT:
            values["sent_body"] = None
        if row.gone_at is not None:
            values |= {"gone_at": row.gone_at, "crm_id": None, "content_hash": None}
        connection.execute(update(delivery).where(delivery.c.id == row.id).values(**values))


def settle_in_doubt(
    connection: Connection, ids: Collection[int], *, detail: str, verify_at: datetime | None = None
) -> None:
    """Leave rows ``in_flight`` and in doubt: they are looked up at their ``verify_at``."""
    if not ids:
        return
    values: dict[str, Any] = {"error_code": IN_DOUBT, "error_detail": detail[:500]}
    if verify_at is not None:
        values |= {"verify_at": verify_at, "lookups": delivery.c.lookups + 1}
    connection.execute(update(delivery).where(delivery.c.id.in_(ids)).values(**values))


def settle_failed(connection: Connection, ids: Collection[int], *, code: str, detail: str) -> None:
    """Put rows that failed for a passing reason of their own back to ``pending``, counted."""
    if ids:
        connection.execute(
            update(delivery)
            .where(delivery.c.id.in_(ids))
            .values(
                state="pending",
                crash_count=0,
                error_code=code,
                error_detail=detail[:500],
                sent_body=None,
            )
        )


def settle_skipped(connection: Connection, ids: Collection[int], *, reason: str) -> None:
    """Mark rows as never to be written, with the reason."""
    if ids:
        connection.execute(
            update(delivery)
            .where(delivery.c.id.in_(ids))
            .values(
                state="skipped",
                error_code=reason,
                error_detail=None,
                parked_at=None,
                sent_body=None,
            )
        )
