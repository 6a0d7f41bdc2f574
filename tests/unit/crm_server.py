"""A CRM's server that answers as a test says, over real sockets, and a client that asks it."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import httpx

from connector.clock import SystemClock
from connector.config.units import Rate
from connector.crm.budget import Budgets
from connector.crm.client import CrmClient
from connector.crm.settings import AdapterSettings
from connector.errors import (
    CrmError,
)

T = TypeVar("T")
Script = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request a server got, and the way back."""

    head: bytes
    body: bytes
    writer: asyncio.StreamWriter

    async def answer(
        self, status: str = "200 OK", body: bytes = b"{}", *, headers: str = "", length: int = -1
    ) -> None:
        size = len(body) if length < 0 else length
        head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n"
        if "Content-Type" not in headers:
            head = head.replace("\r\n\r\n", "\r\nContent-Type: application/json\r\n\r\n")
        self.writer.write(head.encode() + body)
        await self.writer.drain()

    async def close(self) -> None:
        self.writer.close()

    async def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


@dataclass
class Server:
    """Reads requests off real sockets and does with each what its script says."""

    script: Script
    seen: list[Exchange] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.append(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                body = await reader.readexactly(size)
                exchange = Exchange(head, body, writer)
                self.seen.append(exchange)
                self.arrived.set()
                await self.script(exchange)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)


@asynccontextmanager
async def serve(script: Script) -> AsyncIterator[Server]:
    server = Server(script)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in server.tasks:
            task.cancel()
        await asyncio.gather(*server.tasks)
        await asyncio.sleep(0)


def run(test: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return asyncio.run(test())


@asynccontextmanager
async def connect(
    url: str,
    *,
    deadline: float = 5,
    healths: list[bool | None] | None = None,
    settings: AdapterSettings | None = None,
    budgets: Budgets | None = None,
    auth: httpx.Auth | None = None,
) -> AsyncIterator[CrmClient]:
    client = CrmClient(
        destination="unit",
        settings=settings or AdapterSettings(adapter="unit", base_url=url),
        budgets=budgets
        or Budgets({"burst": Rate(requests=100, per=timedelta(seconds=1))}, clock=SystemClock()),
        request_timeout=deadline,
        clock=SystemClock(),
        auth=auth,
        on_result=None if healths is None else healths.append,
    )
    try:
        yield client
    finally:
        await client.aclose()


async def ask(
    script: Script,
    *,
    method: str = "POST",
    deadline: float = 5,
    **options: Any,
) -> tuple[httpx.Response | CrmError, list[bool | None]]:
    """Send one request to a server with this script; return what came of it, and of the breaker."""
    healths: list[bool | None] = []
    async with (
        serve(script) as server,
        connect(server.url, deadline=deadline, healths=healths) as crm,
    ):
        try:
            return await crm.request(method, "/things", call="things", **options), healths
        except CrmError as error:
            return error, healths


def status(line: str, body: bytes = b"{}", headers: str = "") -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(line, body, headers=headers)

    return script
