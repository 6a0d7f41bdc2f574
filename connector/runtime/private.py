"""The private side of a process: health, metrics and the status page."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from connector import metrics
from connector.config.models import Config
from connector.crm.budget import BudgetState
from connector.deliver.destination import Destination
from connector.ledger import migrate
from connector.ledger.gauges import oldest_open
from connector.ledger.ledger import Ledger
from connector.ledger.overview import look
from connector.ledger.space import measure_ledger
from connector.runtime.desk import LedgerDesk
from connector.runtime.last_check import last_check
from connector.runtime.public import Intake
from connector.runtime.status import Live, status_of
from connector.runtime.systemd import tell_systemd
from connector.runtime.version import VERSION
from connector.runtime.wiring import process_name
from connector.web.app import make_private_app
from connector.web.dashboard.page import Settings
from connector.web.health import Health
from connector.web.listener import PrivateListener
from connector.web.metrics import Metrics, Snapshot


async def serve_private(
    config: Config,
    ledger: Ledger,
    intake: Intake,
    destinations: Mapping[str, Destination],
    *,
    stop: asyncio.Event,
    gone: asyncio.Event,
) -> None:
    """Serve the private listener, and watch the health it tells of, until ``gone``.

    From ``stop`` on it says that this process is going and takes nothing new.
    """
    revision = migrate.head()
    health = Health(
        ledger,
        owner=process_name(),
        revision=revision,
        space=intake.space,
        fullness=lambda: intake.queue.fullness,
        refusing=lambda: intake.queue.refusing,
        in_place=lambda: intake.place.kept,
    )

    def budgets() -> dict[str, Mapping[str, BudgetState]]:
        return {name: each.client.budgets.left() for name, each in destinations.items()}

    async def status() -> Mapping[str, Any]:
        return await ledger.read(
            status_of,
            ledger=ledger,
            config=config,
            space=intake.space,
            revision=revision,
            live=Live(reasons=health.ready_reasons(), budgets=budgets()),
        )

    def take(connection: Connection) -> Snapshot:
        now = ledger.now(connection)
        metrics.CLOCK_SKEW.labels("database").set((ledger.clock.now() - now).total_seconds())
        view = look(connection, now=now, numbers=[])
        checked = last_check(connection)
        return Snapshot(
            overview=view,
            size=measure_ledger(connection),
            revision=revision,
            oldest_open=oldest_open(connection, view.loads),
            free_bytes=intake.space.free_bytes,
            budgets={
                (name, budget): state.left / state.limit
                for name, states in budgets().items()
                for budget, state in states.items()
                if state.limit and state.left is not None
            },
            conservation_difference=checked.difference,
            credentials=checked.credentials,
        )

    async def snapshot() -> Snapshot:
        return await ledger.read(take)

    token = config.admin.token
    app = make_private_app(
        health=health,
        metrics=Metrics(snapshot, version=VERSION),
        status=status,
        desk=LedgerDesk(config, ledger, status),
        settings=Settings(
            language=config.whatsapp.language,
            zone=config.schedule.timezone,
            sync_lag=config.alerts.sync_lag.total_seconds(),
        ),
        host=config.admin.host,
        token=lambda: None if token is None else token.reveal(),
    )
    listener = PrivateListener(app, host=config.admin.host, port=config.admin.port)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(health.run(stop))
        tasks.create_task(listener.serve(gone))
        tasks.create_task(tell_systemd(health, stop=stop))
