"""The private listener, over real HTTP: health with reasons, metrics, and who may see them."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, text

from connector.ledger import migrate
from connector.ledger.destinations import register_destinations
from connector.ledger.gauges import oldest_open
from connector.ledger.ledger import Ledger
from connector.ledger.overview import look
from connector.ledger.space import DiskSpace, measure_ledger
from connector.web.app import make_private_app
from connector.web.health import Health
from connector.web.listener import PrivateListener
from connector.web.metrics import Metrics, Snapshot
from tests.web.office import desk_of, read_config, settings_of

pytestmark = pytest.mark.anyio
TOKEN = "an admin token of the tests"
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


async def test_a_process_that_is_well_is_live_and_ready(ledger: Ledger) -> None:
    async with private_listener(ledger) as setting:
        await asyncio.wait_for(setting.health.beaten.wait(), 10)

        live = await setting.client.get("/livez")
        ready = await setting.client.get("/readyz")

        assert (live.status_code, live.text) == (200, "ok\n")
        assert (ready.status_code, ready.text) == (200, "ok\n")


async def test_readiness_waits_for_the_first_write(ledger: Ledger) -> None:
    health = Health(
        ledger, owner="test:1", revision=migrate.head(), space=DiskSpace("sqlite://", min_free=1)
    )

    assert health.ready_reasons() == ("nothing could be written to the ledger lately",)


async def test_a_full_queue_is_a_reason_not_to_be_ready(ledger: Ledger) -> None:
    async with private_listener(ledger) as setting:
        await asyncio.wait_for(setting.health.beaten.wait(), 10)
        setting.fullness[0] = 0.8

        ready = await setting.client.get("/readyz")

        assert ready.status_code == 503
        assert ready.text == "the queue of webhooks is almost full\n"
        assert (await setting.client.get("/livez")).status_code == 200


async def test_a_process_that_drains_is_not_ready_but_lives(ledger: Ledger) -> None:
    async with private_listener(ledger) as setting:
        await asyncio.wait_for(setting.health.beaten.wait(), 10)
        setting.health.drain()

        ready = await setting.client.get("/readyz")

        assert (ready.status_code, ready.text) == (503, "this process is going\n")
        assert (await setting.client.get("/livez")).status_code == 200


async def test_a_schema_of_another_version_is_a_reason_not_to_be_ready(ledger: Ledger) -> None:
    async with private_listener(ledger, revision="9999") as setting:
        await asyncio.wait_for(setting.health.beaten.wait(), 10)

        ready = await setting.client.get("/readyz")

        assert ready.status_code == 503
        assert ready.text == f"the ledger is at revision {migrate.head()}, not 9999\n"


async def test_writes_that_stopped_are_a_reason_not_to_be_ready(ledger: Ledger) -> None:
    clock = HandClock()
    async with private_listener(ledger, clock=clock) as setting:
        await asyncio.wait_for(setting.health.beaten.wait(), 10)
        assert (await setting.client.get("/readyz")).status_code == 200

        clock.seconds += 11
        live, ready = setting.health.live_reasons(), setting.health.ready_reasons()

        assert live == ("the event loop stands still",)
        assert ready == (
            "the event loop stands still",
            "nothing could be written to the ledger lately",
        )


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
async def test_a_full_disk_is_a_reason_not_to_be_ready(ledger: Ledger) -> None:
    async with private_listener(ledger, min_free=1 << 62) as setting:
        await asyncio.wait_for(setting.health.beaten.wait(), 10)

        ready = await setting.client.get("/readyz")

        assert ready.status_code == 503
        assert ready.text == "the ledger's disk has less room than [ledger] min_free\n"


async def test_a_ledger_that_can_not_be_written_is_a_reason_not_to_be_ready(
    ledger: Ledger,
) -> None:
    def rename(connection: Connection, old: str, new: str) -> None:
        connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    ledger.transact(rename, "lease", "elsewhere")
    try:
        async with private_listener(ledger) as setting:
            ready = await setting.client.get("/readyz")

            assert ready.status_code == 503
            assert ready.text == "nothing could be written to the ledger lately\n"
            assert (await setting.client.get("/livez")).status_code == 200
    finally:
        ledger.transact(rename, "elsewhere", "lease")


async def test_a_heartbeat_is_a_lease_row_that_goes_with_its_process(ledger: Ledger) -> None:
    def names(connection: Connection) -> list[str]:
        return list(connection.execute(text("SELECT name FROM lease")).scalars())

    async with private_listener(ledger) as setting:
        await asyncio.wait_for(setting.health.beaten.wait(), 10)
        assert ledger.query(names) == ["heartbeat/test:1"]

    assert ledger.query(names) == []


async def test_healthz_is_the_status_object(ledger: Ledger) -> None:
    async with private_listener(ledger) as setting:
        answer = await setting.client.get("/healthz")

        assert answer.status_code == 200
        assert answer.json() == STATUS


async def test_metrics_are_prometheus_text_with_the_promised_names(ledger: Ledger) -> None:
    ledger.transact(register_destinations, {"crm": "hubspot"})
    async with private_listener(ledger) as setting:
        answer = await setting.client.get("/metrics")

    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert families.keys() >= {
        "connector_build_info",
        "connector_webhook_requests",
        "connector_intake_queue_length",
        "connector_deliveries",
        "connector_delivery_oldest_open_seconds",
        "connector_destination_open",
        "connector_mapping_degraded_fields",
        "connector_reviews_open",
        "connector_crm_budget_remaining_ratio",
        "connector_db_size_bytes",
        "connector_db_wal_bytes",
        "connector_db_free_bytes",
        "process_cpu_seconds",
        "python_gc_objects_collected",
    }
    build = families["connector_build_info"].samples[0].labels
    assert (build["version"], build["schema_revision"]) == ("1.2.3", migrate.head())
    assert families["connector_destination_open"].samples[0].labels == {
        "destination": "crm",
        "reason": "",
    }
    assert families["connector_db_size_bytes"].samples[0].value > 0


async def test_the_ledger_is_asked_for_metrics_every_ten_seconds_at_most(ledger: Ledger) -> None:
    clock = HandClock()
    async with private_listener(ledger, clock=clock) as setting:
        await setting.client.get("/metrics")
        clock.seconds += 9.9
        await setting.client.get("/metrics")
        assert len(setting.snapshots) == 1

        clock.seconds += 0.1
        await setting.client.get("/metrics")
        assert len(setting.snapshots) == 2


def _basic(password: str, user: str = "anybody") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer",
        _basic("wrong"),
        _basic(""),
        "Basic !!!",
        "Basic ã",
        f"Digest {TOKEN}",
    ],
)
async def test_nothing_is_shown_without_the_token(
    sqlite_ledger: Ledger, authorization: str | None
) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    async with private_listener(sqlite_ledger, token=TOKEN) as setting:
        for path in ("/", "/metrics", "/healthz", "/no-such-thing"):
            answer = await setting.client.get(path, headers=headers)

            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
            assert answer.text == "the admin token is needed\n"


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}", _basic(TOKEN)])
async def test_the_token_opens_everything(sqlite_ledger: Ledger, authorization: str) -> None:
    async with private_listener(sqlite_ledger, token=TOKEN) as setting:
        for path in ("/", "/metrics", "/healthz"):
            answer = await setting.client.get(path, headers={"authorization": authorization})
            assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_need_no_token(sqlite_ledger: Ledger, path: str) -> None:
    async with private_listener(sqlite_ledger, token=TOKEN) as setting:
        await asyncio.wait_for(setting.health.beaten.wait(), 10)

        assert (await setting.client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("name", "status_code"),
    [
        ("localhost", 200),
        ("LOCALHOST:9090", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:9090", 200),
        ("rebound.example.com", 421),
        ("127.0.0.1.example.com", 421),
        ("localhost.example.com:9090", 421),
        ("", 421),
    ],
)
async def test_a_loopback_listener_answers_to_loopback_names_only(
    sqlite_ledger: Ledger, name: str, status_code: int
) -> None:
    async with private_listener(sqlite_ledger) as setting:
        for path in ("/healthz", "/livez"):
            answer = await setting.client.get(path, headers={"host": name})
            assert answer.status_code == status_code


async def test_a_listener_with_a_public_address_answers_to_any_name(sqlite_ledger: Ledger) -> None:
    async with private_listener(sqlite_ledger, host="10.0.0.5", token=TOKEN) as setting:
        headers = {"host": "connector.internal", "authorization": f"Bearer {TOKEN}"}

        assert (await setting.client.get("/healthz", headers=headers)).status_code == 200


async def test_every_answer_is_private_and_inert(sqlite_ledger: Ledger) -> None:
    async with private_listener(sqlite_ledger) as setting:
        for path in ("/", "/livez", "/healthz", "/metrics", "/no-such-thing"):
            headers = (await setting.client.get(path)).headers

            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["content-security-policy"] == (
                "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
                "frame-ancestors 'none'; base-uri 'none'"
            )


async def test_nothing_can_be_changed_here(sqlite_ledger: Ledger) -> None:
    async with private_listener(sqlite_ledger) as setting:
        for path in ("/", "/livez", "/readyz", "/healthz", "/metrics"):
            for method in ("POST", "PUT", "DELETE"):
                assert (await setting.client.request(method, path)).status_code == 405


async def test_a_status_that_can_not_be_read_is_a_503(sqlite_ledger: Ledger) -> None:
    def fail() -> dict[str, Any]:
        def work(connection: Connection) -> dict[str, Any]:
            connection.execute(text("SELECT * FROM no_such_table"))
            return {}

        return sqlite_ledger.query(work)

    async with private_listener(sqlite_ledger, status=fail) as setting:
        answer = await setting.client.get("/healthz")

        assert answer.status_code == 503
        assert "no such table" in answer.text
