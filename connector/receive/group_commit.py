"""Group commit: webhooks that arrive together share one commit, and each is answered after it.

One commit runs at a time. What arrives meanwhile waits in a queue of bounded length and goes into
the next; while nothing runs and nobody else is expected, a commit starts at once.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from connector import metrics
from connector.errors import ConnectorError, LedgerError
from connector.failpoints import failpoint
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import digest_body, store_webhooks

if TYPE_CHECKING:
    import psycopg  # loaded only by those who use PostgreSQL

_log = structlog.get_logger(__name__)
_COMPANY: Final = 0.002
"""Seconds a commit may wait for webhooks that are expected, and for which they are."""
_LATELY: Final = 5.0
"""Seconds for which a failure is held against a queue that was given nothing since."""
_PATIENCE: Final = 4.5
"""Seconds after which a webhook that is not stored yet is refused; Meta sends it again."""

Done = Callable[[ConnectorError | None], None]
"""Called once: with nothing after the commit, or with why there was none."""


@dataclass(slots=True, eq=False)
class _Item:
    digest: bytes
    body: bytes
    offered_at: float
    done: Done | None


class GroupCommit:
    """The queue between requests and the ledger; belongs to one event loop."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        on_stored: Callable[[], object] = lambda: None,
        capacity: int = 512,
        group_items: int = 64,
        group_bytes: int = 4 * 1024 * 1024,
        patience: float = _PATIENCE,
    ) -> None:
        """Store into ``ledger`` and call ``on_stored`` after every commit that brought rows.

        At most ``capacity`` webhooks wait. A commit takes at most ``group_items`` of them, and no
        more than ``group_bytes`` unless one alone is larger. ``patience`` is in seconds.
        """
        self._ledger = ledger
        self._key = ledger.key
        self._on_stored = on_stored
        self._capacity = capacity
        self._group_items = group_items
        self._group_bytes = group_bytes
        self._patience = patience
        self._queue: deque[_Item] = deque()
        self._group: list[_Item] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._watch: asyncio.TimerHandle | None = None
        self._failing = False
        self._failed_at = float("-inf")
        self._answered_at = float("-inf")
        self._expected = 0
        self._company: asyncio.TimerHandle | None = None
        metrics.INTAKE_QUEUE.set_function(lambda: len(self._queue))

    @property
    def fullness(self) -> float:
        """How full the queue is, from 0 to 1."""
        return len(self._queue) / self._capacity

    @property
    def full(self) -> bool:
        """Whether a webhook offered now would be refused."""
        return len(self._queue) >= self._capacity

    @property
    def refusing(self) -> bool:
        """Whether the last webhooks could not be stored; after a while others may try."""
        lately = asyncio.get_running_loop().time() - self._failed_at < _LATELY
        return self._failing and lately

    @property
    def committing(self) -> bool:
        """Whether a commit is under way."""
        return bool(self._group)

    def offer(self, body: bytes, done: Done) -> bool:
        """Queue a body and call ``done`` after its commit; not while the queue is full."""
        queue = self._queue
        if len(queue) >= self._capacity:
            return False
        loop = asyncio.get_running_loop()
        queue.append(_Item(digest_body(self._key, body), body, loop.time(), done))
        if (
            self._watch is None
        ):  # also while a commit whose webhooks were refused is still under way
            self._watch = loop.call_later(self._patience, self._refuse_overdue)
        if self._idle.is_set():
            self._idle.clear()
            loop.call_soon(self._begin_group)
        elif self._company is not None and len(queue) >= self._expected:
            self._company.cancel()
            self._write_group()
        failpoint("receive.queued")
        return True

    async def drain(self) -> None:
        """Wait until everything queued is stored or refused."""
        await self._idle.wait()

    def _begin_group(self) -> None:
        """Write what is queued, but give those who were just answered a moment to come again.

        Under load a commit then takes in all of them rather than every other one, which halves
        the commits; a webhook that comes alone never waits.
        """
        if not self._queue:
            self._idle.set()
            return
        loop = asyncio.get_running_loop()
        lately = loop.time() - self._answered_at < _COMPANY
        if lately and len(self._queue) < self._expected:
            self._company = loop.call_later(_COMPANY, self._write_group)
        else:
            self._write_group()

    def _write_group(self) -> None:
        self._company = None
        if not self._queue:
            self._idle.set()
            return
        group = self._group = self._take_group()
        bodies = [(item.digest, item.body) for item in group]
        self._ledger.run_soon(lambda: _store(self._ledger, bodies), self._end_group)

    def _end_group(self, ended: int | Exception) -> None:
        group, self._group = self._group, []
        if isinstance(ended, Exception):
            error = self._note_failure(ended)
            _tell(group, error)
        else:
            _tell(group, None)
            metrics.INTAKE_COMMIT.observe(len(group))
            if self._failing:
                self._failing = False
                _log.info("intake.recovered")
            if ended:
                self._on_stored()
        self._answered_at = asyncio.get_running_loop().time()
        self._expected = min(len(group) + len(self._queue), self._group_items)
        self._begin_group()

    def _take_group(self) -> list[_Item]:
        queue = self._queue
        group = [queue.popleft()]
        room = self._group_bytes - len(group[0].body)
        while queue and len(group) < self._group_items:
            room -= len(queue[0].body)
            if room < 0:
                break
            group.append(queue.popleft())
        return group

    def _refuse_overdue(self) -> None:
        """Refuse what waited too long, though a commit under way may still store it."""
        loop = asyncio.get_running_loop()
        overdue = loop.time() - self._patience
        late = [item for item in self._group if item.offered_at <= overdue]
        while self._queue and self._queue[0].offered_at <= overdue:
            late.append(self._queue.popleft())
        if any(item.done is not None for item in late):
            _tell(late, self._note_failure(LedgerError("the ledger takes too long")))
        waiting = [item for item in self._group if item.done is not None] or self._queue
        self._watch = (
            loop.call_at(waiting[0].offered_at + self._patience, self._refuse_overdue)
            if waiting
            else None
        )

    def _note_failure(self, error: Exception) -> ConnectorError:
        """Say once that something is wrong, and return it as what the senders are told."""
        self._failed_at = asyncio.get_running_loop().time()
        if not isinstance(error, ConnectorError):
            self._failing = True
            _log.error("intake.broken", exc_info=error)
            return LedgerError(f"the ledger failed: {type(error).__name__}")
        if not self._failing:
            self._failing = True
            _log.error("intake.failing", error=str(error), remedy=error.remedy)
        return error


def _store(ledger: Ledger, bodies: list[tuple[bytes, bytes]]) -> int:
    """Store a group, in the ledger's thread; return how many of it are new."""

    def store(connection: "sqlite3.Connection | psycopg.Connection") -> int:
        failpoint("receive.before_commit")
        now = None if ledger.server_time else ledger.clock.now()
        return store_webhooks(connection, bodies, now=now)

    new = ledger.execute_alone(store)
    failpoint("receive.after_commit")
    return new


def _tell(items: list[_Item], error: ConnectorError | None) -> None:
    for item in items:
        done, item.done = item.done, None
        if done is None:
            continue
        try:
            done(error)
        except Exception:  # noqa: BLE001 - the others must be answered all the same
            _log.exception("intake.unanswered")
