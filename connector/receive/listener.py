"""A uvicorn server inside a running event loop, with the time limits that uvicorn has not.

uvicorn never ends a connection that is silent from the start, nor one that sends its request a
byte at a time (measured: still open after 15 s and 20 s). Here a sweep four times a second does,
so that a request needs no timer of its own.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connector import metrics
from connector.errors import ConnectorError

App = Callable[..., Awaitable[None]]

_SWEEP_EVERY: Final = 0.25
_CLOSE: Final = b"content-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\n" + _CLOSE
_TOO_LONG: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _CLOSE
_TOO_MANY: Final = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n" + _CLOSE
_NEVER: Final = 24 * 3600
"""Seconds: uvicorn's own keep-alive timer is left to the sweep."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may take, and all together. Times are in seconds."""

    receipt: float = 10.0
    """From a request's first byte to its last."""
    body: float = 3.0
    """From the end of a request's headers to its last byte."""
    idle: float = 15.0
    """Of a connection that has no request."""
    drain: int = 10
    """For the requests under way when the listener stops."""
    header_bytes: int = 64 * 1024
    connections: int = 2048
    backlog: int = 2048


class Listener:
    """An address that an app is served at, from ``serve`` until its ``stop`` is set."""

    def __init__(
        self, app: App, *, host: str, port: int, limits: Limits | None = None, public: bool = False
    ) -> None:
        """Serve ``app`` at ``host``; port 0 picks a free one. ``public`` counts in the metrics."""
        self._app = app
        self._host = host
        self._port = port
        self._limits = limits or Limits()
        self._public = public
        self.listening = asyncio.Event()

    @property
    def port(self) -> int:
        """The port, which for port 0 is known once ``listening`` is set."""
        return self._port

    async def serve(self, stop: asyncio.Event) -> None:
        """Listen until ``stop`` is set, then let the requests under way end.

        Raises ``ConnectorError`` if the address can not be had.
        """
        sockets = self._bind()
        server = _Server(self._configure(), self.listening)
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=sockets))
            sweeping = tasks.create_task(_sweep(server))
            await stop.wait()
            self.listening.clear()
            server.should_exit = True
            await serving
            sweeping.cancel()

    def _configure(self) -> uvicorn.Config:
        class Connection(_Connection):
            limits = self._limits
            public = self._public

        return uvicorn.Config(
            self._app,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,  # it would print the verify token
            proxy_headers=False,
            server_header=False,
            backlog=self._limits.backlog,
            timeout_keep_alive=_NEVER,
            timeout_graceful_shutdown=self._limits.drain,
        )

    def _bind(self) -> list[socket.socket]:
        """Open every address that the host's name stands for, all at the same port."""
        sockets: list[socket.socket] = []
        try:
            found = socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, kind, protocol, _, address in dict.fromkeys(found):
                opened = socket.socket(family, kind, protocol)
                sockets.append(opened)
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                opened.bind((address[0], self._port, *address[2:]))
                opened.setblocking(False)
                self._port = opened.getsockname()[1]
        except OSError as error:
            for opened in sockets:
                opened.close()
            raise ConnectorError(
                f"can not listen at {self._host} port {self._port}: {error.strerror}",
                remedy="free the port, or choose another host or port in the configuration",
            ) from error
        return sockets


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


async def _sweep(server: uvicorn.Server) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_EVERY)
        now = loop.time()
        for connection in cast("list[_Connection]", list(server.server_state.connections)):
            connection.end_overdue(now)


class _Connection(HttpToolsProtocol):
    """One connection, and since when it has been at what it is at."""

    limits: Limits
    public: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _log
        self._idle_since = self.loop.time()
        self._begun_at: float | None = None
        self._headers_at: float | None = None
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        if len(self.connections) >= self.limits.connections:
            self.transport = transport
            self._end_with(_TOO_MANY, "503", "busy")
            return
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._begun_at is not None and self._headers_at is None:
            self._header_bytes += len(data)
            if self._header_bytes > self.limits.header_bytes and not self.transport.is_closing():
                self._end_with(_TOO_LONG, "431", "size")

    def on_message_begin(self) -> None:
        self._begun_at = self.loop.time()
        self._headers_at = None
        self._header_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._headers_at = self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._begun_at = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def end_overdue(self, now: float) -> None:
        """Close the connection if it has taken longer than it may."""
        if self.pipeline or self.transport.is_closing():
            return  # what it sent ahead is not read before its earlier requests are answered
        limits = self.limits
        answered = self.cycle is None or self.cycle.response_complete
        if self._begun_at is None:
            if answered and now - self._idle_since > limits.idle:
                self.transport.close()
        elif self._headers_at is None:
            if now - self._begun_at > limits.receipt:
                self._end_with(_TOO_SLOW if answered else b"", "408", "slow")
        elif now - self._headers_at > limits.body or now - self._begun_at > limits.receipt:
            begun = self.cycle.response_started
            self._end_with(b"" if begun else _TOO_SLOW, "408", "slow")

    def _end_with(self, answer: bytes, code: str, reason: str) -> None:
        if answer:
            self.transport.write(answer)
            if self.public:
                metrics.WEBHOOK_REQUESTS.labels(code).inc()
                metrics.WEBHOOK_REJECTED.labels(reason).inc()
        self.transport.close()


_log: Final = logging.getLogger(__name__)
_log.setLevel(logging.ERROR)  # uvicorn warns of each malformed request, which anybody can send
