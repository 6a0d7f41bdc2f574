"""``connector resync``: records written anew where the mapping makes something else of them now."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from connector.config.models import Config
from connector.errors import ConnectorError
from connector.ledger.ledger import Ledger
from connector.ledger.runs import Run, note_command
from connector.ledger.selections import Selection
from connector.reconcile.resync import DRY_RUN, JOB
from connector.runtime.actor import actor
from connector.runtime.orders import OnProgress, order_and_wait

_COUNTED: Final = ("selected", "create", "update", "unchanged", "unrenderable")

OnItem = Callable[[Mapping[str, Any]], None]
"""Called with each item of a dry run, as it comes."""


class ResyncFailedError(ConnectorError):
    """A destination could not be resynced."""


@dataclass(slots=True)
class _Items:
    """The items of a dry run, by destination; a run that begins anew tells them anew."""

    by_destination: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def take(self, destination: str, page: Mapping[str, Any]) -> None:
        if page["number"] == 0:
            self.by_destination[destination] = []
        self.by_destination[destination] += [
            {"destination": destination, **item} for item in page["items"]
        ]

    def all(self) -> list[dict[str, Any]]:
        return [item for items in self.by_destination.values() for item in items]


async def try_resync(
    config: Config,
    ledger: Ledger,
    destinations: Collection[str],
    selection: Selection,
    *,
    force: bool,
    on_progress: OnProgress,
) -> dict[str, Any]:
    """Say what a resync would do; return the shape of ``resync --dry-run --json``."""
    items = _Items()
    runs = await order_and_wait(
        config,
        ledger,
        DRY_RUN,
        destinations,
        cursor={"selection": selection.to_json(), "dry_run": True, "force": force},
        delivers=False,
        on_progress=on_progress,
        on_page=items.take,
    )
    return _counts(runs) | {"items": items.all()}


async def resync(
    config: Config,
    ledger: Ledger,
    destinations: Collection[str],
    selection: Selection,
    *,
    force: bool,
    on_progress: OnProgress,
) -> dict[str, Any]:
    """Resync, and return once everything is written that can be; the shape of ``resync --json``."""
    noted = await ledger.write(_note, ledger, selection, force=force, by=actor())
    runs = await order_and_wait(
        config,
        ledger,
        JOB,
        destinations,
        cursor={"selection": selection.to_json(), "dry_run": False, "force": force},
        delivers=True,
        on_progress=on_progress,
    )
    left = sum(run.counts.get("left", 0) for run in runs.values())
    return _counts(runs) | {"left": left, "run": noted}


def _counts(runs: Mapping[str, Run]) -> dict[str, Any]:
    """Sum up runs. Raises ``ResyncFailedError`` where one of them did not come to its end."""
    for name, run in runs.items():
        if run.state != "done":
            raise ResyncFailedError(
                f"the resync of {name} did not finish: {run.error}",
                remedy=f"connector check {name}",
            )
    counted = {name: sum(run.counts.get(name, 0) for run in runs.values()) for name in _COUNTED}
    return counted | {
        "calls": {name: run.counts.get("calls", 0) for name, run in runs.items()},
        "seconds": max((run.counts.get("seconds", 0) for run in runs.values()), default=0),
    }


def _note(
    connection: Connection, ledger: Ledger, selection: Selection, *, force: bool, by: str
) -> int:
    return note_command(
        connection,
        JOB,
        actor=by,
        now=ledger.now(connection),
        counts={"selection": selection.to_json(), "force": force},
    )
