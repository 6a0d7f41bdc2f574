"""Posts webhooks as Meta does: signed, several at once, and again until each is acknowledged.

It speaks HTTP/1.1 over bare streams, because a load that costs more than what it measures would
measure itself.
"""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httptools

from connector.sandbox.envelopes import sign

ANSWER_WITHIN: Final = 10.0
"""Seconds after which a post without an answer is given up, and made again."""
_FIRST_WAIT: Final = 0.05
_LONGEST_WAIT: Final = 2.0


@dataclass(slots=True)
class Sent:
    """What became of the webhooks. Indexes are those of the list that was given."""

    acknowledged: list[int] = field(default_factory=list)
    """Answered 200, in the order of the answers."""
    given_up: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    """How often each status was answered; 0 counts posts without an answer."""
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds from the first byte sent to the answer, of each acknowledged post."""

    @property
    def posts(self) -> int:
        """Posts made, those that were made again included."""
        return sum(self.statuses.values())

    @property
    def retried(self) -> int:
        """Posts that were made again."""
        return self.posts - len(self.acknowledged) - len(self.given_up)


async def send(
    url: str | Sequence[str],
    secret: str,
    webhooks: Sequence[bytes],
    *,
    concurrency: int = 8,
    rate: float | None = None,
    patience: float = 60.0,
) -> Sent:
    """Post each webhook until it is answered 200, for at most ``patience`` seconds.

    ``concurrency`` posts are under way at once; ``rate`` is the most webhooks begun in a second.
    Like Meta, it waits longer after each failure, and repeats what may have been taken. Of several
    addresses it takes turns, and leaves one that fails, as a load balancer would for it.
    """
    sent = Sent()
    start = time.perf_counter()
    places = iter(range(len(webhooks)))
    urls = [url] if isinstance(url, str) else list(url)

    async def work(number: int) -> None:
        turn = number % len(urls)
        connections = [_Connection(each) for each in urls[turn:] + urls[:turn]]
        courier = _Courier(connections, secret, patience, sent)
        try:
            for place in places:
                if rate is not None:
                    await asyncio.sleep(start + place / rate - time.perf_counter())
                await courier.deliver(place, webhooks[place])
        finally:
            for connection in connections:
                connection.close()

    async with asyncio.TaskGroup() as group:
        for number in range(min(concurrency, len(webhooks))):
            group.create_task(work(number))
    sent.seconds = time.perf_counter() - start
    return sent


@dataclass(slots=True)
class _Courier:
    """Delivers one webhook after the other, over the first connection until that one fails."""

    connections: list["_Connection"]
    secret: str
    patience: float
    sent: Sent

    async def deliver(self, place: int, body: bytes) -> None:
        """Post until it is acknowledged or patience is at its end."""
        signature = sign(self.secret, body)
        deadline = time.perf_counter() + self.patience
        wait = _FIRST_WAIT
        while True:
            begun = time.perf_counter()
            status = await self.connections[0].post(body, signature)
            now = time.perf_counter()
            self.sent.statuses[status] += 1
            if status == 200:
                self.sent.acknowledged.append(place)
                self.sent.latencies.append(now - begun)
                return
            if now + wait > deadline:
                self.sent.given_up.append(place)
                return
            self.connections.append(self.connections.pop(0))
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)


class _Answer:
    """What the parser makes of the bytes that come back."""

    def __init__(self) -> None:
        self.complete = False

    def on_message_complete(self) -> None:
        self.complete = True


class _Connection:
    """One connection, opened when it is needed and kept while both sides keep it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._head = (
            f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: facebookexternalua\r\n"
            "Accept: */*\r\nContent-Type: application/json\r\n"
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes, signature: str) -> int:
        """Post a body; returns the status, or 0 if no whole answer came."""
        head = f"X-Hub-Signature-256: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                reader, writer = await self._open()
                writer.write((self._head + head).encode() + body)
                status, keep = await _read_answer(reader)
        except (OSError, TimeoutError, EOFError, httptools.HttpParserError):
            self.close()
            return 0
        if not keep:
            self.close()
        return status

    def close(self) -> None:
        """Give the connection up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            context = ssl.create_default_context() if self._secure else None
            self._streams = await asyncio.open_connection(self._host, self._port, ssl=context)
        return self._streams


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Return the status, and whether the connection may be used again."""
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.complete:
        data = await reader.read(65_536)
        if not data:
            raise EOFError
        parser.feed_data(data)
    return parser.get_status_code(), bool(parser.should_keep_alive())
