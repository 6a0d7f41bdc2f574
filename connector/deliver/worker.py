"""The delivery worker of one destination: probe, flush, rest, wait for company."""

import asyncio
import random
from collections.abc import Collection
from datetime import datetime, timedelta
from time import perf_counter

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.config.models import TuningSettings
from connector.deliver.backoff import company_wait, lane_backoff
from connector.deliver.caution import Caution
from connector.deliver.claim import LANES_AT_ONCE, Claim, claim_work
from connector.deliver.continuation import continue_conversations
from connector.deliver.destination import Destination
from connector.deliver.doubt import resolve_doubt
from connector.deliver.link import Search
from connector.deliver.patience import patience
from connector.deliver.probe import POLL, Probe
from connector.deliver.restored import Aftermath
from connector.deliver.send import Sender
from connector.deliver.standing import DestinationStoppedError, Gatekeeper
from connector.deliver.waves import Waves
from connector.errors import CrmError
from connector.failpoints import failpoint
from connector.ledger import destinations
from connector.ledger.destinations import load_standing
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import (
    DueLane,
    LaneHead,
    LaneRest,
    lane_heads,
    lock_lanes,
    next_due_at,
    rest_lanes,
    stopped_lanes,
    wake_sleepers,
)
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.restoration import Restoration, load_restoration
from connector.ledger.succession import take_over
from connector.model.record import RecordKind
from connector.waiting import wait_for_any

log = structlog.get_logger()


class Worker:
    """Delivers what one destination's lanes hold, for as long as the lease is held."""

    def __init__(
        self,
        ledger: Ledger,
        destination: Destination,
        *,
        tuning: TuningSettings,
        draw: random.Random | None = None,
    ) -> None:
        self._ledger = ledger
        self._destination = destination
        self._tuning = tuning
        self._draw = draw or random.Random()  # noqa: S311 - jitter, not a secret
        self._probe = Probe(ledger, destination, tuning)
        self._patience = patience(ledger.clocks, tuning)
        self._caution = Caution(ledger)
        self._search = Search(destination, ledger.clock)
        self._last_flush = float("-inf")
        self._more = False
        self._taken_over: int | None = None
        """The epoch under which this worker sorted out what the last holder left."""
        self._restoration: Restoration | None = None

    async def run(self, held: HeldLease, *, wake: asyncio.Event, stop: asyncio.Event) -> None:
        """Deliver until ``stop``. ``wake`` says that something was put on a lane."""
        gatekeeper = self.gatekeeper(held)
        while not stop.is_set():
            wake.clear()
            wait = await self.turn(held, gatekeeper, stop=stop)
            if wait > 0:
                await wait_for_any(wake, stop, seconds=wait)

    def gatekeeper(self, held: HeldLease) -> Gatekeeper:
        """Return what keeps the destination's standing under a lease."""
        return Gatekeeper(
            self._ledger,
            self._destination.name,
            lease=held.lease,
            breaker_min=self._tuning.breaker_min,
            breaker_max=self._tuning.breaker_max,
        )

    async def turn(self, held: HeldLease, gatekeeper: Gatekeeper, *, stop: asyncio.Event) -> float:
        """Probe or flush once; return the seconds until there is reason to look again.

        The first turn under a lease that may work sorts out what the last holder left.
        """
        standing = await self._ledger.read(load_standing, self._destination.name)
        gatekeeper.outages = standing.outages
        wait = await self._probe.admit(standing, gatekeeper)
        if wait is not None:
            return wait
        if self._taken_over != held.lease.epoch:
            await self._take_over(held)
            if held.lease.after_death:
                self._caution.begin()
            self._taken_over = held.lease.epoch
        await self._wait_for_company(stop)
        return await self._step(held, gatekeeper, half_open=bool(standing.outages))

    async def _take_over(self, held: HeldLease) -> None:
        """Sort out what the last holder left, and give a changed mapping's refusals another try."""

        def work(connection: Connection) -> tuple[dict[str, int], bool]:
            check_lease(connection, held.lease)
            self._restoration = load_restoration(connection)
            now = self._ledger.now(connection)
            counts = take_over(
                connection,
                self._destination.name,
                repeatable=self._destination.repeatable,
                now=now,
            )
            remapped = destinations.adopt_mapping(
                connection,
                self._destination.name,
                digest=self._destination.mapping.digest,
                now=now,
            )
            counts["remapped"] = remapped or 0
            counts["asleep"] = wake_sleepers(connection, self._destination.name, now=now)
            failpoint("takeover.before_commit")
            return counts, remapped is not None

        counts, changed = await self._ledger.write(work)
        metrics.LANES_ASLEEP.inc(counts["asleep"])
        log.info("destination.taken_over", destination=self._destination.name, **counts)
        if changed:
            log.warning(
                "mapping.changed",
                destination=self._destination.name,
                remedy=f"connector resync --destination {self._destination.name} --dry-run",
            )

    async def _step(self, held: HeldLease, gatekeeper: Gatekeeper, *, half_open: bool) -> float:
        """Flush once; return the seconds until there is reason to look again."""
        started = perf_counter()
        claim = await self._ledger.read(
            claim_work,
            self._ledger,
            self._destination.name,
            repeatable=self._destination.repeatable,
            repeatable_for=self._repeatable_for(),
            on_deleted=self._destination.on_deleted,
            patience=self._patience,
            lanes_at_once=1 if half_open else LANES_AT_ONCE,
        )
        failpoint("claim.read")
        if not claim.lanes:
            self._more = False
            self._caution.end()
            return await self._until_next_due(claim.now)
        self._caution.take_up(claim)
        sender = Sender(
            self._ledger,
            self._destination,
            held=held,
            gatekeeper=gatekeeper,
            tuning=self._tuning,
        )
        waves = Waves(
            self._ledger,
            self._destination,
            held=held,
            sender=sender,
            search=self._search,
            caution=self._caution,
        )
        self._last_flush = self._ledger.clock.boot()
        self._more = claim.full
        stopped = False
        try:
            await resolve_doubt(
                self._ledger, self._destination, claim, held=held, tuning=self._tuning
            )
            await continue_conversations(self._ledger, self._destination, claim, held=held)
            if self._restoration is not None:
                await Aftermath(self._ledger, self._destination, self._restoration, held=held).heed(
                    claim
                )
            links = await waves.write_contacts(claim)
            await waves.write_messages(claim, links)
        except DestinationStoppedError:
            stopped = True
        except CrmError as error:
            stopped = True
            await gatekeeper.note_failure(error)
        await self._probe.heed_suspects(waves.schema_suspects, gatekeeper, held)
        await self._rest(claim, held, failed=waves.failed_lanes)
        if not (stopped or claim.full):
            self._caution.end()
        log.info(
            "delivery.flushed",
            destination=self._destination.name,
            lanes=len(claim.lanes),
            rows=sum(len(plan.messages) for plan in claim.plans),
            stopped=stopped,
            ms=round((perf_counter() - started) * 1000),
        )
        if stopped:
            wait = self._tuning.backoff_min * 2 ** max(0, gatekeeper.failures - 1)
            return min(wait, self._tuning.breaker_min) if gatekeeper.failures else 0.0
        return 0.0

    def _repeatable_for(self) -> dict[RecordKind, timedelta]:
        """Return until how long after it was first sent a create may start to go again."""
        longest = timedelta(seconds=self._tuning.send_gate + self._tuning.request_timeout)
        spans = self._destination.repeatable_for
        return {kind: span - longest for kind, span in spans.items()}

    async def _rest(self, claim: Claim, held: HeldLease, *, failed: Collection[int]) -> None:
        """Write down when each claimed lane is due again. The lane is locked, then looked at."""

        def work(connection: Connection) -> None:
            check_lease(connection, held.lease)
            ids = [lane.id for lane in claim.lanes]
            lock_lanes(connection, ids)
            now = self._ledger.now(connection)
            heads = lane_heads(connection, ids)
            stopped = stopped_lanes(connection, list(heads))
            rests = []
            for lane in claim.lanes:
                head = heads.get(lane.id)
                if head is not None and lane.id in stopped and head.state != "in_flight":
                    head = None
                rests.append(self._rest_of(lane, head, failed=lane.id in failed, now=now))
            rest_lanes(connection, rests)
            destinations.save_day_use(
                connection,
                self._destination.name,
                day=now.date(),
                used=round(self._destination.client.budgets.spent_today()),
            )
            failpoint("rest.before_commit")

        await self._ledger.write(work)

    def _rest_of(
        self, lane: DueLane, head: LaneHead | None, *, failed: bool, now: datetime
    ) -> LaneRest:
        """Decide when a lane is due again; one without a head has nothing to wait for."""
        if head is None:
            return LaneRest(lane.id, None, 0)
        if failed:
            wait = lane_backoff(
                lane.failures + 1,
                shortest=self._tuning.backoff_min,
                longest=self._tuning.backoff_max,
                draw=self._draw,
            )
            return LaneRest(lane.id, now + wait, lane.failures + 1)
        if head.state == "in_flight":
            due = head.verify_at or now
            return LaneRest(
                lane.id, now + self._patience.left(due, head.lookups, now), lane.failures
            )
        return LaneRest(lane.id, now, 0)

    async def _until_next_due(self, now: datetime) -> float:
        due = await self._ledger.read(next_due_at, self._destination.name)
        if due is None:
            return POLL
        return min(POLL, max(0.05, (due - now).total_seconds()))

    async def _wait_for_company(self, stop: asyncio.Event) -> None:
        """Let changes wait for others to share their calls: longer while calls are scarce.

        A backlog does not wait, and neither does the first change after a quiet time.
        """
        if self._more:
            return
        wait = company_wait(
            self._destination.batch_wait.total_seconds(),
            self._destination.client.budgets.scarcity(),
        )
        since = self._ledger.clock.boot() - self._last_flush
        if since < wait:
            await wait_for_any(stop, seconds=wait - since)
