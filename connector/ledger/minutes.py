"""What happened in each minute: messages taken in, records written, and how far behind we were.

Whoever holds the schedule adds to the minute under way every few seconds, so that a chart of a day
reads a row an hour and nothing is counted over all messages. ``run`` rows again: ``job`` is
``minutes``, ``tick`` the hour, ``destination`` empty for what came in. They go with old ticks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from connector.ledger.schema import delivery, message, run, webhook
from connector.model.message import UNSEEN

JOB: Final = "minutes"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_GAP: Final = timedelta(minutes=3)
"""After a longer pause the chart has a gap; what came in meanwhile is not one minute's peak."""
_REMEMBERED: Final = 5000
"""So many of the newest messages are looked at again: a status may come before its message."""


@dataclass(slots=True)
class Minutes:
    """Values by minute; a minute that nobody watched is missing."""

    received: dict[datetime, int] = field(default_factory=dict)
    synced: dict[datetime, int] = field(default_factory=dict)
    """Messages and conversations written, over all destinations."""
    lag: dict[datetime, float] = field(default_factory=dict)
    """Seconds that the oldest live record had waited, the longest over all destinations."""


def note_minute(
    connection: Connection,
    *,
    now: datetime,
    destinations: Iterable[str],
    oldest: Mapping[str, datetime],
) -> None:
    """Add what has happened since the last call. Two callers at once would count twice.

    ``oldest`` is when the oldest live work of a destination was queued, where there is any.
    """
    minute = _floor(now, _MINUTE)
    before = _last_look(connection, now)
    looked_at = None if before is None else before.at
    newest: int = connection.execute(select(func.max(message.c.id))).scalar_one() or 0
    received = 0
    if before is None:
        for earlier, count in _lately(connection, newest, since=now - _GAP):
            if earlier < minute:
                _add(connection, earlier, count)
            else:
                received = count
    else:
        received = _taken_in(connection, before, newest)
    hour = _Hour.open(connection, "", minute)
    hour.add("received", minute, received)
    unseen = _unseen(connection, newest - _REMEMBERED, newest)
    hour.save(connection, cursor={"message": newest, "unseen": unseen, "at": now.isoformat()})
    for name in destinations:
        waited = max((now - oldest[name]) / timedelta(seconds=1), 0.0) if name in oldest else 0.0
        if looked_at is not None and _floor(looked_at, _MINUTE) < minute:
            _close(connection, name, _floor(looked_at, _MINUTE))
        hour = _Hour.open(connection, name, minute)
        hour.set("synced", minute, _written(connection, name, minute))
        hour.set("lag", minute, round(max(waited, hour.get("lag", minute) or 0.0), 1))
        hour.save(connection)


def load_minutes(connection: Connection, *, since: datetime) -> Minutes:
    """Return every minute from a moment on."""
    rows = connection.execute(
        select(run.c.destination, run.c.tick, run.c.counts).where(
            run.c.job == JOB, run.c.tick >= _floor(since, _HOUR)
        )
    )
    minutes = Minutes()
    for row in rows:
        for name, values in row.counts.items():
            for index, value in enumerate(values):
                at = row.tick + index * _MINUTE
                if value is None or at < since:
                    continue
                match name:
                    case "received":
                        minutes.received[at] = value
                    case "synced":
                        minutes.synced[at] = minutes.synced.get(at, 0) + value
                    case "lag":
                        minutes.lag[at] = max(minutes.lag.get(at, 0.0), value)
    return minutes


@dataclass(frozen=True, slots=True)
class _Look:
    """What was known at the last look."""

    message: int
    """The newest message's id."""
    unseen: int
    """Messages of which only a status had come, among the last ones."""
    at: datetime


def _last_look(connection: Connection, now: datetime) -> _Look | None:
    row = connection.execute(
        select(run.c.cursor)
        .where(run.c.job == JOB, run.c.destination == "", run.c.tick >= now - _HOUR - _GAP)
        .order_by(run.c.tick.desc())
        .limit(1)
    ).one_or_none()
    if row is None or not row.cursor:
        return None
    looked_at = datetime.fromisoformat(row.cursor["at"])
    if now - looked_at >= _GAP:
        return None
    return _Look(row.cursor["message"], row.cursor.get("unseen", 0), looked_at)


def _taken_in(connection: Connection, before: _Look, newest: int) -> int:
    """Count the messages that came, and those whose status had come before them."""
    new: int = connection.execute(
        select(func.count()).where(
            message.c.id > before.message, message.c.id <= newest, message.c.kind != UNSEEN
        )
    ).scalar_one()
    still_unseen = _unseen(connection, before.message - _REMEMBERED, before.message)
    return new + max(before.unseen - still_unseen, 0)


def _unseen(connection: Connection, after: int, until: int) -> int:
    """Count the messages of a range of ids of which only a status has come."""
    return connection.execute(
        select(func.count()).where(
            message.c.id > after, message.c.id <= until, message.c.kind == UNSEEN
        )
    ).scalar_one()


def _lately(
    connection: Connection, newest: int, *, since: datetime
) -> Iterator[tuple[datetime, int]]:
    """Yield how many messages came by minute, where nobody has counted them yet."""
    rows = connection.execute(
        select(webhook.c.received_at)
        .select_from(message.join(webhook, webhook.c.id == message.c.webhook_id))
        .where(
            message.c.id > newest - _REMEMBERED,
            message.c.kind != UNSEEN,
            webhook.c.received_at > since,
        )
    ).scalars()
    yield from sorted(Counter(_floor(at, _MINUTE) for at in rows).items())


def _add(connection: Connection, minute: datetime, count: int) -> None:
    hour = _Hour.open(connection, "", minute)
    hour.add("received", minute, count)
    hour.save(connection)


def _written(connection: Connection, destination: str, minute: datetime) -> int:
    return connection.execute(
        select(func.count()).where(
            delivery.c.destination == destination,
            delivery.c.synced_at >= minute,
            delivery.c.synced_at < minute + _MINUTE,
            delivery.c.record != "contact",
        )
    ).scalar_one()


def _close(connection: Connection, destination: str, minute: datetime) -> None:
    """Count a minute once more that has passed since it was looked at."""
    hour = _Hour.open(connection, destination, minute)
    hour.set("synced", minute, _written(connection, destination, minute))
    hour.save(connection)


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % step


@dataclass(slots=True)
class _Hour:
    """One row: sixty values of each kind."""

    id: int
    counts: dict[str, list[Any]]

    @classmethod
    def open(cls, connection: Connection, destination: str, minute: datetime) -> "_Hour":
        tick = _floor(minute, _HOUR)
        row = connection.execute(
            select(run.c.id, run.c.counts).where(
                run.c.job == JOB, run.c.destination == destination, run.c.tick == tick
            )
        ).one_or_none()
        if row is not None:
            return cls(row.id, row.counts)
        made: int = connection.execute(
            insert(run)
            .values(
                job=JOB,
                destination=destination,
                tick=tick,
                actor="connector",
                state="done",
                counts={},
                started_at=tick,
                finished_at=tick + _HOUR,
            )
            .returning(run.c.id)
        ).scalar_one()
        return cls(made, {})

    def get(self, name: str, minute: datetime) -> Any:
        return self._values(name)[minute.minute]

    def set(self, name: str, minute: datetime, value: float) -> None:
        self._values(name)[minute.minute] = value

    def add(self, name: str, minute: datetime, value: int) -> None:
        self.set(name, minute, (self.get(name, minute) or 0) + value)

    def save(self, connection: Connection, *, cursor: Mapping[str, Any] | None = None) -> None:
        values: dict[str, Any] = {"counts": self.counts}
        if cursor is not None:
            values["cursor"] = dict(cursor)
        connection.execute(update(run).where(run.c.id == self.id).values(**values))

    def _values(self, name: str) -> list[Any]:
        return self.counts.setdefault(name, [None] * 60)
