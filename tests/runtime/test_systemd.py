"""What systemd hears, over a real socket."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.ledger import migrate
from connector.ledger.ledger import Ledger
from connector.ledger.space import DiskSpace
from connector.runtime.systemd import tell_systemd
from connector.web.health import Health

pytestmark = pytest.mark.anyio


@pytest.fixture
def line(tmp_path: Path) -> Iterator[socket.socket]:
    """Listen where systemd would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind(str(tmp_path / "notify"))
        opened.settimeout(10)
        yield opened


def _health(ledger: Ledger) -> Health:
    return Health(
        ledger,
        owner="test:1",
        revision=migrate.head(),
        space=DiskSpace(ledger.engine.url, min_free=1),
    )


async def test_systemd_hears_that_it_is_ready_lives_and_goes(
    sqlite_ledger: Ledger, line: socket.socket
) -> None:
    health, stop = _health(sqlite_ledger), asyncio.Event()
    environ = {"NOTIFY_SOCKET": line.getsockname(), "WATCHDOG_USEC": "60000"}

    async def hear() -> str:
        return (await asyncio.to_thread(line.recv, 100)).decode()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(health.run(stop))
        tasks.create_task(tell_systemd(health, stop=stop, environ=environ))
        assert [await hear() for _ in range(3)] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
        assert health.beaten.is_set()
        stop.set()
    last = await hear()
    while last == "WATCHDOG=1":
        last = await hear()
    assert last == "STOPPING=1"


async def test_nothing_is_said_before_the_first_write(
    sqlite_ledger: Ledger, line: socket.socket
) -> None:
    health, stop = _health(sqlite_ledger), asyncio.Event()
    telling = asyncio.create_task(
        tell_systemd(health, stop=stop, environ={"NOTIFY_SOCKET": line.getsockname()})
    )
    stop.set()
    await telling

    assert line.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}])
async def test_without_systemd_nothing_is_said(
    sqlite_ledger: Ledger, environ: dict[str, str]
) -> None:
    stop = asyncio.Event()
    stop.set()
    await tell_systemd(_health(sqlite_ledger), stop=stop, environ=environ)


async def test_a_socket_that_has_gone_hurts_nobody(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    stop = asyncio.Event()
    stop.set()
    environ = {"NOTIFY_SOCKET": str(tmp_path / "nobody")}
    await tell_systemd(_health(sqlite_ledger), stop=stop, environ=environ)
