"""The state of everything at a glance: what ``status`` and ``/healthz`` show.

From partial indexes: nothing here reads all deliveries or all messages, at any size.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, get_args

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, bindparam, func, select

from connector.ledger.deliveries import IN_DOUBT
from connector.ledger.destinations import Standing, load_standings
from connector.ledger.leases import holdings
from connector.ledger.notices import Notice, current_notices
from connector.ledger.runs import is_resync_offered
from connector.ledger.schema import (
    IS_UNSETTLED,
    UNSETTLED_STATES,
    delivery,
    message,
    review,
    run,
)
from connector.ledger.webhooks import WebhookCounts, kept_raw_counts, webhook_counts
from connector.model.record import RecordKind


@dataclass(slots=True)
class Load:
    """What waits in one destination."""

    pending: dict[str, int] = field(default_factory=dict)
    """By record kind, as the next two."""
    in_flight: dict[str, int] = field(default_factory=dict)
    parked: dict[str, int] = field(default_factory=dict)
    in_doubt: int = 0
    reviews: dict[str, int] = field(default_factory=dict)
    oldest_open_at: datetime | None = None
    last_synced_at: datetime | None = None
    last_reconcile: dict[str, object] | None = None
    resync_offered: bool = False
    """Whether the mapping changed, and records still say what the former one made."""

    @property
    def open(self) -> int:
        """Return how many records are on their way."""
        return sum(self.pending.values()) + sum(self.in_flight.values())


@dataclass(slots=True)
class Overview:
    """One look at the ledger."""

    at: datetime
    webhooks: WebhookCounts
    standings: dict[str, Standing]
    loads: dict[str, Load]
    holders: dict[str, str | None]
    """Who holds which lease, by the lease's name."""
    last_event_at: dict[str, datetime | None]
    """By the number's name."""
    kept_raw: dict[str, int] = field(default_factory=dict)
    """Elements that became no message, by reason, and by where unknown ones stood."""
    notices: list[Notice] = field(default_factory=list)
    """What WhatsApp last said of each of our accounts, numbers and templates."""


def look(connection: Connection, *, now: datetime, numbers: list[str]) -> Overview:
    """Read the state of the webhooks, the numbers and the destinations."""
    standings = load_standings(connection)
    loads = {name: _count_unsettled(connection, name) for name in standings}
    _count_reviews(connection, loads)
    for name, load in loads.items():
        load.last_synced_at = _last_synced_at(connection, name)
        load.last_reconcile = _last_reconcile(connection, name)
        load.resync_offered = is_resync_offered(connection, name)
    return Overview(
        at=now,
        webhooks=webhook_counts(connection),
        standings=standings,
        loads=loads,
        holders={
            name: held.owner
            for name, held in holdings(connection).items()
            if held.expires_at is not None and held.expires_at > now
        },
        last_event_at={name: _last_event_at(connection, name) for name in numbers},
        kept_raw=dict(sorted(kept_raw_counts(connection).items())),
        notices=current_notices(connection),
    )


def _kind(what: ColumnElement[Any], state: str, record: str) -> ScalarSelect[Any]:
    return (
        select(what)
        .select_from(delivery)
        .where(
            delivery.c.destination == bindparam("name"),
            IS_UNSETTLED,
            delivery.c.state == state,
            delivery.c.record == record,
        )
        .scalar_subquery()
    )


_KINDS: Final = [(state, record) for state in UNSETTLED_STATES for record in get_args(RecordKind)]
_IN_DOUBT: Final = (
    select(func.count())
    .select_from(delivery)
    .where(
        delivery.c.destination == bindparam("name"),
        IS_UNSETTLED,
        delivery.c.state.in_(("in_flight", "parked")),
        delivery.c.error_code == IN_DOUBT,
    )
    .scalar_subquery()
)
_UNSETTLED: Final = select(
    *[_kind(func.count(), *kind) for kind in _KINDS],
    *[_kind(func.min(delivery.c.queued_at), *kind) for kind in _KINDS if kind[0] != "parked"],
    _IN_DOUBT,
)
"""Each kind by itself, from a range of one index, which asks for no row of the table: how many
there are, when the oldest of those on their way was queued, and how many are in doubt."""


def _count_unsettled(connection: Connection, name: str) -> Load:
    found = connection.execute(_UNSETTLED, {"name": name}).one()
    load = Load(in_doubt=found[-1])
    by_state = {"pending": load.pending, "in_flight": load.in_flight, "parked": load.parked}
    for (state, record), total in zip(_KINDS, found, strict=False):
        if total:
            by_state[state][record] = total
    load.oldest_open_at = min(filter(None, found[len(_KINDS) : -1]), default=None)
    return load


def _count_reviews(connection: Connection, loads: dict[str, Load]) -> None:
    rows = connection.execute(
        select(review.c.destination, review.c.kind, func.count().label("total"))
        .where(review.c.resolved_at.is_(None))
        .group_by(review.c.destination, review.c.kind)
    )
    for row in rows:
        if row.destination in loads:
            loads[row.destination].reviews[row.kind] = row.total


def _last_synced_at(connection: Connection, name: str) -> datetime | None:
    found: datetime | None = connection.execute(
        select(delivery.c.synced_at)
        .where(delivery.c.destination == name, delivery.c.synced_at.is_not(None))
        .order_by(delivery.c.synced_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found


def _last_reconcile(connection: Connection, name: str) -> dict[str, object] | None:
    row = connection.execute(
        select(run.c.id, run.c.started_at, run.c.state)
        .where(and_(run.c.job == "reconcile", run.c.destination == name))
        .order_by(run.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else {"run": row.id, "at": row.started_at, "state": row.state}


def _last_event_at(connection: Connection, number: str) -> datetime | None:
    found: datetime | None = connection.execute(
        select(message.c.sent_at)
        .where(message.c.number == number)
        .order_by(message.c.sent_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found
