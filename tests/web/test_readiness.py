"""Alive and ready: what makes a process not so, with its reason."""

import asyncio

import pytest
from sqlalchemy import Connection, text

from connector.ledger import migrate
from connector.ledger.ledger import Ledger
from connector.ledger.space import DiskSpace
from connector.web.health import Health
from tests.web.listening import HandClock, private_listener

pytestmark = pytest.mark.anyio


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
