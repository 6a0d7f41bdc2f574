"""The recorder: takes waiting webhooks into the ledger, for as long as it holds the lease.

Bodies are parsed before a transaction is opened; a transaction takes up to ``AT_ONCE`` events.
A webhook that can not be recorded though the ledger is well is set aside with its error, so that
it holds up nobody; ``connector replay`` tries it again after a fix.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.errors import LeaseLostError, LedgerError, LedgerRefusedError
from connector.failpoints import failpoint
from connector.ledger.keeper import HeldLease
from connector.ledger.leases import Lease, check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import (
    SettledWebhook,
    WaitingWebhook,
    settle_webhooks,
    waiting_webhooks,
)
from connector.record.batch import Batch, cut
from connector.record.recording import RecordReport, record
from connector.record.routing import Blocklist, NumberConfig, Route, Rules
from connector.waiting import wait_for_any

log = structlog.get_logger()

AT_ONCE: Final = 500
"""Events of one transaction, and webhooks of one look."""
_BYTES_AT_ONCE: Final = 4 * 1024 * 1024
POLL: Final = 1.0
"""Seconds after which webhooks that another process stored are noticed."""


class Recorder:
    """Turns stored webhooks into contacts, messages and work on lanes."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        portfolio: str,
        numbers: Mapping[str, NumberConfig],
        routes: Sequence[Route],
        time_zone: ZoneInfo,
        max_event_age: timedelta,
        block: Iterable[str] = (),
        fetch_media: bool = False,
        on_wanted: Callable[[frozenset[str]], None] | None = None,
    ) -> None:
        """``numbers`` is by WhatsApp's phone_number_id; ``block`` as in ``[privacy]``.

        ``fetch_media`` says whether the files of messages are wanted, or only noted.
        ``on_wanted`` is told, after a commit, the destinations that have work now.
        """
        self._ledger = ledger
        self._numbers = dict(numbers)
        self._rules = Rules(
            portfolio=portfolio,
            routes=tuple(routes),
            time_zone=time_zone,
            max_event_age=max_event_age,
            block=Blocklist(block),
            keyed_hash=ledger.keyed_hash,
            fetch_media=fetch_media,
        )
        self._on_wanted = on_wanted

    async def run(self, held: HeldLease, *, wake: asyncio.Event, stop: asyncio.Event) -> None:
        """Record until ``stop``. ``wake`` says that a webhook was stored."""
        while not stop.is_set():
            wake.clear()
            if not await self.record_waiting(held.lease):
                await wait_for_any(wake, stop, seconds=POLL)

    async def record_waiting(self, lease: Lease) -> int:
        """Record the webhooks that wait now, up to a limit; return how many are done with."""
        webhooks = await self._ledger.read(
            waiting_webhooks, limit=AT_ONCE, max_bytes=_BYTES_AT_ONCE
        )
        if not webhooks:
            return 0
        try:
            return await self._record(webhooks, lease)
        except LeaseLostError:
            raise
        except Exception as error:
            if not _is_about_content(error):
                raise
            log.warning("record.refused", webhooks=len(webhooks), error=type(error).__name__)
            return await self._record_one_by_one(webhooks, lease, cause=error)

    async def _record(self, webhooks: Sequence[WaitingWebhook], lease: Lease) -> int:
        done = 0
        for batch in await asyncio.to_thread(self.prepare, webhooks):
            report = await self._ledger.write(self.record_batch, batch, lease)
            failpoint("record.after_commit")
            for leavings, kept in report.kept.items():
                leavings.kept += kept  # counted where the webhook ends, which may be later
            self._tell(report)
            done += report.webhooks
        return done

    def prepare(self, webhooks: Iterable[WaitingWebhook]) -> list[Batch]:
        """Parse webhooks and cut them into what one transaction takes."""
        keyed_hash = self._ledger.keyed_hash
        return list(
            cut(
                webhooks,
                numbers=self._numbers,
                hash_wamid=lambda wamid: keyed_hash(f"wamid|{wamid}"),
                at_most=AT_ONCE,
            )
        )

    def record_batch(self, connection: Connection, batch: Batch, lease: Lease) -> RecordReport:
        """Record one batch in one transaction, fenced by the lease."""
        check_lease(connection, lease)
        failpoint("record.begun")
        report = record(connection, batch, self._rules, now=self._ledger.now(connection))
        failpoint("record.before_commit")
        return report

    async def _record_one_by_one(
        self, webhooks: Sequence[WaitingWebhook], lease: Lease, *, cause: Exception
    ) -> int:
        """Record what can be recorded, and set aside what can not.

        If nothing can, the trouble is ours and not the webhooks': the cause is raised again.
        """
        refused: list[SettledWebhook] = []
        for webhook in webhooks:
            try:
                await self._record([webhook], lease)
            except LeaseLostError:
                raise
            except Exception as error:
                if not _is_about_content(error):
                    raise
                log.error("record.set_aside", webhook=webhook.id, error=type(error).__name__)
                refused.append(
                    SettledWebhook(
                        webhook.id,
                        kept_raw={"unparsable": 1},
                        error=f"could not be recorded: {type(error).__name__}",
                    )
                )
        if len(refused) == len(webhooks) > 1:
            raise cause
        await self._ledger.write(self._set_aside, refused, lease)
        return len(webhooks)

    def _set_aside(
        self, connection: Connection, refused: Sequence[SettledWebhook], lease: Lease
    ) -> None:
        check_lease(connection, lease)
        settle_webhooks(connection, refused, now=self._ledger.now(connection))

    def _tell(self, report: RecordReport) -> None:
        for (field, result), count in report.elements.items():
            metrics.WEBHOOK_ELEMENTS.labels(field, result).inc(count)
        for lag in report.lags:
            metrics.EVENT_LAG.observe(lag)
        for number, at in report.last_received.items():
            metrics.WEBHOOK_LAST.labels(number).set(at.timestamp())
        if self._on_wanted is not None and report.destinations:
            self._on_wanted(frozenset(report.destinations))


def _is_about_content(error: Exception) -> bool:
    """Say whether an error is what a webhook holds, not the state of the ledger."""
    return isinstance(error, LedgerRefusedError) or not isinstance(error, LedgerError)
