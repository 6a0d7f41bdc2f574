"""What a sweep reads of the deliveries, and what it keeps of having looked.

``crm_hash`` is a fingerprint of what the CRM returned at ``checked_at``. It speaks for a row only
until the row is written again: then ``sent_at`` is the later one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from connector.ledger.schema import delivery, lane
from connector.ledger.updates import update_rows
from connector.model.record import RecordKind


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery whose record a CRM holds, as far as we know."""

    id: int
    lane_id: int
    contact_id: int
    record: RecordKind
    source_id: str
    marker: str
    state: str
    generation: int
    content_hash: str | None
    crm_id: str | None
    crm_hash: str | None
    queued_at: datetime
    sent_at: datetime | None
    synced_at: datetime | None
    checked_at: datetime | None
    gone_at: datetime | None

    @property
    def trusted(self) -> bool:
        """Whether ``crm_hash`` is of the record as it was written last."""
        return (
            self.crm_hash is not None
            and self.checked_at is not None
            and (self.sent_at is None or self.sent_at <= self.checked_at)
        )


HELD_COLUMNS: Final = tuple(
    lane.c.contact_id if name == "contact_id" else delivery.c[name] for name in Held.__slots__
)
HELD_ROWS: Final = delivery.join(lane, lane.c.id == delivery.c.lane_id)


@dataclass(frozen=True, slots=True)
class Window:
    """Which records of one kind a sweep reads back."""

    destination: str
    record: RecordKind
    since: datetime
    """Those that were brought up to date at or after this ..."""
    until: datetime
    """... and before this."""
    stale_before: datetime | None = None
    """Leaves out what was looked at since then and not written since; ``None`` leaves out none."""

    def condition(self) -> ColumnElement[bool]:
        """Return the window as SQL."""
        parts = [
            delivery.c.destination == self.destination,
            delivery.c.record == self.record,
            delivery.c.state == "synced",
            delivery.c.gone_at.is_(None),
            delivery.c.synced_at >= self.since,
            delivery.c.synced_at < self.until,
        ]
        if self.stale_before is not None:
            parts.append(
                or_(
                    delivery.c.checked_at.is_(None),
                    delivery.c.checked_at < delivery.c.sent_at,
                    delivery.c.checked_at < self.stale_before,
                )
            )
        return and_(*parts)

    def holds(self, row: Held) -> bool:
        """Say whether a row is one of those."""
        if row.state != "synced" or row.gone_at is not None or row.synced_at is None:
            return False
        if row.record != self.record or not self.since <= row.synced_at < self.until:
            return False
        return (
            self.stale_before is None
            or row.checked_at is None
            or (row.sent_at is not None and row.checked_at < row.sent_at)
            or row.checked_at < self.stale_before
        )


def count_window(connection: Connection, window: Window) -> int:
    """Return how many records the window holds."""
    return connection.execute(
        select(func.count()).select_from(delivery).where(window.condition())
    ).scalar_one()


def window_page(
    connection: Connection, window: Window, *, after: tuple[datetime, int] | None, limit: int
) -> list[Held]:
    """Return the next records of a window; ``after`` is the last one's ``synced_at`` and id."""
    query = (
        select(*HELD_COLUMNS)
        .select_from(HELD_ROWS)
        .where(window.condition())
        .order_by(delivery.c.synced_at, delivery.c.id)
        .limit(limit)
    )
    if after is not None:
        moment, row_id = after
        query = query.where(
            or_(
                delivery.c.synced_at > moment,
                and_(delivery.c.synced_at == moment, delivery.c.id > row_id),
            )
        )
    return [_held(row) for row in connection.execute(query)]


def load_held(connection: Connection, ids: Collection[int]) -> dict[int, Held]:
    """Return deliveries by id, in whatever state they are."""
    if not ids:
        return {}
    rows = connection.execute(
        select(*HELD_COLUMNS).select_from(HELD_ROWS).where(delivery.c.id.in_(sorted(ids)))
    )
    return {row.id: _held(row) for row in rows}


def held_by_crm_id(
    connection: Connection, destination: str, record: RecordKind, crm_ids: Collection[str]
) -> dict[str, list[Held]]:
    """Return the deliveries linked to these CRM records; several contacts may share one."""
    found: dict[str, list[Held]] = {}
    if not crm_ids:
        return found
    kind = delivery.c.record == "contact" if record == "contact" else delivery.c.record != "contact"
    rows = connection.execute(
        select(*HELD_COLUMNS)
        .select_from(HELD_ROWS)
        .where(
            delivery.c.destination == destination,
            kind,
            delivery.c.record == record,
            delivery.c.crm_id.in_(sorted(crm_ids)),
        )
    )
    for row in rows:
        found.setdefault(row.crm_id, []).append(_held(row))
    return found


def last_delivery_id(connection: Connection) -> int:
    """Return the newest delivery's id; 0 where there is none."""
    return connection.execute(select(func.max(delivery.c.id))).scalar_one() or 0


MARKER_END = 16
"""Characters at the end of a marker that tell it from every other: 80 random bits."""


def held_by_marker(
    connection: Connection,
    destination: str,
    markers: Collection[str],
    *,
    after: int,
    upto: int,
) -> list[Held]:
    """Return the deliveries with these markers among those whose id is in ``(after, upto]``.

    A marker of 16 characters is the end of one: all that some CRMs have a place for.

    Markers have no index: a random one would cost every message a page of the log, to be used only
    where a CRM shows a record of ours that we do not know. So it is a scan, by the slice.
    """
    rows = connection.execute(
        select(*HELD_COLUMNS)
        .select_from(HELD_ROWS)
        .where(
            delivery.c.id > after,
            delivery.c.id <= upto,
            delivery.c.destination == destination,
            or_(
                delivery.c.marker.in_(sorted(markers)),
                func.substr(delivery.c.marker, func.length(delivery.c.marker) - MARKER_END + 1).in_(
                    sorted(each for each in markers if len(each) == MARKER_END)
                ),
            ),
        )
    )
    return [_held(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Print:
    """The fingerprint of what a CRM returned for a row of this generation."""

    id: int
    generation: int
    crm_hash: str | None


def keep_prints(connection: Connection, prints: Sequence[Print], *, at: datetime) -> None:
    """Keep what a CRM returned, asked for at ``at``. A row that was renewed meanwhile is left."""
    update_rows(
        connection,
        delivery,
        [
            {
                "id": each.id,
                "generation": each.generation,
                "crm_hash": each.crm_hash,
                "checked_at": at,
            }
            for each in prints
        ],
        keys=("id", "generation"),
    )


def crm_links(
    connection: Connection, destination: str, contact_ids: Collection[int]
) -> Mapping[int, str]:
    """Return the CRM record of each of these contacts that is linked to one."""
    if not contact_ids:
        return {}
    rows = connection.execute(
        select(delivery.c.source_id, delivery.c.crm_id).where(
            delivery.c.destination == destination,
            delivery.c.record == "contact",
            delivery.c.source_id.in_([str(contact_id) for contact_id in sorted(contact_ids)]),
            delivery.c.crm_id.is_not(None),
            delivery.c.state.not_in(("skipped", "erased")),
        )
    )
    return {int(row.source_id): row.crm_id for row in rows}


def _held(row: Row[Any]) -> Held:
    return Held(*tuple(row))
