"""What a CRM's answers do to the whole destination: gates, the breaker, pauses."""

from collections.abc import Callable
from datetime import timedelta
from typing import Concatenate, ParamSpec

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.deliver.backoff import HALF_OPEN_SUCCESSES, Breaker, outage_wait
from connector.errors import (
    CrmAccessError,
    CrmError,
    CrmInDoubtError,
    CrmThrottledError,
    CrmUnavailableError,
    PauseReason,
)
from connector.failpoints import failpoint
from connector.ledger import destinations
from connector.ledger.leases import Lease, check_lease
from connector.ledger.ledger import Ledger

log = structlog.get_logger()
P = ParamSpec("P")


class DestinationStoppedError(Exception):
    """Control flow: the destination is gated or paused now; this flush goes no further."""


class Gatekeeper:
    """Keeps one destination's standing in the ledger true to what its CRM answers."""

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        *,
        lease: Lease,
        breaker_min: float,
        breaker_max: float,
    ) -> None:
        self._ledger = ledger
        self._name = name
        self._lease = lease
        self._shortest = breaker_min
        self._longest = breaker_max
        self._breaker = Breaker()
        self._good_in_half_open = 0
        self.outages = 0
        """Outages in a row, as last read from or written to the ledger."""

    @property
    def failures(self) -> int:
        """Failures of the way to the CRM since its last good answer."""
        return self._breaker.consecutive

    async def note_answer(self) -> None:
        """Note a good answer; after a few, a half-open destination is open again."""
        self._breaker.record(good=True, at=self._ledger.clock.boot())
        if not self.outages:
            return
        self._good_in_half_open += 1
        if self._good_in_half_open >= HALF_OPEN_SUCCESSES:
            await self._write(_unblock, self._name)
            self.outages = 0
            self._good_in_half_open = 0
            self._breaker.reset()
            metrics.BREAKER_TRANSITIONS.labels(self._name, "open").inc()
            log.info("destination.opened", destination=self._name)

    async def note_failure(self, error: CrmError) -> bool:
        """Let an error do to the destination what it must; return whether that stops it now."""
        match error:
            case CrmAccessError():
                await self.pause(error.reason, str(error))
                return True
            case CrmThrottledError():
                await self._block(error.cooldown, "throttled", outages=None)
                return True
            case CrmUnavailableError(cooldown=timedelta() as cooldown):
                await self._break(cooldown)
                return True
            case CrmUnavailableError() | CrmInDoubtError():
                opens = self._breaker.record(good=False, at=self._ledger.clock.boot())
                if opens or self.outages:
                    await self._break(None)
                    return True
                return False
            case _:
                return False

    async def pause(self, reason: PauseReason, detail: str) -> None:
        """Pause the destination until its probe succeeds or somebody resumes it."""
        await self._write(destinations.pause, self._name, reason=reason, detail=detail)
        log.warning("destination.paused", destination=self._name, reason=reason, detail=detail)

    async def resume(self) -> None:
        """End a pause: the probe succeeded."""
        await self._write(destinations.resume, self._name)
        self.outages = 0
        self._breaker.reset()
        log.info("destination.resumed", destination=self._name)

    async def _break(self, cooldown: timedelta | None) -> None:
        self._good_in_half_open = 0
        self.outages += 1
        wait = outage_wait(self.outages, shortest=self._shortest, longest=self._longest)
        await self._block(max(wait, cooldown or wait), "broken", outages=self.outages)
        self._breaker.reset()
        metrics.BREAKER_TRANSITIONS.labels(self._name, "broken").inc()

    async def _block(
        self, wait: timedelta, reason: destinations.BlockedReason, *, outages: int | None
    ) -> None:
        def block(connection: Connection) -> None:
            until = self._ledger.now(connection) + wait
            destinations.block(connection, self._name, until=until, reason=reason, outages=outages)

        await self._write(block)
        log.warning(
            "destination.gated",
            destination=self._name,
            reason=reason,
            seconds=round(wait.total_seconds(), 1),
        )

    async def _write(
        self, work: Callable[Concatenate[Connection, P], None], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        def fenced(connection: Connection) -> None:
            check_lease(connection, self._lease)
            work(connection, *args, **kwargs)
            failpoint("standing.before_commit")

        await self._ledger.write(fenced)


def _unblock(connection: Connection, name: str) -> None:
    destinations.unblock(connection, name, outages=0)
