"""Dropping what is older than ``[privacy] retention``, in small transactions."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from connector.ledger.retention import (
    OldMessages,
    drop_bodies,
    drop_messages,
    message_numbers,
    old_messages,
)
from connector.ledger.runs import forget_ticks
from connector.reconcile.errands import Ending, Errand, Snapshot

JOB: Final = "retention"
_AT_ONCE: Final = 500
_TICKS: Final = timedelta(days=90)
"""How long the runs of the schedule are remembered."""


class Retention:
    """Carries out one run of the job ``retention``."""

    def __init__(self, errand: Errand, *, keep: timedelta | None, media: Path) -> None:
        self._errand = errand
        self._keep = keep
        self._media = media
        self._cursor: dict[str, Any] = dict(errand.run.cursor)
        self._counts = {"webhooks": 0, "messages": 0, "files": 0} | dict(errand.run.counts)

    async def carry_out(self) -> Ending:
        """Drop everything that is too old, from where the run was left."""
        ledger = self._errand.ledger
        now = await ledger.read(ledger.now)
        if self._keep is not None:
            self._cursor.setdefault("before", (now - self._keep).isoformat())
            before = datetime.fromisoformat(self._cursor["before"])
            await self._drop_webhooks(before)
            for number in await ledger.read(message_numbers):
                await self._drop_messages(number, before)
        await self._errand.write(partial(forget_ticks, before=now - _TICKS))
        return Ending("done", self._counts)

    async def _drop_webhooks(self, before: datetime) -> None:
        while (after := self._cursor.setdefault("webhook", 0)) is not None:
            await self._save(partial(self._drop_some_bodies, before=before, after=after))

    def _drop_some_bodies(self, connection: Connection, *, before: datetime, after: int) -> None:
        dropped, following = drop_bodies(connection, before=before, after=after, limit=_AT_ONCE)
        self._counts["webhooks"] += dropped
        self._cursor["webhook"] = following

    async def _drop_messages(self, number: str, before: datetime) -> None:
        after = None
        while True:
            found = await self._errand.ledger.read(
                old_messages, number, before=before, after=after, limit=_AT_ONCE
            )
            await asyncio.to_thread(self._unlink, found.files)
            await self._save(partial(self._drop_some_messages, found=found))
            if found.following is None:
                return
            after = found.following

    def _unlink(self, names: Sequence[str]) -> None:
        """Delete files; the names are our own, and lead nowhere else."""
        for name in names:
            (self._media / Path(name).name).unlink(missing_ok=True)

    def _drop_some_messages(self, connection: Connection, *, found: OldMessages) -> None:
        now = self._errand.ledger.now(connection)
        self._counts["messages"] += drop_messages(connection, found.ids, now=now)
        self._counts["files"] += len(found.files)

    async def _save(self, along: Any) -> None:
        await self._errand.save(self._snapshot, along=along)

    def _snapshot(self) -> Snapshot:
        return self._cursor, self._counts


async def retain(errand: Errand, *, keep: timedelta | None, media: Path) -> Ending:
    """Carry out a run of ``retention``; ``keep`` is ``None`` where everything is kept for ever."""
    return await Retention(errand, keep=keep, media=media).carry_out()
