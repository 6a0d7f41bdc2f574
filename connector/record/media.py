"""Copies of media, fetched before Meta's link dies; a job of its own that no text waits for.

A webhook's media id lives seven days and the URL that Graph gives for it five minutes. Meta blocks
an app for half an hour after twenty failures of that question in an hour, so failures are rationed.
Files get random names in a folder that only this user may enter; nothing ever runs or serves them.
"""

import asyncio
import os
import random
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import httpx
import structlog
from sqlalchemy import Connection

from connector.crm.transport import CappedTransport, PinnedTransport
from connector.ledger.keeper import HeldLease
from connector.ledger.leases import Lease, check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.media import (
    MediaFile,
    due_media,
    settle_failed,
    settle_later,
    settle_stored,
)
from connector.record.graph import Graph, MediaError, read_sha256
from connector.record.sniff import extension_of
from connector.waiting import wait_for_any

log = structlog.get_logger()

LARGEST: Final = 100 * 1024 * 1024
DEADLINE: Final = 60.0
"""Seconds for one file, from the question to the last byte."""
ATTEMPTS: Final = 8
"""Tries of a file that fails for a passing reason; the last is about an hour after the first."""
_AT_ONCE: Final = 4
_FAILURES: Final = 15
_WINDOW: Final = 3600.0
_PAUSE: Final = 60.0
_POLL: Final = 5.0
_HEAD: Final = 64
_HEADROOM: Final = 1024 * 1024
"""Bytes between what is given up as too large and where reading ends in any case."""
_PART: Final = ".part"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where media come from and go to."""

    directory: Path
    graph_url: str
    graph_version: str
    token: Callable[[], str]
    """Gives the access token; asked at every request, so that a replaced one is seen."""
    hosts: Sequence[str]


class MediaDownloader:
    """Fetches the files that messages came with."""

    def __init__(
        self,
        ledger: Ledger,
        settings: MediaSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        draw: random.Random | None = None,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._transport = transport
        self._draw = draw or random.Random()  # noqa: S311 - jitter, not a secret
        self._failures: deque[float] = deque()
        self._paused_until = float("-inf")

    async def run(self, held: HeldLease, *, wake: asyncio.Event, stop: asyncio.Event) -> None:
        """Fetch files until ``stop``. ``wake`` says that there may be new ones."""
        await asyncio.to_thread(self._sweep)
        async with self._open_client() as client:
            while not stop.is_set():
                wake.clear()
                if not await self._fetch_due(client, held.lease):
                    await wait_for_any(wake, stop, seconds=_POLL)

    async def fetch_due(self, lease: Lease) -> int:
        """Fetch what is due now, a few files at once; return how many were looked at."""
        await asyncio.to_thread(self._sweep)
        async with self._open_client() as client:
            return await self._fetch_due(client, lease)

    def _sweep(self) -> None:
        """Make the folder, and remove what a crash left half fetched in it."""
        folder = self._settings.directory
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in folder.glob(f"*{_PART}"):
            path.unlink(missing_ok=True)

    def _open_client(self) -> httpx.AsyncClient:
        transport = CappedTransport(
            self._transport or PinnedTransport(connections=_AT_ONCE),
            most_bytes=LARGEST + _HEADROOM,
        )
        return httpx.AsyncClient(transport=transport, trust_env=False, timeout=DEADLINE)

    async def _fetch_due(self, client: httpx.AsyncClient, lease: Lease) -> int:
        if self._ledger.clock.boot() < self._paused_until:
            return 0
        graph = Graph(
            client,
            base_url=self._settings.graph_url,
            version=self._settings.graph_version,
            token=self._settings.token,
            hosts=self._settings.hosts,
        )
        files = await self._ledger.read(_due, self._ledger)
        await asyncio.gather(*(self._fetch(graph, file, lease) for file in files))
        return len(files)

    async def _fetch(self, graph: Graph, file: MediaFile, lease: Lease) -> None:
        """Fetch one file and write down what became of it."""
        try:
            async with asyncio.timeout(DEADLINE):
                name = await self._copy(graph, file)
        except TimeoutError:
            await self._give_way(file, MediaError("timeout", passing=True), lease)
        except MediaError as error:
            await self._give_way(file, error, lease)
        except OSError as error:
            self._pause(_PAUSE)
            log.error("media.not_written", error=type(error).__name__)
            await self._later(file, lease, code="disk", seconds=_PAUSE, counts=False)
        else:
            kept = await self._ledger.write(
                _fenced, lease, lambda c: settle_stored(c, file.message_id, path=name)
            )
            if not kept:
                (self._settings.directory / name).unlink(missing_ok=True)

    async def _copy(self, graph: Graph, file: MediaFile) -> str:
        """Copy a file into the folder under a random name; return the name."""
        location = await graph.locate(file.media_id)
        if location.size is not None and location.size > LARGEST:
            raise MediaError("too_large", passing=False)
        part = self._settings.directory / f"{secrets.token_hex(16)}{_PART}"
        try:
            async with graph.open(location) as response:
                head, digest = await _write(response, part)
            expected = read_sha256(file.sha256) or location.sha256
            if expected is not None and digest != expected:
                raise MediaError("sha256", passing=True)
            name = f"{part.stem}.{extension_of(head)}"
            await asyncio.to_thread(part.rename, part.with_name(name))
        finally:
            part.unlink(missing_ok=True)
        return name

    async def _give_way(self, file: MediaFile, error: MediaError, lease: Lease) -> None:
        """Try again later, or never."""
        if error.access:
            self._pause(_PAUSE)
            log.warning("media.no_access")
            await self._later(file, lease, code=error.code, seconds=_PAUSE, counts=False)
            return
        self._ration()
        if error.passing and file.attempts + 1 < ATTEMPTS:
            seconds = self._draw.uniform(0.5, 1) * min(1800.0, 15.0 * 2**file.attempts)
            await self._later(file, lease, code=error.code, seconds=seconds, counts=True)
            return
        log.warning("media.given_up", error=error.code)
        await self._ledger.write(
            _fenced, lease, lambda c: settle_failed(c, file.message_id, code=error.code)
        )

    async def _later(
        self, file: MediaFile, lease: Lease, *, code: str, seconds: float, counts: bool
    ) -> None:
        def settle(connection: Connection) -> None:
            due_at = self._ledger.now(connection) + timedelta(seconds=seconds)
            settle_later(connection, file.message_id, code=code, due_at=due_at, counts=counts)

        await self._ledger.write(_fenced, lease, settle)

    def _pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, self._ledger.clock.boot() + seconds)

    def _ration(self) -> None:
        """Count a failure, and stop asking before Meta stops answering."""
        now = self._ledger.clock.boot()
        self._failures.append(now)
        while self._failures and self._failures[0] < now - _WINDOW:
            self._failures.popleft()
        if len(self._failures) >= _FAILURES:
            self._pause(self._failures[0] + _WINDOW - now)


def _due(connection: Connection, ledger: Ledger) -> list[MediaFile]:
    return due_media(connection, now=ledger.now(connection), limit=_AT_ONCE)


def _fenced(connection: Connection, lease: Lease, settle: Callable[[Connection], T]) -> T:
    check_lease(connection, lease)
    return settle(connection)


async def _write(response: httpx.Response, path: Path) -> tuple[bytes, bytes]:
    """Write an answer's body to a file of this user's own; return its first bytes and digest."""
    head, size, digest = b"", 0, sha256()
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        async for part in response.aiter_bytes():
            size += len(part)
            if size > LARGEST:
                raise MediaError("too_large", passing=False)
            if len(head) < _HEAD:
                head += part[:_HEAD]
            digest.update(part)
            await asyncio.to_thread(file.write, part)
        await asyncio.to_thread(_flush, file)
    return head, digest.digest()


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
