"""The role ``schedule``: the clock, the jobs that belong to no destination, and the alerts."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import structlog

from connector.config.models import Config
from connector.errors import ConnectorError
from connector.ledger.audit import audit
from connector.ledger.keeper import HeldLease
from connector.ledger.ledger import Ledger
from connector.reconcile.errands import Ending, Errand, Errands, Job
from connector.reconcile.missed import count_missed
from connector.reconcile.retention import JOB as RETENTION
from connector.reconcile.retention import retain
from connector.reconcile.sweep import JOB as RECONCILE
from connector.runtime.last_check import CHECK
from connector.runtime.telling import Teller
from connector.runtime.watching import Budgets, Watch
from connector.runtime.wiring import audit_scopes, read_mappings
from connector.schedule.jobs import Schedule
from connector.schedule.ticks import Cron
from connector.waiting import run_together

log = structlog.get_logger()

LEASE: Final = "schedule"
_CHECK_SECONDS: Final = 300.0


class CheckFailedError(ConnectorError):
    """``connector check`` itself did not come to an end."""


class Scheduler:
    """Orders what the configuration schedules, and carries out what belongs to no destination."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        *,
        stop: asyncio.Event,
        on_ordered: Callable[[], object],
        budgets: Budgets = dict,
    ) -> None:
        self._stop = stop
        self._wake = asyncio.Event()
        ledger.keyed_hash("")  # reads the key once, before anything has to wait for it

        def ordered() -> None:
            self._wake.set()
            on_ordered()

        self._schedule = Schedule(
            ledger,
            _crons(config),
            each_destination=frozenset({RECONCILE}),
            destinations=list(config.destinations),
            on_ordered=ordered,
        )
        self._errands = Errands(ledger, "", jobs=_jobs(config))
        self._to_tell = asyncio.Event()
        self._watch = Watch(config, ledger, budgets=budgets, on_changed=self._to_tell.set)
        self._teller = Teller(config, ledger)

    async def work(self, held: HeldLease) -> None:
        """Keep the schedule until ``stop``."""
        await run_together(
            self._schedule.run(held, stop=self._stop),
            self._errands.run(held, wake=self._wake, stop=self._stop),
            self._watch.run(held, stop=self._stop),
            self._teller.run(held, wake=self._to_tell, stop=self._stop),
        )


def _crons(config: Config) -> dict[str, Cron]:
    schedule = config.schedule
    expressions = {
        RECONCILE: schedule.reconcile,
        RETENTION: schedule.retention,
        CHECK: schedule.check,
    }
    return {
        job: Cron(expression, schedule.timezone)
        for job, expression in expressions.items()
        if expression is not None
    }


def _jobs(config: Config) -> Mapping[str, Job]:
    return {
        RECONCILE: partial(_count_missed, config=config),
        RETENTION: partial(retain, keep=config.privacy.retention, media=config.media.directory),
        CHECK: partial(_check, config=config),
    }


async def _count_missed(errand: Errand, *, config: Config) -> Ending:
    """Count the webhooks that never came: the part of a reconciliation that no CRM is asked for."""
    since = await errand.ledger.read(errand.ledger.now) - config.reconcile.window
    numbers = [number.name for number in config.whatsapp.numbers]
    missed = await count_missed(errand.ledger, numbers, since=since)
    for number, count in missed.items():
        if count:
            log.warning("webhooks.missed", number=number, count=count)
    return Ending(counts={"missed_webhooks": missed})


async def _check(errand: Errand, *, config: Config) -> Ending:
    """Run ``connector check`` as a process of its own, so that nothing here waits for it."""
    report = await _run_check(config, errand)
    complaints = [
        {name: each[name] for name in ("name", "destination", "state", "detail", "remedy")}
        for each in report["checks"]
        if each["state"] in {"fail", "warn"}
    ]
    for each in complaints:
        log.warning(
            "check.complains",
            destination=each["destination"],
            state=each["state"],
            detail=each["detail"],
            remedy=each["remedy"],
        )
    unaccounted = await _balance(errand, config)
    return Ending(
        counts={
            "ok": report["ok"],
            "failed": [each["name"] for each in complaints if each["state"] == "fail"],
            "warned": [each["name"] for each in complaints if each["state"] == "warn"],
            "complaints": complaints,
            "credentials": report["credentials"],
            "unaccounted": unaccounted,
        }
    )


async def _balance(errand: Errand, config: Config) -> dict[str, int]:
    """Return how many messages nobody accounts for, by destination."""
    found = await errand.ledger.read(audit, audit_scopes(config, read_mappings(config)))
    unaccounted = {name: each["difference"] for name, each in found["destinations"].items()}
    for name, difference in unaccounted.items():
        if difference:
            log.error("audit.difference", destination=name, count=difference)
    return unaccounted


async def _run_check(config: Config, errand: Errand) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connector", "--config", str(config.file), "check", "--json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    answering = asyncio.ensure_future(process.communicate())
    waited = 0.0
    try:
        while not answering.done() and waited < _CHECK_SECONDS:
            await asyncio.wait({answering}, timeout=0.5)
            waited += 0.5
            errand.require_time()
    finally:
        if not answering.done():
            process.kill()
        await asyncio.gather(answering, return_exceptions=True)
    try:
        report: dict[str, Any] = json.loads(answering.result()[0])
    except ValueError:
        report = {}
    if "checks" not in report:
        raise CheckFailedError("`connector check` came to no result", remedy="connector check")
    return report
