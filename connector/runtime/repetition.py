"""``connector replay``: stored webhooks are recorded once more, after something was mended.

Recording is idempotent, so that nothing is doubled. Whoever holds the role does it: a running
daemon or, where the role is free, this process.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from connector.config.models import Config
from connector.ledger.keeper import HeldLease, hold
from connector.ledger.ledger import Ledger
from connector.ledger.runs import note_command
from connector.ledger.webhooks import count_waiting, newest_webhook, reopen_webhooks
from connector.runtime.actor import actor
from connector.runtime.wiring import Build, build_recorder, process_name

_LOOK_EVERY = 0.2

OnProgress = Callable[[int, int], None]
"""Called with how many are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to."""

    webhooks: int
    by_daemon: bool
    """Whether another process recorded them, or some of them."""


async def replay(
    config: Config,
    ledger: Ledger,
    *,
    since: datetime | None,
    on_progress: OnProgress = lambda _done, _all: None,
) -> Replayed:
    """Reopen the webhooks received since then, or all, and return once they are recorded."""
    reopened, last = await ledger.write(_reopen, ledger, since=since, by=actor())
    recorder = build_recorder(Build.of(config, ledger))
    stop = asyncio.Event()
    own = 0

    async def record(held: HeldLease) -> None:
        nonlocal own
        while done := await recorder.record_waiting(held.lease):
            own += done
        stop.set()

    async def watch() -> None:
        while not stop.is_set():
            left = await ledger.read(count_waiting, up_to=last)
            on_progress(max(reopened - left, 0), reopened)
            if not left:
                stop.set()
            await asyncio.sleep(_LOOK_EVERY)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        group.create_task(
            hold(
                ledger,
                "record",
                owner=process_name(),
                life=config.tuning.lease,
                stop=stop,
                body=record,
            )
        )
    on_progress(reopened, reopened)
    return Replayed(reopened, by_daemon=own < reopened)


def _reopen(
    connection: Connection, ledger: Ledger, *, since: datetime | None, by: str
) -> tuple[int, int]:
    reopened = reopen_webhooks(connection, since=since)
    note_command(
        connection,
        "replay",
        actor=by,
        now=ledger.now(connection),
        counts={"webhooks": reopened, "since": since.isoformat() if since else None},
    )
    return reopened, newest_webhook(connection)
