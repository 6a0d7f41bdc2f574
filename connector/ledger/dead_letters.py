"""Dead letters: parked deliveries, listed, shown, retried and discarded by a person.

They are rows of the same table, so nothing is copied and order and identity are kept. Each change
is a ``run`` row with who did it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from connector.ledger.deliveries import IN_DOUBT
from connector.ledger.lanes import lock_lanes
from connector.ledger.reviews import close_matches
from connector.ledger.schema import IS_UNSETTLED, contact, delivery, lane, run


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One parked delivery."""

    id: int
    destination: str
    record: str
    source_id: str
    contact: str
    """The contact's key."""
    code: str
    detail: str | None
    status: int | None
    attempts: int
    marker: str
    crm_id: str | None
    queued_at: datetime
    parked_at: datetime

    @property
    def in_doubt(self) -> bool:
        """Whether the CRM may hold the record all the same."""
        return self.code == IN_DOUBT


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are meant; what is ``None`` does not narrow."""

    destination: str | None = None
    code: str | None = None
    """A code or a family: ``rejected`` means every ``rejected.*``."""
    parked_before: datetime | None = None
    ids: tuple[int, ...] | None = None

    def condition(self) -> ColumnElement[bool]:
        """Return the filter as SQL."""
        parts: list[ColumnElement[bool]] = [
            IS_UNSETTLED,
            delivery.c.state == "parked",
        ]
        if self.destination is not None:
            parts.append(delivery.c.destination == self.destination)
        if self.code is not None:
            family = delivery.c.error_code.like(f"{self.code}.%")
            parts.append((delivery.c.error_code == self.code) | family)
        if self.parked_before is not None:
            parts.append(delivery.c.parked_at < self.parked_before)
        if self.ids is not None:
            parts.append(delivery.c.id.in_(self.ids))
        return and_(*parts)


def list_dead_letters(
    connection: Connection, which: Filter, *, limit: int | None = None
) -> list[DeadLetter]:
    """Return dead letters, the oldest first."""
    query = (
        select(
            delivery.c.id,
            delivery.c.destination,
            delivery.c.record,
            delivery.c.source_id,
            contact.c.key,
            delivery.c.error_code,
            delivery.c.error_detail,
            delivery.c.error_status,
            delivery.c.attempts,
            delivery.c.marker,
            delivery.c.crm_id,
            delivery.c.queued_at,
            delivery.c.parked_at,
        )
        .select_from(
            delivery.join(lane, lane.c.id == delivery.c.lane_id).join(
                contact, contact.c.id == lane.c.contact_id
            )
        )
        .where(which.condition())
        .order_by(delivery.c.parked_at, delivery.c.id)
    )
    if limit is not None:
        query = query.limit(limit)
    return [DeadLetter(*tuple(row)) for row in connection.execute(query)]


def count_dead_letters(connection: Connection, which: Filter) -> int:
    """Return how many dead letters there are."""
    return connection.execute(
        select(func.count()).select_from(delivery).where(which.condition())
    ).scalar_one()


def retry_dead_letters(connection: Connection, which: Filter, *, actor: str, now: datetime) -> int:
    """Give dead letters another try; return how many.

    One that is in doubt goes back into doubt, so that it is looked up before it is written again.
    """
    chosen = _lock(connection, which)
    if not chosen:
        return 0
    ids = [row.id for row in chosen]
    doubtful = [row.id for row in chosen if row.error_code == IN_DOUBT and row.sent_at]
    plain = sorted(set(ids) - set(doubtful))
    fresh: dict[str, Any] = {"attempts": 0, "resends": 0, "lookups": 0, "parked_at": None}
    if plain:
        connection.execute(
            update(delivery)
            .where(delivery.c.id.in_(plain))
            .values(state="pending", error_code=None, error_detail=None, **fresh)
        )
    if doubtful:
        connection.execute(
            update(delivery)
            .where(delivery.c.id.in_(doubtful))
            .values(state="in_flight", verify_at=now, **fresh)
        )
    connection.execute(
        update(lane)
        .where(lane.c.id.in_({row.lane_id for row in chosen}))
        .values(due_at=now, failures=0)
    )
    close_matches(connection, _ambiguous(chosen), discarded=False, now=now)
    _note(connection, "dead-letters retry", ids, actor=actor, now=now)
    return len(ids)


def discard_dead_letters(
    connection: Connection, which: Filter, *, reason: str, actor: str, now: datetime
) -> int:
    """Give dead letters up, with the reason; return how many.

    A contact whose contact record is given up stands still no more: its messages are skipped too.
    """
    chosen = _lock(connection, which)
    if not chosen:
        return 0
    ids = [row.id for row in chosen]
    connection.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids))
        .values(
            state="skipped",
            error_code="operator",
            error_detail=reason[:500],
            parked_at=None,
        )
    )
    connection.execute(
        update(lane).where(lane.c.id.in_({row.lane_id for row in chosen})).values(due_at=now)
    )
    close_matches(connection, _ambiguous(chosen), discarded=True, now=now)
    _note(connection, "dead-letters discard", ids, actor=actor, now=now, reason=reason)
    return len(ids)


def _ambiguous(chosen: Sequence[Any]) -> list[int]:
    """Return the lanes that stand still because a person must choose."""
    return [row.lane_id for row in chosen if row.error_code == "ambiguous"]


def _lock(connection: Connection, which: Filter) -> Sequence[Any]:
    """Lock the lanes of the dead letters meant, then look which are still parked."""
    lanes = set(connection.execute(select(delivery.c.lane_id).where(which.condition())).scalars())
    lock_lanes(connection, lanes)
    return connection.execute(
        select(delivery.c.id, delivery.c.lane_id, delivery.c.error_code, delivery.c.sent_at).where(
            which.condition()
        )
    ).all()


def _note(
    connection: Connection,
    job: str,
    ids: Sequence[int],
    *,
    actor: str,
    now: datetime,
    reason: str | None = None,
) -> None:
    connection.execute(
        insert(run).values(
            job=job,
            destination="",
            actor=actor,
            state="done",
            counts={"rows": len(ids), "ids": list(ids[:100]), "reason": reason},
            started_at=now,
            finished_at=now,
        )
    )
