"""The public listener: accepts connections, ends the slow and the silent, and drains."""

import asyncio
import contextlib
import resource
from email.utils import formatdate
from typing import Final

from connector.receive.app import ReceiveApp
from connector.receive.connection import Connection, Floor, Limits
from connector.receive.sockets import open_sockets

_SWEEP_EVERY: Final = 0.25
"""Seconds. One sweep over all connections instead of timers for each request."""
_OTHER_FILES: Final = 512
"""Of the ledger, the CRMs and the rest."""


class Listener:
    """An address that the app is served at, from ``serve`` until its ``stop`` is set."""

    def __init__(
        self, app: ReceiveApp, *, host: str, port: int, limits: Limits | None = None
    ) -> None:
        """Serve ``app`` at ``host``; port 0 picks a free one."""
        self._app = app
        self._host = host
        self._port = port
        self._limits = limits or Limits()
        self.listening = asyncio.Event()

    @property
    def port(self) -> int:
        """The port, which for port 0 is known once ``listening`` is set."""
        return self._port

    async def serve(self, stop: asyncio.Event) -> None:
        """Listen until ``stop`` is set, then let the requests under way end.

        Raises ``ConnectorError`` if the address can not be had.
        """
        _allow_files(self._limits.connections)
        floor = Floor(self._app, self._limits)
        floor.date = _date_line()
        loop = asyncio.get_running_loop()
        sockets = open_sockets(self._host, self._port)
        self._port = sockets[0].getsockname()[1]
        servers = [
            await loop.create_server(
                lambda: Connection(floor), sock=opened, backlog=self._limits.backlog
            )
            for opened in sockets
        ]
        sweeping = asyncio.create_task(_sweep(floor))
        self.listening.set()
        try:
            await stop.wait()
        finally:
            self.listening.clear()
            for server in servers:
                server.close()
            await self._drain(floor)
            sweeping.cancel()
            for server in servers:
                await server.wait_closed()

    async def _drain(self, floor: Floor) -> None:
        self._app.draining = True
        for connection in list(floor.connections):
            connection.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(floor.empty.wait(), self._limits.drain)
        for connection in list(floor.connections):
            connection.abort()


def _allow_files(connections: int) -> None:
    """Let this process open as many files as it takes connections, where the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _sweep(floor: Floor) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_EVERY)
        floor.date = _date_line()
        now = loop.time()
        for connection in list(floor.connections):
            connection.end_overdue(now)


def _date_line() -> bytes:
    return f"date: {formatdate(usegmt=True)}\r\n".encode("ascii")
