"""Ordering runs from a command, and waiting for them.

Whoever holds a destination carries its runs out: a running daemon or, where none does, this
process, which competes for the lease like any other.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from connector.config.models import Config
from connector.ledger.keeper import hold
from connector.ledger.ledger import Ledger
from connector.ledger.runs import Run, load_runs, order_run, take_page, withdraw_runs
from connector.runtime.actor import actor
from connector.runtime.sweeping import Holder
from connector.runtime.wiring import Build, process_name, register_destinations

_LOOK_EVERY: Final = 0.1

OnProgress = Callable[[Mapping[str, Run]], None]
"""Called with the runs as they stand, by destination."""
OnPage = Callable[[str, Mapping[str, Any]], None]
"""Called with a page that a run hands over, and its destination."""


async def order_and_wait(
    config: Config,
    ledger: Ledger,
    job: str,
    destinations: Collection[str],
    *,
    cursor: Mapping[str, Any],
    delivers: bool,
    on_progress: OnProgress = lambda _runs: None,
    on_page: OnPage | None = None,
) -> dict[str, Run]:
    """Order a job for destinations; return their runs once all have ended.

    ``delivers`` is whether this process, should it be the one that carries them out, also delivers
    meanwhile: what is put right is written by delivery. If waiting is given up, so are the runs.
    """
    register_destinations(ledger, config)  # the daemon does, but there may never have been one
    stop = asyncio.Event()
    build = Build.of(config, ledger)
    holders = [
        Holder(config, ledger, build.destination(name), stop=stop, delivers=delivers)
        for name in destinations
    ]
    ids = await ledger.write(_order, ledger, job, destinations, cursor=cursor, by=actor())
    names = {run_id: name for name, run_id in ids.items()}
    working = [
        asyncio.create_task(
            hold(
                ledger,
                holder.lease,
                owner=process_name(),
                life=config.tuning.lease,
                stop=stop,
                body=holder.work,
            )
        )
        for holder in holders
    ]
    try:
        while True:
            runs = {
                names[run_id]: run for run_id, run in (await ledger.read(load_runs, names)).items()
            }
            on_progress(runs)
            if on_page is not None:
                await _take_pages(ledger, runs, on_page)
            if all(run.finished for run in runs.values()):
                return runs
            await _wait(working)
    finally:
        stop.set()
        await ledger.write(_withdraw, ledger, names)
        await asyncio.gather(*working, return_exceptions=True)
        for holder in holders:
            await holder.destination.client.aclose()


async def _wait(working: Collection[asyncio.Task[None]]) -> None:
    """Wait a little; an error of a role that this process carries out is raised."""
    done, _ = await asyncio.wait(working, timeout=_LOOK_EVERY, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()


async def _take_pages(ledger: Ledger, runs: Mapping[str, Run], on_page: OnPage) -> None:
    for name, run in runs.items():
        if run.state == "running":
            while (page := await ledger.write(take_page, run.id)) is not None:
                on_page(name, page)


def _order(
    connection: Connection,
    ledger: Ledger,
    job: str,
    destinations: Collection[str],
    *,
    cursor: Mapping[str, Any],
    by: str,
) -> dict[str, int]:
    now = ledger.now(connection)
    made = {
        name: order_run(connection, job, actor=by, now=now, destination=name, cursor=cursor)
        for name in destinations
    }
    return {name: run_id for name, run_id in made.items() if run_id is not None}


def _withdraw(connection: Connection, ledger: Ledger, ids: Collection[int]) -> None:
    withdraw_runs(connection, ids, now=ledger.now(connection))
