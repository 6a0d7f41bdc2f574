"""What a ledger that was restored from a backup has to be told, and what it keeps of that.

A backup knows nothing of what happened after its last write: the CRMs may hold records of which it
has no row, and rows of which it says that they are still to be written. So what is open becomes
doubtful, whoever held a lease is fenced off, and a run row remembers the two moments between which
records were made that this ledger never heard of.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, case, func, literal, select, text, update

from connector.ledger.columns import Instant
from connector.ledger.deliveries import IN_DOUBT, OPEN
from connector.ledger.destinations import block
from connector.ledger.heartbeat import PREFIX
from connector.ledger.runs import UNFINISHED, note_command
from connector.ledger.schema import (
    delivery,
    destination,
    lane,
    lease,
    message,
    run,
    webhook,
)
from connector.ledger.sweeps import Held
from connector.ledger.updates import update_rows

JOB: Final = "recover"
"""The job of the row that remembers a restore."""
EPOCHS: Final = 1_000_000
"""How far epochs jump: further than any holder can have come since the backup."""
SKEW: Final = timedelta(minutes=2)
"""How much later than our own clock WhatsApp may say that a message was sent."""
_WITHDRAWN: Final = "the ledger was restored from a backup; order it again"
_DOUBTFUL: Final[Mapping[str, Any]] = {
    "state": "in_flight",
    "error_code": IN_DOUBT,
    "error_detail": "the ledger was restored from a backup: the CRM may hold this already",
    "error_status": None,
    "lookups": 0,
    "resends": 0,
}


@dataclass(frozen=True, slots=True)
class Restoration:
    """The time of which a restored ledger knows nothing."""

    last_write: datetime
    """The last write of the backup, of the oldest one if several were restored."""
    restored_at: datetime
    """When it was restored; the newest time."""

    def may_hide(self, position: int) -> bool:
        """Say whether a CRM may hold a record of this place on a lane that has no row here.

        ``position`` is in milliseconds since 1970.
        """
        return position <= int((self.restored_at + SKEW).timestamp() * 1000)

    def made_since(self, position: int) -> datetime:
        """Return the earliest time at which such a record can have been made."""
        return max(self.last_write, datetime.fromtimestamp(position / 1000, UTC))

    def distrust(self, row: Held) -> Held:
        """Return a row without what it says of the CRM, unless that was learnt since.

        The CRM may hold something newer of ours, which a sweep must not take for a stranger's.
        """
        if any(at is not None and at > self.restored_at for at in (row.sent_at, row.checked_at)):
            return row
        return replace(row, content_hash=None, crm_hash=None)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done to a restored ledger."""

    last_write: datetime
    restored_at: datetime
    quiet_until: datetime
    """Nothing is sent before."""
    in_doubt: Mapping[str, int]
    """Deliveries to be looked up, by destination."""
    runs: int
    """Runs that were under way and are withdrawn."""
    rotated: tuple[str, ...]
    """Destinations whose refresh token may have been exchanged since the backup."""


def load_restoration(connection: Connection) -> Restoration | None:
    """Return of what this ledger knows nothing; ``None`` if it was never restored."""
    rows = connection.execute(
        select(run.c.started_at, run.c.counts).where(run.c.job == JOB, run.c.state == "done")
    ).all()
    if not rows:
        return None
    return Restoration(
        last_write=min(datetime.fromisoformat(row.counts["last_write"]) for row in rows),
        restored_at=max(row.started_at for row in rows),
    )


def count_sessions(connection: Connection) -> int:
    """Return how many other processes of ours are connected; always 0 on SQLite."""
    if connection.dialect.name != "postgresql":
        return 0
    counted: int = connection.execute(
        text(
            "SELECT count(DISTINCT application_name) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'connector:%'"
            " AND application_name <> current_setting('application_name')"
        )
    ).scalar_one()
    return counted


def last_write(connection: Connection) -> datetime | None:
    """Return when anything was last taken in or sent, as far as rows tell; ``None`` if nothing was.

    Runs do not count: the minutes of a chart end in the future.
    """
    columns: tuple[Any, ...] = (
        webhook.c.received_at,
        webhook.c.recorded_at,
        delivery.c.queued_at,
        delivery.c.sent_at,
        delivery.c.synced_at,
    )
    moments = [connection.execute(select(func.max(each))).scalar_one() for each in columns]
    return max((moment for moment in moments if moment is not None), default=None)


def recover(connection: Connection, *, actor: str, now: datetime, quiet: timedelta) -> Recovered:
    """Make a restored ledger fit to go on, and remember that it was restored.

    Nothing is sent for ``quiet``: what the process that died had just sent may arrive late.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    until = now + quiet
    known = min(last_write(connection) or now, now)
    doubtful = _put_in_doubt(connection, since=known, verify_at=until)
    connection.execute(
        update(lease)
        .where(lease.c.name.not_like(f"{PREFIX}%"))
        .values(owner=None, expires_at=None, epoch=lease.c.epoch + EPOCHS)
    )
    withdrawn = connection.execute(
        update(run)
        .where(run.c.state.in_(UNFINISHED))
        .values(state="failed", finished_at=now, cursor=None, error=_WITHDRAWN)
    ).rowcount
    for name in connection.execute(select(destination.c.name)).scalars().all():
        block(connection, name, until=until, reason="throttled")
    rotated = connection.execute(
        select(destination.c.name)
        .where(destination.c.refresh_token.is_not(None))
        .order_by(destination.c.name)
    ).scalars()
    recovered = Recovered(known, now, until, doubtful, withdrawn, tuple(rotated))
    note_command(
        connection,
        JOB,
        actor=actor,
        now=now,
        counts={"last_write": known.isoformat(), "in_doubt": doubtful, "runs": withdrawn},
    )
    return recovered


def _put_in_doubt(
    connection: Connection, *, since: datetime, verify_at: datetime
) -> dict[str, int]:
    """Put what is open and in no CRM, as far as we know, in doubt; return how much by destination.

    What may be repeated by key goes back to ``pending`` when its destination is taken over. What is
    parked is looked up should it ever be tried again.
    """
    unmade = and_(delivery.c.crm_id.is_(None), delivery.c.state.in_(OPEN))
    counts = connection.execute(
        select(delivery.c.destination, func.count())
        .where(unmade)
        .group_by(delivery.c.destination)
        .order_by(delivery.c.destination)
    ).all()
    connection.execute(
        update(lane)
        .where(lane.c.id.in_(select(delivery.c.lane_id).where(unmade)))
        .values(due_at=verify_at, failures=0)
    )
    connection.execute(
        update(delivery)
        .where(delivery.c.crm_id.is_(None), delivery.c.state == "parked")
        .values(resends=0)
    )
    flying = and_(delivery.c.state == "in_flight", delivery.c.sent_at < since)
    connection.execute(
        update(delivery)
        .where(unmade)
        .values(
            sent_at=case((flying, delivery.c.sent_at), else_=literal(since, Instant())),
            verify_at=verify_at,
            **_DOUBTFUL,
        )
    )
    return {row[0]: row[1] for row in counts}


def doubt_unmade(
    connection: Connection, since: Mapping[int, datetime], *, verify_at: datetime
) -> None:
    """Put rows in doubt that the CRM may hold; each is looked for among what was made ``since``.

    The lease was checked and the lanes are locked.
    """
    connection.execute(
        update(delivery)
        .where(delivery.c.id.in_(list(since)), delivery.c.state == "pending")
        .values(sent_at=literal(verify_at, Instant()), verify_at=verify_at, **_DOUBTFUL)
    )
    update_rows(
        connection,
        delivery,
        [{"id": row_id, "sent_at": moment} for row_id, moment in since.items()],
    )


def move_messages(connection: Connection, ids: Collection[int], conversation: str) -> None:
    """Let messages belong to another conversation, since theirs can not take them any more."""
    connection.execute(
        update(message).where(message.c.id.in_(list(ids))).values(conversation=conversation)
    )


def carrying_destinations(connection: Connection, conversation: str) -> list[str]:
    """Return the destinations that hold a conversation, by name."""
    found = connection.execute(
        select(delivery.c.destination)
        .where(delivery.c.record == "conversation", delivery.c.source_id == conversation)
        .order_by(delivery.c.destination)
    )
    return list(found.scalars())
