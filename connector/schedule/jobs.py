"""The schedule at work: ticks that are due become rows, for whoever carries them out."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection

from connector.ledger.keeper import HeldLease
from connector.ledger.leases import Lease, check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.runs import finish_run, is_unfinished, last_tick, order_run
from connector.schedule.ticks import Cron
from connector.waiting import wait_for_any

log = structlog.get_logger()

ACTOR: Final = "schedule"
_LONGEST_NAP: Final = 30.0
"""Seconds after which the clock is looked at again: it may have been set."""
_SHORTEST_NAP: Final = 0.2


class Schedule:
    """Orders the runs of jobs at their ticks, under the lease ``schedule``.

    Every job has a run of its own at each tick; those in ``each_destination`` also one for every
    destination that has none of that job under way. What is still under way is not ordered twice.
    """

    def __init__(
        self,
        ledger: Ledger,
        crons: Mapping[str, Cron],
        *,
        each_destination: frozenset[str],
        destinations: Sequence[str],
        on_ordered: Callable[[], object] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._crons = crons
        self._each_destination = each_destination
        self._destinations = destinations
        self._on_ordered = on_ordered
        self._begun_at: datetime | None = None

    async def run(self, held: HeldLease, *, stop: asyncio.Event) -> None:
        """Order what is due, and wait for the next tick, until ``stop``."""
        await self._ledger.write(self._begin, lease=held.lease)
        while not stop.is_set():
            if await self._ledger.read(self._due):
                ordered = await self._ledger.write(self._order, lease=held.lease)
                for job, tick in ordered.items():
                    log.info("job.ordered", job=job, tick=tick.isoformat())
                if ordered:
                    self._on_ordered()
            await wait_for_any(stop, seconds=await self._nap())

    async def _nap(self) -> float:
        now = await self._ledger.read(self._ledger.now)
        ticks = [cron.next_tick(after=now) for cron in self._crons.values()]
        waits = [(tick - now).total_seconds() for tick in ticks if tick is not None]
        return min(max(min(waits, default=_LONGEST_NAP), _SHORTEST_NAP), _LONGEST_NAP)

    def _begin(self, connection: Connection, *, lease: Lease) -> None:
        """Note where the schedule begins, so that what is missed from now on is made up."""
        check_lease(connection, lease)
        self._begun_at = now = self._ledger.now(connection)
        for job, cron in self._crons.items():
            if last_tick(connection, job) is not None:
                continue
            tick = cron.latest_tick(after=datetime.min.replace(tzinfo=now.tzinfo), until=now)
            made = None if tick is None else _order(connection, job, tick=tick, now=now)
            if made is not None:
                finish_run(connection, made, state="done", now=now, counts={"begins": True})

    def _due(self, connection: Connection) -> dict[str, datetime]:
        """Return the last tick of each job that has one to make up."""
        now = self._ledger.now(connection)
        due: dict[str, datetime] = {}
        for job, cron in self._crons.items():
            before = last_tick(connection, job) or self._begun_at or now
            tick = cron.latest_tick(after=before, until=now)
            if tick is not None and not is_unfinished(connection, job, ""):
                due[job] = tick
        return due

    def _order(self, connection: Connection, *, lease: Lease) -> dict[str, datetime]:
        check_lease(connection, lease)
        now = self._ledger.now(connection)
        ordered: dict[str, datetime] = {}
        for job, tick in self._due(connection).items():
            if _order(connection, job, tick=tick, now=now) is None:
                continue
            ordered[job] = tick
            for name in self._destinations if job in self._each_destination else ():
                if not is_unfinished(connection, job, name):
                    _order(connection, job, tick=tick, now=now, destination=name)
        return ordered


def _order(
    connection: Connection, job: str, *, tick: datetime, now: datetime, destination: str = ""
) -> int | None:
    return order_run(connection, job, actor=ACTOR, now=now, destination=destination, tick=tick)
