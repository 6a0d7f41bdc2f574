"""Alerts as they were raised: ``run`` rows, so that a restart neither forgets nor repeats one.

``job`` is ``alert/`` and the alert's name, ``destination`` what it is about. A row is ``running``
while the alert fires, ``waiting`` once it is over and somebody has still to be told, then ``done``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from connector.ledger.schema import run
from connector.model.alerts import Alert

Change = Literal["firing", "resolved"]
_PREFIX: Final = "alert/"
_AFTER: Final = "alert0"
"""The first text after all that begin with the prefix: a range is what an index can search."""
_ALL: Final = (run.c.job > _PREFIX, run.c.job < _AFTER)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alert from its first moment on."""

    id: int
    alert: str
    destination: str | None
    number: str | None
    since: datetime
    detail: str
    remedy: str
    over_at: datetime | None = None
    owed: tuple[Change, ...] = ()
    """What the operator's address has not been told yet, in order."""

    @property
    def about(self) -> tuple[str, str]:
        """Return by what it is known as the same one at the next look."""
        return self.alert, self.destination or self.number or ""


def firing_alarms(connection: Connection) -> list[Alarm]:
    """Return the alerts that fire now, the oldest first."""
    return _load(connection, run.c.state == "running")


def owed_alarms(connection: Connection) -> list[Alarm]:
    """Return the alerts of which something has still to be told, the oldest first."""
    found = _load(connection, run.c.state.in_(("running", "waiting")))
    return [alarm for alarm in found if alarm.owed]


def past_alarms(connection: Connection, *, limit: int) -> list[Alarm]:
    """Return the alerts that are over, the newest first."""
    rows = connection.execute(
        select(run)
        .where(*_ALL, run.c.finished_at.is_not(None))
        .order_by(run.c.finished_at.desc(), run.c.id.desc())
        .limit(limit)
    )
    return [_alarm(row) for row in rows]


def last_over(connection: Connection, alert: str) -> dict[str, datetime]:
    """Return when an alert was over the last time, by what it is about."""
    rows = connection.execute(
        select(run.c.destination, func.max(run.c.finished_at).label("over_at"))
        .where(run.c.job == f"{_PREFIX}{alert}", run.c.finished_at.is_not(None))
        .group_by(run.c.destination)
    )
    return {row.destination: row.over_at for row in rows}


def change_alarms(
    connection: Connection, alerts: Sequence[Alert], *, now: datetime, telling: bool
) -> list[tuple[Change, Alert | Alarm]]:
    """Make the rows say what fires now; return what changed.

    ``telling`` is whether each change is owed to an address. One that goes on firing is not told
    again; its words are kept up to date.
    """
    known = {alarm.about: alarm for alarm in firing_alarms(connection)}
    wanted = {alert.about: alert for alert in alerts}
    changes: list[tuple[Change, Alert | Alarm]] = []
    for about, alert in wanted.items():
        alarm = known.get(about)
        if alarm is None:
            _raise(connection, alert, now=now, telling=telling)
            changes.append(("firing", alert))
        elif (alarm.detail, alarm.remedy) != (alert.detail, alert.remedy):
            _update(connection, alarm, cursor=_cursor(alert, alarm.owed))
    for about, alarm in known.items():
        if about not in wanted:
            owed: tuple[Change, ...] = (*alarm.owed, "resolved") if telling else alarm.owed
            _update(
                connection,
                alarm,
                cursor=_cursor(alarm, owed),
                state="waiting" if owed else "done",
                finished_at=now,
            )
            changes.append(("resolved", alarm))
    return changes


def mark_told(connection: Connection, alarm_id: int, change: Change) -> None:
    """Write down that the first change that was owed has been told."""
    row = connection.execute(select(run).where(run.c.id == alarm_id)).one()
    alarm = _alarm(row)
    if alarm.owed[:1] != (change,):
        return
    owed = alarm.owed[1:]
    over = row.finished_at is not None and not owed
    _update(
        connection,
        alarm,
        cursor=_cursor(alarm, owed),
        state="done" if over else row.state,
    )


def _raise(connection: Connection, alert: Alert, *, now: datetime, telling: bool) -> None:
    connection.execute(
        insert(run).values(
            job=f"{_PREFIX}{alert.alert}",
            destination=alert.about[1][:128],
            actor="connector",
            state="running",
            cursor=_cursor(alert, ("firing",) if telling else ()),
            started_at=now,
        )
    )


def _cursor(alert: Alert | Alarm, owed: tuple[Change, ...]) -> dict[str, Any]:
    return {
        "destination": alert.destination,
        "number": alert.number,
        "detail": alert.detail,
        "remedy": alert.remedy,
        "owed": list(owed),
    }


def _update(connection: Connection, alarm: Alarm, **values: Any) -> None:
    connection.execute(update(run).where(run.c.id == alarm.id).values(**values))


def _load(connection: Connection, condition: ColumnElement[bool]) -> list[Alarm]:
    rows = connection.execute(select(run).where(*_ALL, condition).order_by(run.c.id))
    return [_alarm(row) for row in rows]


def _alarm(row: Row[Any]) -> Alarm:
    return Alarm(
        id=row.id,
        alert=row.job.removeprefix(_PREFIX),
        destination=row.cursor["destination"],
        number=row.cursor["number"],
        since=row.started_at,
        detail=row.cursor["detail"],
        remedy=row.cursor["remedy"],
        over_at=row.finished_at,
        owed=tuple(row.cursor["owed"]),
    )
