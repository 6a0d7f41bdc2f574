"""What ``connector status --json`` and ``GET /healthz`` say: one look at everything.

It comes from partial indexes and costs the same at any size. What only a running daemon knows, its
readiness and its budgets, the daemon adds; the command does without.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from connector.config.models import Config, DestinationSettings
from connector.crm.budget import BudgetState
from connector.ledger import migrate
from connector.ledger.alarms import Alarm, firing_alarms
from connector.ledger.destinations import Standing
from connector.ledger.ledger import Ledger
from connector.ledger.overview import Load, Overview, look
from connector.ledger.space import DiskSpace
from connector.runtime.neighbour import add_live
from connector.runtime.times import rfc3339
from connector.runtime.version import VERSION


@dataclass(frozen=True, slots=True)
class Live:
    """What a running daemon adds to the ledger's own view."""

    reasons: Sequence[str] = ()
    """Why webhooks can not be taken now; none where they can."""
    budgets: Mapping[str, Mapping[str, BudgetState]] = field(default_factory=dict)
    """What is left, by destination and budget."""


def read_status(ledger: Ledger, config: Config) -> dict[str, Any]:
    """Return the status as a command sees it, with what a daemon on this host adds."""
    space = DiskSpace(config.ledger.url, min_free=config.ledger.min_free)
    revision = migrate.current(ledger.engine)
    status = ledger.query(status_of, ledger=ledger, config=config, space=space, revision=revision)
    add_live(status, config)
    return status


def status_of(
    connection: Connection,
    *,
    ledger: Ledger,
    config: Config,
    space: DiskSpace,
    revision: str | None,
    live: Live | None = None,
) -> dict[str, Any]:
    """Return the status, JSON through and through; ``live`` where this process is a daemon."""
    now = ledger.now(connection)
    view = look(connection, now=now, numbers=[number.name for number in config.whatsapp.numbers])
    reasons = list(live.reasons) if live else _reasons(view, space)
    return {
        "version": VERSION,
        "at": rfc3339(now),
        "ready": not reasons,
        "reasons": reasons,
        "ledger": {
            "kind": ledger.dialect,
            "revision": revision,
            "free_bytes": space.free_bytes,
        },
        "webhooks": {
            "waiting": view.webhooks.waiting,
            "failed": view.webhooks.failed,
            "last_at": rfc3339(view.webhooks.last_at),
            "kept_raw": view.kept_raw,
        },
        "numbers": _numbers(view, config),
        "destinations": _destinations(view, config, live or Live()),
        "notices": [
            {
                "field": notice.field,
                "subject": notice.subject,
                "word": notice.word,
                "level": notice.level,
                "at": rfc3339(notice.at),
            }
            for notice in view.notices
            if notice.level != "info"
        ],
        "alerts": [alert_json(alarm) for alarm in firing_alarms(connection)],
    }


def alert_json(alarm: Alarm) -> dict[str, Any]:
    """Return one alert of the status, and of its POST without the ``state``."""
    return {
        "alert": alarm.alert,
        "destination": alarm.destination,
        "number": alarm.number,
        "since": rfc3339(alarm.since),
        "detail": alarm.detail,
        "remedy": alarm.remedy,
    }


def _reasons(view: Overview, space: DiskSpace) -> list[str]:
    reasons = []
    if not any(view.holders.values()):
        reasons.append("no daemon is running: start one with `connector run`")
    if not space.enough:
        reasons.append("the ledger's disk has less room than [ledger] min_free: free some")
    return reasons


def _numbers(view: Overview, config: Config) -> dict[str, Any]:
    numbers = {}
    for number in config.whatsapp.numbers:
        last = view.last_event_at.get(number.name)
        numbers[number.name] = {
            "phone_number_id": number.phone_number_id,
            "last_event_at": rfc3339(last),
            "silent": last is not None and view.at - last > config.alerts.silence,
        }
    return numbers


def _destinations(view: Overview, config: Config, live: Live) -> dict[str, Any]:
    """Return the configured destinations, then those of which only the ledger knows."""
    names = [*config.destinations, *sorted(view.standings.keys() - config.destinations.keys())]
    found = {}
    for name in names:
        settings = config.destinations.get(name)
        adapter = settings.adapter if settings else view.standings[name].adapter
        standing = view.standings.get(name) or Standing(name=name, adapter=adapter)
        found[name] = _destination(
            standing,
            view.loads.get(name) or Load(),
            now=view.at,
            configured=settings is not None,
            holder=view.holders.get(f"deliver/{name}"),
            budgets=live.budgets.get(name) or kept_budgets(standing, settings, now=view.at),
        )
    return found


def _destination(
    standing: Standing,
    load: Load,
    *,
    now: datetime,
    configured: bool,
    holder: str | None,
    budgets: Mapping[str, BudgetState],
) -> dict[str, Any]:
    state = standing.state(now)
    gated = state in {"throttled", "broken"}
    oldest = load.oldest_open_at
    return {
        "adapter": standing.adapter,
        "configured": configured,
        "state": state,
        "reason": standing.paused_reason or (standing.blocked_reason if gated else None),
        "detail": standing.paused_detail,
        "until": rfc3339(standing.blocked_until if gated else None),
        "holder": holder,
        "open": load.open,
        "in_doubt": load.in_doubt,
        "parked": sum(load.parked.values()),
        "reviews": sum(load.reviews.values()),
        "oldest_open_seconds": None if oldest is None else _seconds(now - oldest),
        "last_synced_at": rfc3339(load.last_synced_at),
        "degraded_fields": list(standing.degraded_fields),
        "budgets": {name: _budget(budget) for name, budget in sorted(budgets.items())},
        "last_reconcile": _json_times(load.last_reconcile),
        "resync_offered": load.resync_offered,
    }


def kept_budgets(
    standing: Standing, settings: DestinationSettings | None, *, now: datetime
) -> Mapping[str, BudgetState]:
    """Return what the ledger remembers of the day's allowance; all else is in the daemon's mind."""
    limit = settings.daily_tokens if settings else None
    if limit is None:
        return {}
    used = standing.day_used if standing.day == now.date() else 0
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return {"daily": BudgetState(float(limit), float(max(limit - used, 0)), midnight)}


def _budget(state: BudgetState) -> dict[str, Any]:
    return {
        "limit": _whole(state.limit),
        "left": _whole(state.left),
        "resets_at": rfc3339(state.resets_at),
    }


def _whole(amount: float | None) -> int | None:
    return None if amount is None else int(amount)


def _seconds(length: timedelta) -> float:
    return round(max(length / timedelta(seconds=1), 0.0), 3)


def _json_times(values: Mapping[str, object] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {
        key: rfc3339(value) if isinstance(value, datetime) else value
        for key, value in values.items()
    }


@dataclass(frozen=True, slots=True)
class Advice:
    """A destination's state in words, and what to do about it."""

    words: str
    next: str = ""


def advise(name: str, destination: Mapping[str, Any]) -> Advice:
    """Say what a destination's part of the status means; ``destination`` is as in the JSON."""
    if not destination["configured"]:
        return Advice("not configured any more", "nothing, or put it back into config.toml")
    if destination["state"] == "paused":
        why, step = _PAUSES.get(destination["reason"], _PAUSES["operator"])
        detail = f" ({destination['detail']})" if destination["detail"] else ""
        return Advice(f"paused: {why}{detail}", step.format(name=name))
    if destination["state"] in _WAITS:
        return _WAITS[destination["state"]]
    return _advise_open(name, destination)


def _advise_open(name: str, destination: Mapping[str, Any]) -> Advice:
    """Return the first thing that is worth telling."""
    last = destination["last_reconcile"]
    lacking = ", ".join(destination["degraded_fields"])
    worth_telling = (
        (
            destination["reviews"],
            Advice("open, some contacts are ambiguous", "connector reviews list"),
        ),
        (
            destination["parked"],
            Advice(
                "open, some records are parked", f"connector dead-letters list --destination {name}"
            ),
        ),
        (lacking, Advice(f"open, without {lacking}", f"connector check {name}")),
        (
            last is not None and last["state"] == "braked",
            Advice(
                "open, the last comparison would have changed too much and changed nothing",
                f"connector reconcile --destination {name} --no-repair",
            ),
        ),
        (
            destination["resync_offered"],
            Advice(
                "open, with records of a former mapping",
                f"connector resync --destination {name} --dry-run",
            ),
        ),
        (
            destination["holder"] is None and destination["open"],
            Advice("open, but nobody delivers", "connector run"),
        ),
    )
    return next((advice for holds, advice in worth_telling if holds), Advice("open"))


_WAITS: Final[Mapping[str, Advice]] = {
    "throttled": Advice("waiting: the CRM asked for fewer calls", "nothing, it goes on by itself"),
    "broken": Advice(
        "waiting: the CRM does not answer", "nothing, it tries again by itself; do not restart"
    ),
    "half_open": Advice("trying whether the CRM answers again", "nothing"),
}
_PAUSES: Final[Mapping[str, tuple[str, str]]] = {
    "auth": (
        "the CRM does not accept the credentials",
        "replace the token, then `connector resume {name}` or wait a minute",
    ),
    "schema": ("the CRM lacks a field the mapping requires", "connector check {name}"),
    "setup": ("the CRM lacks our key field", "connector setup {name} --apply"),
    "quota": (
        "the CRM account's quota or plan is used up",
        "nothing, it goes on when there is quota; `connector check {name}` says more",
    ),
    "operator": ("somebody paused it", "connector resume {name}"),
}
