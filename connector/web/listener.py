"""A uvicorn server inside a running event loop, for the private listener."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from connector.receive.sockets import open_sockets

_CONNECTIONS: Final = 64
_DRAIN: Final = 5
"""Seconds for the requests under way when the listener stops."""


class PrivateListener:
    """An address that an app is served at, from ``serve`` until its ``stop`` is set."""

    def __init__(self, app: ASGIApp, *, host: str, port: int) -> None:
        """Serve ``app`` at ``host``; port 0 picks a free one."""
        self._app = app
        self._host = host
        self._port = port
        self.listening = asyncio.Event()

    @property
    def port(self) -> int:
        """The port, which for port 0 is known once ``listening`` is set."""
        return self._port

    async def serve(self, stop: asyncio.Event) -> None:
        """Listen until ``stop`` is set, then let the requests under way end.

        Raises ``ConnectorError`` if the address can not be had.
        """
        sockets = open_sockets(self._host, self._port)
        self._port = sockets[0].getsockname()[1]
        server = _Server(self._configure(), self.listening)
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=sockets))
            await stop.wait()
            self.listening.clear()
            server.should_exit = True
            await serving

    def _configure(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._app,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_DRAIN,
        )


class _Server(uvicorn.Server):
    """uvicorn, without its own signal handlers: the supervisor decides when the process ends."""

    def __init__(self, config: uvicorn.Config, listening: asyncio.Event) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
