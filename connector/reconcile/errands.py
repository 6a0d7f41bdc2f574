"""Runs carried out one after the other, under the lease of the role that they belong to.

A run goes on where it was left, whoever left it: its place is kept in the ledger with everything
that was done up to there, in one transaction that checks the lease.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.errors import ConnectorError, LedgerError
from connector.ledger.keeper import HeldLease
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.runs import (
    Run,
    RunState,
    begin_run,
    finish_run,
    is_page_taken,
    keep_run,
    next_run,
    put_page,
    withdraw_runs,
)
from connector.waiting import wait_for_any

log = structlog.get_logger()

POLL: Final = 1.0
"""Seconds after which a run that another process ordered is noticed."""
_PAGE_POLL: Final = 0.05
_PAGE_PATIENCE: Final = 60.0
"""Seconds after which a command that takes no page counts as gone."""


class StoppedError(Exception):
    """Control flow: this process ends; the run stays under way for whoever comes next."""


class WithdrawnError(Exception):
    """Control flow: nobody wants this run any more."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    state: RunState = "done"
    counts: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


Snapshot = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A run's place, and its counts so far."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice of a job came to."""

    last: bool
    """Whether its step is done."""
    along: Callable[[Connection], object] | None = None
    """What is to be written down together with the place."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One run in the hands of its job."""

    run: Run
    ledger: Ledger
    held: HeldLease
    stop: asyncio.Event

    async def save(
        self, snapshot: Callable[[], Snapshot], *, along: Callable[[Connection], object] | None
    ) -> None:
        """Keep the place together with what was done up to it; ``along`` is that work, if any.

        ``snapshot`` is taken after it. Raises ``WithdrawnError`` where the run is not wanted any
        more, and undoes the work.
        """

        def work(connection: Connection) -> None:
            check_lease(connection, self.held.lease)
            if along is not None:
                along(connection)
            cursor, counts = snapshot()
            if not keep_run(connection, self.run.id, cursor=cursor, counts=counts):
                raise WithdrawnError

        await self.ledger.write(work)
        self.require_time()

    async def write(self, work: Callable[[Connection], object]) -> None:
        """Do something in the ledger that has no place to be kept with it."""

        def fenced(connection: Connection) -> None:
            check_lease(connection, self.held.lease)
            work(connection)

        await self.ledger.write(fenced)

    async def hand_over(self, page: Mapping[str, Any], counts: Mapping[str, Any]) -> None:
        """Give a page to the command that ordered this run; returns once it was taken.

        Where the command has gone the run is withdrawn, and the page with it.
        """
        await self.write(partial(self._put, page=page, counts=counts))
        waited = 0.0
        while not (taken := await self.ledger.read(is_page_taken, self.run.id)):
            if taken is None:
                raise WithdrawnError
            if waited > _PAGE_PATIENCE:
                await self.write(self._withdraw)
                raise WithdrawnError
            await self.pause(_PAGE_POLL)
            waited += _PAGE_POLL

    def _put(
        self, connection: Connection, *, page: Mapping[str, Any], counts: Mapping[str, Any]
    ) -> None:
        if not put_page(connection, self.run.id, page, counts=counts):
            raise WithdrawnError

    def _withdraw(self, connection: Connection) -> None:
        withdraw_runs(connection, [self.run.id], now=self.ledger.now(connection))

    async def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of this process."""
        self.require_time()
        await wait_for_any(self.stop, seconds=seconds)
        self.require_time()

    def require_time(self) -> None:
        """Raise ``StoppedError`` once this process is to end."""
        if self.stop.is_set():
            raise StoppedError


Job = Callable[[Errand], Awaitable[Ending]]


class Errands:
    """Carries out the runs of one destination, or those of none (an empty name)."""

    def __init__(self, ledger: Ledger, destination: str, *, jobs: Mapping[str, Job]) -> None:
        self._ledger = ledger
        self._destination = destination
        self._jobs = jobs

    async def run(self, held: HeldLease, *, wake: asyncio.Event, stop: asyncio.Event) -> None:
        """Carry out what is ordered until ``stop``. ``wake`` says that something was."""
        after = 0
        while not stop.is_set():
            wake.clear()
            found, after = await self._ledger.read(
                next_run, self._destination, jobs=self._jobs.keys(), after=after
            )
            if found is None:
                await wait_for_any(wake, stop, seconds=POLL)
            else:
                await self._carry_out(Errand(found, self._ledger, held, stop))

    async def _carry_out(self, errand: Errand) -> None:
        run = errand.run
        if not await self._begin(errand):
            return
        log.info("run.begun", run=run.id, job=run.job, destination=run.destination)
        try:
            ending = await self._jobs[run.job](errand)
        except (StoppedError, WithdrawnError) as control:
            log.info("run.left", run=run.id, job=run.job, reason=type(control).__name__)
            return
        except LedgerError:
            raise
        except ConnectorError as error:
            ending = Ending("failed", run.counts, str(error))
        except Exception as error:
            log.exception("run.broken", run=run.id, job=run.job)
            ending = Ending("failed", run.counts, f"a mistake in the connector: {_kind(error)}")
        await self._finish(errand, ending)

    async def _begin(self, errand: Errand) -> bool:
        def begin(connection: Connection) -> bool:
            check_lease(connection, errand.held.lease)
            return begin_run(connection, errand.run.id, now=self._ledger.now(connection))

        return await self._ledger.write(begin)

    async def _finish(self, errand: Errand, ending: Ending) -> None:
        run = errand.run

        def finish(connection: Connection) -> None:
            check_lease(connection, errand.held.lease)
            finish_run(
                connection,
                run.id,
                state=ending.state,
                counts=ending.counts,
                error=ending.error,
                now=self._ledger.now(connection),
            )

        await self._ledger.write(finish)
        metrics.JOB_RUNS.labels(run.job, ending.state).inc()
        if ending.state == "done":
            metrics.JOB_LAST_SUCCESS.labels(run.job).set(self._ledger.clock.now().timestamp())
        say = log.info if ending.state == "done" else log.warning
        say(
            "run.ended",
            run=run.id,
            job=run.job,
            destination=run.destination,
            state=ending.state,
            reason=ending.error,
        )


def _kind(error: BaseException) -> str:
    return type(error).__name__
