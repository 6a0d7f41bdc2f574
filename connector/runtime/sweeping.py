"""What the holder of a destination carries out: deliveries, and the runs ordered for it."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from connector.config.models import Config
from connector.deliver.destination import Destination
from connector.deliver.worker import Worker
from connector.ledger.keeper import HeldLease
from connector.ledger.ledger import Ledger
from connector.reconcile.account import Terms
from connector.reconcile.errands import Errands, Job
from connector.reconcile.resync import DRY_RUN, resync
from connector.reconcile.resync import JOB as RESYNC
from connector.reconcile.sweep import JOB as RECONCILE
from connector.reconcile.sweep import sweep
from connector.record.routing import Blocklist
from connector.waiting import run_together


class Holder:
    """One destination at work in this process, as long as it holds its lease."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        destination: Destination,
        *,
        stop: asyncio.Event,
        delivers: bool = True,
    ) -> None:
        self.destination = destination
        self.delivery_wake = asyncio.Event()
        """Set when something was put on a lane."""
        self.run_wake = asyncio.Event()
        """Set when a run was ordered."""
        self._stop = stop
        self._delivers = delivers
        self._worker = Worker(ledger, destination, tuning=config.tuning)
        ledger.keyed_hash("")  # reads the key once, before anything has to wait for it
        jobs = _jobs(destination, _terms(config, destination.name, wake=self.delivery_wake.set))
        self._errands = Errands(ledger, destination.name, jobs=jobs)

    @property
    def lease(self) -> str:
        """The lease that makes this process the one that works for the destination."""
        return f"deliver/{self.destination.name}"

    async def work(self, held: HeldLease) -> None:
        """Deliver, and carry out runs beside it, until ``stop``."""
        jobs = [self._errands.run(held, wake=self.run_wake, stop=self._stop)]
        if self._delivers:
            jobs.append(self._worker.run(held, wake=self.delivery_wake, stop=self._stop))
        await run_together(*jobs)


def _jobs(destination: Destination, terms: Terms) -> Mapping[str, Job]:
    resyncing = partial(resync, account=destination, terms=terms)
    return {
        RECONCILE: partial(sweep, account=destination, terms=terms),
        RESYNC: resyncing,
        DRY_RUN: resyncing,
    }


def _terms(config: Config, name: str, *, wake: Callable[[], object]) -> Terms:
    settings: Any = config.destinations[name]
    numbers = settings.numbers
    if numbers is None:
        numbers = [number.name for number in config.whatsapp.numbers]
    return Terms(
        settings=config.reconcile_for(name),
        tuning=config.tuning,
        numbers=frozenset(numbers),
        rate=settings.allowed_rate,
        company_wait=settings.company_wait.total_seconds(),
        is_blocked=Blocklist(config.privacy.block).holds,
        wake_delivery=wake,
    )
