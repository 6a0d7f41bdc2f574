"""Whether this process lives, and whether it can take webhooks now, with the reasons why not.

A CRM that does not answer is never a reason: webhooks are taken all the same.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from connector.clock import Clock, SystemClock
from connector.errors import LedgerError
from connector.ledger.heartbeat import beat, stop_beating
from connector.ledger.ledger import Ledger
from connector.ledger.space import DiskSpace

_log = structlog.get_logger(__name__)
_STALE: Final = 10.0
"""Seconds after which a tick or a written heartbeat is too old."""
_TICK_EVERY: Final = 1.0
_BEAT_EVERY: Final = 3.0
_BEAT_LIFE: Final = timedelta(seconds=30)
_QUEUE_FULL: Final = 0.8


class Health:
    """Watches the event loop, the ledger, the disk and the queue of one process."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        owner: str,
        revision: str,
        space: DiskSpace,
        fullness: Callable[[], float] = lambda: 0.0,
        refusing: Callable[[], bool] = lambda: False,
        in_place: Callable[[], bool] = lambda: True,
        clock: Clock | None = None,
    ) -> None:
        """Watch ``ledger``, which should be at ``revision``; ``fullness`` is 0 to 1.

        ``refusing`` says whether webhooks can not be stored, though heartbeats may be: a full disk
        has room in pages that are there already. ``in_place`` says whether the ledger's files are
        where they were when it was opened.
        """
        self._ledger = ledger
        self._owner = owner
        self._revision = revision
        self._space = space
        self._fullness = fullness
        self._refusing = refusing
        self._in_place = in_place
        self._clock = clock or SystemClock()
        self._ticked_at = self._clock.boot()
        self._wrote_at: float | None = None
        self._found: str | None = None
        self._draining = False
        self.beaten = asyncio.Event()
        """Set with the first heartbeat that is written."""

    async def run(self, stop: asyncio.Event) -> None:
        """Tick and write heartbeats until ``stop``."""
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(self._tick()), tasks.create_task(self._beat())]
            await stop.wait()
            self.drain()
            for task in watching:
                task.cancel()
        try:
            await self._ledger.write(stop_beating, self._owner)
        except LedgerError as error:
            _log.warning("heartbeat.kept", error=str(error))

    def drain(self) -> None:
        """Say from now on that this process is going."""
        self._draining = True

    def live_reasons(self) -> tuple[str, ...]:
        """Return why this process should be restarted; empty while it is well."""
        reasons = []
        if self._clock.boot() - self._ticked_at > _STALE:
            reasons.append("the event loop stands still")
        if not self._ledger.alive:
            reasons.append("the ledger's threads have ended")
        return tuple(reasons)

    def ready_reasons(self) -> tuple[str, ...]:
        """Return why webhooks should go to another process; empty while they may come here."""
        reasons = list(self.live_reasons())
        if self._draining:
            reasons.append("this process is going")
        if self._wrote_at is None or self._clock.boot() - self._wrote_at > _STALE:
            reasons.append("nothing could be written to the ledger lately")
        elif self._found != self._revision:
            reasons.append(f"the ledger is at revision {self._found}, not {self._revision}")
        if not self._space.enough:
            reasons.append("the ledger's disk has less room than [ledger] min_free")
        if not self._in_place():
            reasons.append("the ledger's files were moved or deleted: stop, put them back, start")
        if self._refusing():
            reasons.append("webhooks could not be stored lately")
        if self._fullness() >= _QUEUE_FULL:
            reasons.append("the queue of webhooks is almost full")
        return tuple(reasons)

    async def _tick(self) -> None:
        while True:
            self._ticked_at = self._clock.boot()
            await asyncio.sleep(_TICK_EVERY)

    async def _beat(self) -> None:
        while True:
            started = self._clock.boot()
            try:
                self._found = await self._ledger.write(
                    lambda connection: beat(
                        connection,
                        self._owner,
                        now=self._ledger.now(connection),
                        life=_BEAT_LIFE,
                    )
                )
            except LedgerError as error:
                _log.error("heartbeat.failed", error=str(error), remedy=error.remedy)
            else:
                self._wrote_at = started
                self.beaten.set()
            await asyncio.sleep(_BEAT_EVERY)
