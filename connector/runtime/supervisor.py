"""The daemon: starts the roles it was given, and ends them in good order.

SIGTERM or SIGINT: nothing new is claimed, calls in flight finish or are left in doubt, leases are
given back, and the exit status is 0. A second signal ends at once; nothing is lost by that either.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, Final

import structlog
import uvloop
from sqlalchemy.exc import SQLAlchemyError

from connector.config.models import Config
from connector.errors import LedgerError
from connector.failpoints import armed, failpoint
from connector.ledger import migrate
from connector.ledger.engine import hold_file
from connector.ledger.keeper import HeldLease, hold
from connector.ledger.leases import void_leases
from connector.ledger.ledger import Ledger, as_ledger_error
from connector.runtime.allocation import give_back_large_memory
from connector.runtime.private import serve_private
from connector.runtime.public import Intake
from connector.runtime.scheduling import LEASE as SCHEDULE_LEASE
from connector.runtime.scheduling import Scheduler
from connector.runtime.sweeping import Holder
from connector.runtime.wiring import (
    Build,
    build_downloader,
    build_recorder,
    open_ledger,
    process_name,
)
from connector.runtime.wiring import register_destinations as register

log = structlog.get_logger()

ROLES: Final = ("receive", "record", "deliver", "schedule")
_RESTART_AFTER: Final = 1.0
"""Seconds after which a role that failed for a reason nobody foresaw is started again."""


def run_daemon(config: Config, *, roles: Collection[str] = ROLES) -> None:
    """Run the daemon until a signal ends it.

    Raises ``LedgerError`` where the ledger can not be used: another daemon holds the SQLite file,
    or the schema of a PostgreSQL is not this version's.
    """
    give_back_large_memory()
    lock = hold_file(config.ledger.url)
    try:
        ledger = open_ledger(config, role="daemon")
        try:
            try:
                prepare_ledger(ledger, config)
            except SQLAlchemyError as error:
                raise as_ledger_error(error) from error
            uvloop.run(Daemon(config, ledger, roles=roles).run())
        finally:
            ledger.close()
    finally:
        if lock is not None:
            lock.close()


def prepare_ledger(ledger: Ledger, config: Config) -> None:
    """Bring the ledger into the state that a daemon starts from.

    A SQLite ledger is upgraded by itself; on PostgreSQL, where other processes may be running,
    somebody decides when.
    """
    if ledger.dialect == "sqlite":
        migrate.upgrade(ledger.engine)
        ledger.transact(void_leases)
    else:
        migrate.require_current(ledger.engine)
    register(ledger, config)


class Daemon:
    """One process of the connector, from start to drained."""

    def __init__(self, config: Config, ledger: Ledger, *, roles: Collection[str] = ROLES) -> None:
        self._config = config
        self._ledger = ledger
        self._roles = frozenset(roles)
        self._owner = process_name()
        self._stop = asyncio.Event()
        self._gone = asyncio.Event()
        """Set once everything but the private listener has ended: it tells of the rest's end."""
        self._record_wake = asyncio.Event()
        self._media_wake = asyncio.Event()
        self._holders: dict[str, Holder] = {}

    async def run(self) -> None:
        """Carry out the roles until a signal arrives, then drain."""
        self._listen_to_signals()
        build = Build.of(self._config, self._ledger)
        if "deliver" in self._roles:
            self._holders = {
                name: Holder(self._config, self._ledger, build.destination(name), stop=self._stop)
                for name in self._config.destinations
            }
        intake = Intake(
            self._config,
            self._ledger,
            on_stored=self._record_wake.set,
            listens="receive" in self._roles,
        )
        private = asyncio.create_task(self._serve_private(intake))
        tasks = [asyncio.create_task(job) for job in self._jobs(build, intake)]
        log.info("daemon.started", roles=sorted(self._roles), owner=self._owner)
        if armed():
            log.warning("daemon.sabotaged", remedy="unset CONNECTOR_FAILPOINTS")
        try:
            stopping = asyncio.create_task(self._stop.wait())
            running = {stopping, private, *tasks}
            while not stopping.done():
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            self._stop.set()
            failpoint("drain.begun")
            intake.drain()
            await self._drain(tasks)
            self._gone.set()
            await self._drain([private])
            for holder in self._holders.values():
                await holder.destination.client.aclose()
        log.info("daemon.stopped")

    async def _serve_private(self, intake: Intake) -> None:
        await serve_private(
            self._config,
            self._ledger,
            intake,
            {name: holder.destination for name, holder in self._holders.items()},
            stop=self._stop,
            gone=self._gone,
        )

    def _jobs(self, build: Build, intake: Intake) -> list[Coroutine[Any, Any, None]]:
        jobs: list[Coroutine[Any, Any, None]] = []
        if "receive" in self._roles:
            jobs.append(intake.serve(self._stop))
        if "record" in self._roles:
            recorder = build_recorder(build, on_wanted=self._wake_deliver)
            jobs.append(
                self._hold(
                    "record",
                    lambda held: recorder.run(held, wake=self._record_wake, stop=self._stop),
                )
            )
            downloader = build_downloader(build)
            if downloader is not None:
                jobs.append(
                    self._hold(
                        "media",
                        lambda held: downloader.run(held, wake=self._media_wake, stop=self._stop),
                    )
                )
        if "schedule" in self._roles:
            scheduler = Scheduler(
                self._config,
                self._ledger,
                stop=self._stop,
                on_ordered=self._wake_runs,
                budgets=lambda: {
                    name: holder.destination.client.budgets.left()
                    for name, holder in self._holders.items()
                },
            )
            jobs.append(self._hold(SCHEDULE_LEASE, scheduler.work))
        jobs += [self._hold(holder.lease, holder.work) for holder in self._holders.values()]
        return jobs

    def _wake_runs(self) -> None:
        for holder in self._holders.values():
            holder.run_wake.set()

    def _wake_deliver(self, names: Collection[str]) -> None:
        self._media_wake.set()
        for name in names:
            if name in self._holders:
                self._holders[name].delivery_wake.set()

    async def _hold(self, name: str, body: Callable[[HeldLease], Awaitable[None]]) -> None:
        """Carry out a role under its lease, and start it again should it fail unforeseen."""
        while not self._stop.is_set():
            try:
                await hold(
                    self._ledger,
                    name,
                    owner=self._owner,
                    life=self._config.tuning.lease,
                    stop=self._stop,
                    body=body,
                )
            except LedgerError:
                raise
            except Exception:
                log.exception("role.failed", lease=name)
                await asyncio.sleep(_RESTART_AFTER)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def end() -> None:
            if self._stop.is_set():
                os._exit(1)
            log.info("daemon.stopping")
            self._stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end)

    async def _drain(self, tasks: Collection[asyncio.Task[None]]) -> None:
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._config.tuning.drain)
        for task in late:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                log.error("role.ended", error=str(result))
        if late:
            log.warning("daemon.cut_short", roles=len(late))
