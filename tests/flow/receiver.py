"""A receiver at work on a real ledger, and clients that speak to it over real sockets."""

import asyncio
import hashlib
import hmac
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import httpx
from sqlalchemy import Connection, create_engine, func, select, text

from connector.ledger.ledger import Ledger
from connector.ledger.schema import webhook
from connector.receive.app import ReceiveApp
from connector.receive.connection import Limits
from connector.receive.group_commit import GroupCommit
from connector.receive.listener import Listener

PATH = "/webhooks/whatsapp"
SECRET = b"the app secret"
OLD_SECRET = b"the app secret of last week"
VERIFY_TOKEN = "a verify token that nobody guesses"
DEADLINE = 20.0
"""Seconds after which a test gives up waiting for what must happen."""


def signature(body: bytes, secret: bytes = SECRET) -> str:
    """Sign as WhatsApp does, without our own code."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def text_message(number: int = 1) -> bytes:
    """Return a webhook with one message."""
    message = {"id": f"wamid.{number}", "timestamp": "1764000000", "text": {"body": "Olá 👋🏽"}}
    return json.dumps({"entry": [{"changes": [{"value": {"messages": [message]}}]}]}).encode()


@dataclass
class Answer:
    """An HTTP answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Line:
    """A raw connection to the receiver."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        """Read one answer."""
        async with asyncio.timeout(DEADLINE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.rstrip().split("\r\n")
            headers = {
                name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
            }
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(status_line.split()[1]), headers, body)

    async def closed(self) -> bytes:
        """Return what still comes until the other side closes the connection."""
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


@dataclass
class Receiver:
    """A receiver at work."""

    ledger: Ledger
    app: ReceiveApp
    intake: GroupCommit
    listener: Listener
    client: httpx.AsyncClient
    stop: asyncio.Event
    stored: list[int] = field(default_factory=list)
    """One entry for each time that it said something was stored."""

    async def post(self, body: bytes, *, path: str = PATH, **headers: str) -> httpx.Response:
        """Post a body with its right signature, unless ``headers`` say otherwise."""
        signed = {"x-hub-signature-256": signature(body)}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=body, headers={**signed, **given})

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """Give a raw connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()

    def rows(self) -> int:
        """Count the webhooks in the ledger."""
        return self.ledger.query(count_webhooks)


@asynccontextmanager
async def receiver(
    ledger: Ledger,
    *,
    limits: Limits | None = None,
    room: Callable[[], bool] = lambda: True,
    max_body_bytes: int = 4 * 1024 * 1024,
    max_held_bytes: int = 128 * 1024 * 1024,
    capacity: int = 512,
    patience: float = 4.5,
) -> AsyncIterator[Receiver]:
    """Serve a receiver on a free port."""
    stored: list[int] = []
    intake = GroupCommit(
        ledger, on_stored=lambda: stored.append(1), capacity=capacity, patience=patience
    )
    app = ReceiveApp(
        intake,
        path=PATH,
        app_secrets=[SECRET, OLD_SECRET],
        verify_token=VERIFY_TOKEN.encode(),
        max_body_bytes=max_body_bytes,
        max_held_bytes=max_held_bytes,
        room=room,
    )
    listener = Listener(app, host="127.0.0.1", port=0, limits=limits)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listener.serve(stop))
        await listener.listening.wait()
        base = f"http://127.0.0.1:{listener.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=DEADLINE) as client:
            try:
                yield Receiver(ledger, app, intake, listener, client, stop, stored)
            finally:
                stop.set()
    await intake.drain()
    assert app.held_bytes == 0, "a body was forgotten in memory"


def count_webhooks(connection: Connection) -> int:
    """Return how many webhooks the ledger holds."""
    return connection.execute(select(func.count()).select_from(webhook)).scalar_one()


@contextmanager
def locked(ledger: Ledger) -> Iterator[None]:
    """Keep everybody else from writing webhooks, from a connection of its own."""
    if ledger.dialect == "sqlite":
        connection = sqlite3.connect(str(ledger.engine.url.database), isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()
        return
    engine = create_engine(ledger.engine.url)
    with engine.connect() as other, other.begin():
        other.execute(text("LOCK TABLE webhook IN SHARE MODE"))
        yield
    engine.dispose()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, which must be soon."""
    async with asyncio.timeout(DEADLINE):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
