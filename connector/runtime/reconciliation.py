"""``connector reconcile``: sweeps ordered by a person, and what they came to."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from connector.config.models import Config
from connector.ledger.ledger import Ledger
from connector.ledger.runs import Run, note_command
from connector.reconcile.findings import CLASSES
from connector.reconcile.missed import count_missed
from connector.reconcile.sweep import JOB
from connector.runtime.actor import actor
from connector.runtime.orders import OnProgress, order_and_wait

_NOTHING = dict.fromkeys(CLASSES, 0)


async def reconcile(
    config: Config,
    ledger: Ledger,
    destinations: Collection[str],
    *,
    window: timedelta | None,
    repair: bool | None,
    on_progress: OnProgress,
) -> dict[str, Any]:
    """Sweep destinations and wait; return the shape of ``reconcile --json``.

    ``window`` and ``repair`` are what the configuration says where they are ``None``.
    """
    span = window or config.reconcile.window
    ledger.keyed_hash("")
    since = await ledger.read(ledger.now) - span
    numbers = [number.name for number in config.whatsapp.numbers]
    missed = await count_missed(ledger, numbers, since=since)
    noted = await ledger.write(_note, ledger, missed, by=actor())
    runs = await order_and_wait(
        config,
        ledger,
        JOB,
        destinations,
        cursor={
            "window": None if window is None else window.total_seconds(),
            "repair": repair,
            "thorough": True,
        },
        delivers=repair is not False,
        on_progress=on_progress,
    )
    return {
        "run": noted,
        "missed_webhooks": missed,
        "destinations": {name: sweep_json(run) for name, run in runs.items()},
    }


def sweep_json(run: Run) -> dict[str, Any]:
    """Return one destination's part of ``reconcile --json``."""
    counts: Mapping[str, Any] = run.counts
    return {
        "run": run.id,
        "state": run.state,
        "reason": run.error,
        "checked": counts.get("checked", 0),
        "found": counts.get("found", _NOTHING),
        "repaired": counts.get("repaired", _NOTHING),
        "left": counts.get("left", 0),
        "calls": counts.get("calls", 0),
        "seconds": counts.get("seconds", 0),
        "items": counts.get("items", []),
    }


def is_well(outcome: Mapping[str, Any]) -> bool:
    """Say whether nothing is left that differs, and every sweep came to its end."""
    return all(
        part["state"] == "done" and part["left"] == 0 for part in outcome["destinations"].values()
    )


def _note(connection: Connection, ledger: Ledger, missed: Mapping[str, int], *, by: str) -> int:
    now = ledger.now(connection)
    return note_command(connection, JOB, actor=by, now=now, counts={"missed_webhooks": missed})
