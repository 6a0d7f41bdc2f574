"""begin -> send -> settle, for the records of one object."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.config.models import TuningSettings
from connector.crm.adapter import FixesBodies
from connector.crm.batch import send_in_batches
from connector.crm.gate import gate
from connector.deliver.destination import Destination
from connector.deliver.following import follow_contacts
from connector.deliver.patience import quiet_wait
from connector.deliver.settlement import Item, Settlement, settle_batch, write_settlement
from connector.deliver.standing import DestinationStoppedError, Gatekeeper
from connector.errors import CrmRejectedError
from connector.failpoints import failpoint
from connector.ledger import deliveries
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import lock_lanes
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger
from connector.model.contact import Contact
from connector.model.record import CrmObject, RecordKind

log = structlog.get_logger()


class Sender:
    """Writes rendered records of one destination, each write intended, gated and settled."""

    def __init__(
        self,
        ledger: Ledger,
        destination: Destination,
        *,
        held: HeldLease,
        gatekeeper: Gatekeeper,
        tuning: TuningSettings,
    ) -> None:
        self._ledger = ledger
        self._destination = destination
        self._held = held
        self._gatekeeper = gatekeeper
        self._tuning = tuning

    async def send(
        self, obj: CrmObject, items: Sequence[Item], *, people: Mapping[int, Contact]
    ) -> Settlement:
        """Write records that all have a ``crm_id`` or all have none; return what became of them.

        ``people`` holds the contacts by id, where it is contacts that are written.
        Where one is still to be written afterwards, those after it in its lane are not sent.
        Raises ``DestinationStoppedError``, after settling, if the destination is gated or paused.
        """
        total = Settlement()
        size = self._destination.limits.upsert[obj.name]
        step = size * self._destination.limits.concurrency
        for start in range(0, len(items), step):
            free = [
                item
                for item in items[start : start + step]
                if item.row.lane_id not in total.held_lanes
            ]
            if not free:
                continue
            part = await self._send_part(obj, free, size=size, people=people)
            total.failed_lanes |= part.failed_lanes
            total.held_lanes |= part.held_lanes
            total.tally += part.tally
            total.schema_suspects |= part.schema_suspects
        return total

    async def _send_part(
        self, obj: CrmObject, items: Sequence[Item], *, size: int, people: Mapping[int, Contact]
    ) -> Settlement:
        linked = items[0].record.crm_id is not None
        repeatable = self._destination.may_repeat(obj, linked=linked)
        if not linked and obj.name in self._destination.limits.repeatable_for:
            items = [self._with_body(obj, item) for item in items]
        await self._destination.client.budgets.wait_for(
            self._destination.expected_draws(obj, len(items))
        )
        longest = self._tuning.send_gate + self._tuning.request_timeout
        await self._held.ensure(longest)
        boot = self._ledger.clock.boot()
        begun = await self._ledger.write(self._begin, items)
        failpoint("begin.after_commit")
        sending = [item for item in items if item.row.id in begun]
        if not sending:
            return Settlement()
        # A write that can be repeated may start as long as the lease is ours; one that can not must
        # start while its intent is fresh, since the next holder counts the quiet period from it.
        deadline = self._held.trusted_until if repeatable else boot + self._tuning.send_gate
        with gate(deadline, self._ledger.clock):
            outcomes = await send_in_batches(
                [item.record for item in sending],
                size,
                lambda records: self._destination.adapter.upsert(obj, records),
                concurrency=self._destination.limits.concurrency,
            )
        record = sending[0].row.record
        now = self._ledger.clock.now()
        settlement = settle_batch(sending, outcomes, repeatable=repeatable, now=now)
        await follow_contacts(self._destination, people, settlement, now=now)
        await asyncio.shield(self._settle(settlement, sending, record))
        failpoint("settle.after_commit")
        self._count(settlement, record)
        await self._judge(settlement)
        return settlement

    def _with_body(self, obj: CrmObject, item: Item) -> Item:
        """Fix what a create sends: in doubt, what it sent before.

        If that differs from what it would send today, the row is compared again once it is written.
        """
        adapter = cast("FixesBodies", self._destination.adapter)
        try:
            body = adapter.write_body(obj, item.record)
        except CrmRejectedError:
            return item  # the adapter says the same when it is to send it
        sent = item.row.sent_body if item.row.state == "in_flight" else None
        if sent is None or sent == body:
            return replace(item, record=replace(item.record, body=body))
        return Item(replace(item.row, generation=0), replace(item.record, body=sent), "")

    def _begin(self, connection: Connection, items: Sequence[Item]) -> set[int]:
        check_lease(connection, self._held.lease)
        lock_lanes(connection, {item.row.lane_id for item in items})
        now = self._ledger.now(connection)
        begun = deliveries.begin(
            connection,
            [item.row.id for item in items],
            now=now,
            verify_at=now + quiet_wait(self._tuning),
            bodies={
                item.row.id: item.record.body for item in items if item.record.body is not None
            },
        )
        failpoint("begin.before_commit")
        return begun

    async def _settle(
        self, settlement: Settlement, items: Sequence[Item], record: RecordKind
    ) -> None:
        def settle(connection: Connection) -> None:
            check_lease(connection, self._held.lease)
            lock_lanes(connection, {item.row.lane_id for item in items})
            write_settlement(
                connection,
                settlement,
                destination=self._destination.name,
                record=record,
                now=self._ledger.now(connection),
            )
            failpoint("settle.before_commit")

        await self._ledger.write(settle)

    async def _judge(self, settlement: Settlement) -> None:
        if settlement.good:
            await self._gatekeeper.note_answer()
        if settlement.cause is not None:
            stopped = await self._gatekeeper.note_failure(settlement.cause)
            if stopped or not settlement.good:
                raise DestinationStoppedError

    def _count(self, settlement: Settlement, record: RecordKind) -> None:
        name = self._destination.name
        for outcome, count in settlement.tally.items():
            metrics.DELIVERY_OUTCOMES.labels(name, record, outcome).inc(count)
        for row in settlement.parked:
            metrics.DELIVERY_PARKED.labels(name, row.code).inc()
        if settlement.relinked:
            metrics.RELINKED.labels(name).inc(settlement.relinked)
        latency = metrics.DELIVERY_LATENCY.labels(name)
        for seconds in settlement.latencies:
            latency.observe(max(0.0, seconds))
