"""Watching over everything: what should be told is found out every few seconds, by one process.

It belongs to whoever holds the schedule. What fires is kept in the ledger, so that a restart, or
another holder, neither forgets an alert nor tells it twice.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from sqlalchemy import Connection

from connector.config.models import Config
from connector.crm.budget import BudgetState
from connector.ledger.alarms import Alarm, Change, change_alarms, firing_alarms, last_over
from connector.ledger.gauges import oldest_due
from connector.ledger.habits import is_unusually_silent
from connector.ledger.history import last_sweep
from connector.ledger.keeper import HeldLease
from connector.ledger.leases import Lease, check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.minutes import note_minute
from connector.ledger.overview import look
from connector.ledger.runs import last_done
from connector.ledger.space import DiskSpace
from connector.model.alerts import Alert
from connector.runtime.conditions import Facts, judge
from connector.runtime.last_check import CHECK
from connector.runtime.status import kept_budgets
from connector.waiting import wait_for_any

log = structlog.get_logger()

Budgets = Callable[[], Mapping[str, Mapping[str, BudgetState]]]
"""Gives what is left of each destination's budgets, as far as this process knows."""
_EVERY: Final = 15.0
_LEAST: Final = 0.2


class Watch:
    """Looks at everything now and then, and changes what fires."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        *,
        budgets: Budgets,
        on_changed: Callable[[], object] = lambda: None,
    ) -> None:
        """Watch ``ledger``; ``on_changed`` is called when there is something to tell."""
        self._config = config
        self._ledger = ledger
        self._budgets = budgets
        self._on_changed = on_changed
        self._space = DiskSpace(config.ledger.url, min_free=config.ledger.min_free)
        self._every = max(min(_EVERY, config.tuning.probe / 4), _LEAST)

    async def run(self, held: HeldLease, *, stop: asyncio.Event) -> None:
        """Look every fifteen seconds, more often where the configured waits are short."""
        while not stop.is_set():
            changes = await self._ledger.write(self.look, lease=held.lease)
            for change, alert in changes:
                say = log.warning if change == "firing" else log.info
                say(
                    f"alert.{change}",
                    alert=alert.alert,
                    destination=alert.destination,
                    number=alert.number,
                    detail=alert.detail,
                    remedy=alert.remedy,
                )
            if changes:
                self._on_changed()
            await wait_for_any(stop, seconds=self._every)

    def look(
        self, connection: Connection, *, lease: Lease | None
    ) -> list[tuple[Change, Alert | Alarm]]:
        """Judge everything once, under a lease; return what began to fire and what is over."""
        if lease is not None:
            check_lease(connection, lease)
        facts = self._gather(connection)
        note_minute(
            connection,
            now=facts.view.at,
            destinations=self._config.destinations,
            oldest=facts.oldest_due,
        )
        firing = {alarm.about for alarm in firing_alarms(connection)}
        return change_alarms(
            connection,
            judge(self._config, facts, firing),
            now=facts.view.at,
            telling=self._config.alerts.webhook is not None,
        )

    def _gather(self, connection: Connection) -> Facts:
        config, now = self._config, self._ledger.now(connection)
        numbers = [number.name for number in config.whatsapp.numbers]
        view = look(connection, now=now, numbers=[])
        known = self._budgets()
        sweeps = (last_sweep(connection, name) for name in config.destinations)
        return Facts(
            view=view,
            oldest_due=oldest_due(connection, config.destinations),
            resumed_at=last_over(connection, "DestinationPaused"),
            silent={
                name
                for name in numbers
                if is_unusually_silent(connection, name, now=now, silence=config.alerts.silence)
            },
            sweeps=[sweep for sweep in sweeps if sweep is not None],
            check=last_done(connection, CHECK, ""),
            budgets={
                name: known.get(name) or kept_budgets(view.standings[name], settings, now=now)
                for name, settings in config.destinations.items()
                if name in view.standings
            },
            free_bytes=self._space.free_bytes,
        )
