"""Group commit: webhooks that arrive together share one commit, and each is answered after it.

One commit runs at a time. What arrives meanwhile waits in a queue that is bounded in number and
in bytes, and goes into the next; while nothing runs, a commit starts at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.errors import ConnectorError, LedgerError
from connector.failpoints import failpoint
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import digest_body, store_webhooks

_log = structlog.get_logger(__name__)
_COMPANY: Final = 0.002
"""Seconds a commit may wait for webhooks that are expected, and for which they are."""
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
        self._writer: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._failing = False
        self._answered_at = float("-inf")
        self._expected = 0
        self._company: asyncio.Future[None] | None = None
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
        failpoint("receive.queued")
        if self._writer is None:
            self._writer = loop.create_task(self._write_groups())
        elif self._company is not None and len(queue) >= self._expected:
            _set(self._company)
        if self._watch is None:
            self._watch = loop.call_later(self._patience, self._refuse_overdue)
        return True

    async def drain(self) -> None:
        """Wait until everything queued is stored or refused."""
        while self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write_groups(self) -> None:
        try:
            while self._queue:
                await self._wait_for_company()
                self._group = self._take_group()
                await self._write_group(self._group)
        finally:
            self._group = []
            self._writer = None

    async def _wait_for_company(self) -> None:
        """Give those who were just answered a moment to come again, if there were several.

        Under load a commit then takes in all of them rather than every other one, which halves
        the commits; a webhook that comes alone never waits.
        """
        loop = asyncio.get_running_loop()
        lately = loop.time() - self._answered_at < _COMPANY
        if not lately or self._expected < 2 or len(self._queue) >= self._expected:
            return
        self._company = loop.create_future()
        timer = loop.call_later(_COMPANY, _set, self._company)
        await self._company
        timer.cancel()
        self._company = None

    async def _write_group(self, group: list[_Item]) -> None:
        try:
            new = await self._ledger.write(_store, self._ledger, group)
            failpoint("receive.after_commit")
        except ConnectorError as error:
            self._note_failure(error)
            _tell(group, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it was, the senders must be answered
            _log.exception("intake.broken")
            _tell(group, LedgerError(f"the ledger failed: {type(error).__name__}"))
            return
        _tell(group, None)
        self._answered_at = asyncio.get_running_loop().time()
        self._expected = min(len(group) + len(self._queue), self._group_items)
        metrics.INTAKE_COMMIT.observe(len(group))
        if self._failing:
            self._failing = False
            _log.info("intake.recovered")
        if new:
            self._on_stored()

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
        if late:
            error = LedgerError("the ledger takes too long")
            self._note_failure(error)
            _tell(late, error)
        waiting = [item for item in self._group if item.done is not None] or self._queue
        self._watch = (
            loop.call_at(waiting[0].offered_at + self._patience, self._refuse_overdue)
            if waiting
            else None
        )

    def _note_failure(self, error: ConnectorError) -> None:
        if not self._failing:
            self._failing = True
            _log.error("intake.failing", error=str(error), remedy=error.remedy)


def _store(connection: Connection, ledger: Ledger, group: list[_Item]) -> int:
    bodies = [(item.digest, item.body) for item in group]
    new = store_webhooks(connection, bodies, now=ledger.now(connection))
    failpoint("receive.before_commit")
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


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
