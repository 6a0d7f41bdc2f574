"""The private listener over real HTTP, for the tests of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from sqlalchemy import Connection

from connector.ledger import migrate
from connector.ledger.gauges import oldest_open
from connector.ledger.ledger import Ledger
from connector.ledger.overview import look
from connector.ledger.space import DiskSpace, measure_ledger
from connector.web.app import make_private_app
from connector.web.health import Health
from connector.web.listener import PrivateListener
from connector.web.metrics import Metrics, Snapshot
from tests.web.office import desk_of, read_config, settings_of

STATUS = {
    "ready": True,
    "reasons": [],
    "webhooks": {"waiting": 3, "last_at": None},
    "numbers": {"Vendas": {"silent": False}},
}


@dataclass
class HandClock:
    """A clock whose seconds since boot are moved by hand."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot(self) -> float:
        return self.seconds


@dataclass
class Setting:
    """A private listener at work, and what a test turns to change what it says."""

    client: httpx.AsyncClient
    health: Health
    fullness: list[float]
    snapshots: list[Snapshot] = field(default_factory=list)


@asynccontextmanager
async def private_listener(
    ledger: Ledger,
    *,
    token: str | None = None,
    host: str = "127.0.0.1",
    min_free: int = 1,
    revision: str | None = None,
    clock: HandClock | None = None,
    status: Callable[[], Any] | None = None,
) -> AsyncIterator[Setting]:
    """Serve the app on a free port, with a health that watches a real ledger."""
    fullness = [0.0]
    url = ledger.engine.url
    health = Health(
        ledger,
        owner="test:1",
        revision=revision or migrate.head(),
        space=DiskSpace(url, min_free=min_free, clock=clock),
        fullness=lambda: fullness[0],
        clock=clock,
    )
    snapshots: list[Snapshot] = []

    def take(connection: Connection) -> Snapshot:
        view = look(connection, now=ledger.now(connection), numbers=[])
        return Snapshot(
            overview=view,
            size=measure_ledger(connection),
            revision=migrate.head(),
            oldest_open=oldest_open(connection, view.loads),
            free_bytes=123,
            budgets={("crm", "burst"): 0.25},
        )

    async def snapshot() -> Snapshot:
        snapshots.append(await ledger.read(take))
        return snapshots[-1]

    async def plain_status() -> dict[str, Any]:
        return status() if status else STATUS

    folder = TemporaryDirectory()
    config = read_config(Path(folder.name))
    app = make_private_app(
        health=health,
        metrics=Metrics(snapshot, version="1.2.3", clock=clock),
        status=plain_status,
        desk=desk_of(config, ledger),
        settings=settings_of(config),
        host=host,
        token=lambda: token,
    )
    stop = asyncio.Event()
    listener = PrivateListener(app, host="127.0.0.1", port=0)
    tasks = [asyncio.create_task(listener.serve(stop)), asyncio.create_task(health.run(stop))]
    await listener.listening.wait()
    base = f"http://127.0.0.1:{listener.port}"
    try:
        async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
            yield Setting(client, health, fullness, snapshots)
    finally:  # in order, also after a test that failed: it would wait for them for ever
        stop.set()
        await asyncio.gather(*tasks)
        folder.cleanup()
