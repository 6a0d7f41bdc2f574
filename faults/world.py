"""The whole machine in one process: real ledger, recorder and workers, one memory of a CRM.

Nothing moves by itself: each step is a call, and a process dies, freezes or loses its lease when it
is told to. What must hold is checked by ``faults.truth``.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from connector.errors import LeaseLostError
from connector.failpoints import FailpointDeath, arm, disarm
from connector.ledger import schema
from connector.ledger.audit import Scope, audit
from connector.ledger.dead_letters import Filter, retry_dead_letters
from connector.ledger.destinations import register_destinations
from connector.ledger.leases import Lease, claim_lease
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import digest_body, store_webhooks
from connector.record.recorder import Recorder
from connector.record.routing import NumberConfig
from faults.memory import Held, MemoryCrm, TurnedClock
from faults.process import NAME, TUNING, Process, Shape, route, start_process, write_mapping
from faults.said import NUMBER, Text, change, say, webhook
from faults.truth import BrokenPromiseError, check_order

T = TypeVar("T")
_LONG = 0.5
_DEADLY = 0.8
_MANY_TURNS = 14


@dataclass(slots=True)
class World:
    """A ledger, a CRM, and the processes between them."""

    ledger: Ledger
    clock: TurnedClock
    shape: Shape
    folder: Path
    crm: MemoryCrm = field(init=False)
    recorder: Recorder = field(init=False)
    texts: dict[str, Text] = field(default_factory=dict)
    waiting: list[bytes] = field(default_factory=list)
    """Webhooks that WhatsApp has not got rid of yet."""
    holder: Process | None = None
    zombies: list[Process] = field(default_factory=list)
    edition: int = 0
    deleted: set[str] = field(default_factory=set)
    """Keys of message records that somebody deleted in the CRM."""
    behind: float = 0.0
    """Seconds by which the clock was put back: what is due by the clock is that much later."""
    died: int = 0
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _serials: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.crm = MemoryCrm(self.clock, self.shape.by_key)
        self.ledger.transact(register_destinations, {NAME: "memory"})
        self.recorder = Recorder(
            self.ledger,
            portfolio="default",
            numbers={NUMBER: NumberConfig("Vendas", "BR")},
            routes=[route(write_mapping(self.folder, self.edition))],
            time_zone=ZoneInfo("America/Sao_Paulo"),
            max_event_age=timedelta(days=30),
        )

    def close(self) -> None:
        """Close what is open."""
        for process in [self.holder, *self.zombies]:
            if process is not None:
                self.do(process.client.aclose())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        disarm()

    def do(self, work: Awaitable[T]) -> T:
        """Run something to its end."""

        async def run() -> T:
            return await work

        return self.loop.run_until_complete(run())

    # What WhatsApp does.

    def write(self, person: int, *, at: int, count: int = 1) -> None:
        """Let somebody write, ``at`` seconds from now; the webhook is still to be posted."""
        said = []
        for _ in range(count):
            serial = next(self._serials)
            moment = self.clock.now().replace(microsecond=0) + timedelta(seconds=at)
            said.append(Text(f"wamid.{serial}", person, moment, f"[{serial}] said by {person}"))
        self.texts |= {text.wamid: text for text in said}
        self.waiting.append(webhook(person, [say(text) for text in said]))

    def edit(self, wamid: str) -> None:
        """Let the writer change a message."""
        text = self.texts[wamid]
        self.waiting.append(webhook(text.person, [change(text)]))

    def post(self, places: Sequence[int], *, again: bool = False) -> None:
        """Post some of the waiting webhooks in this order; ``again``: they stay waiting, too."""
        bodies = [self.waiting[place % len(self.waiting)] for place in places if self.waiting]
        if not again:
            self.waiting = [body for body in self.waiting if body not in bodies]
        pairs = [(digest_body(b"key", body), body) for body in bodies]
        self.survive(lambda: self.ledger.transact(self._store, pairs))

    def _store(self, connection: Connection, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        store_webhooks(connection, pairs, now=self.ledger.now(connection))

    # What the connector does.

    def record(self, place: str = "") -> None:
        """Record what waits; die at a named place, if one is given."""

        def work() -> None:
            lease = self.ledger.transact(self._claim, "record", f"recorder{next(self._serials)}")
            assert lease is not None  # noqa: S101 - it is given back each time, or has run out
            self.do(self._record(lease))

        self.ledger.transact(_free, "record")
        self.survive(work, place)

    async def _record(self, lease: Lease) -> None:
        while await self.recorder.record_waiting(lease):
            continue

    def deliver(self, faults: Sequence[tuple[str, float]] = (), place: str = "") -> float:
        """Let the holder take one turn, in which writes go wrong in this order."""
        process = self.holder or self.take_over()
        if process is None:
            return 1.0
        process.adapter.faults.clear()
        process.adapter.faults.extend(faults)
        process.adapter.read_faults.clear()
        waits: list[float] = []
        survived = self.survive(lambda: waits.append(self._turn(process)), place)
        if not survived and self.holder is process:
            self._forget(process)
            self.holder = None
        return waits[0] if waits else 1.0

    def _turn(self, process: Process) -> float:
        process.known = max((row.id for row in self.rows()), default=0)
        try:
            return self.do(process.worker.turn(process.held, process.gatekeeper, stop=_never()))
        except LeaseLostError:
            if self.holder is process:
                self.holder = None
            self._forget(process)
            return 0.0

    def _forget(self, process: Process) -> None:
        self.do(process.client.aclose())
        self.zombies = [each for each in self.zombies if each is not process]

    def set_clock(self, seconds: float) -> None:
        """Let somebody set the clock, while a process runs that looks at it now and then."""
        self.ledger.query(self.ledger.now)
        self.clock.set_wrong(seconds)
        self.behind = max(0.0, self.behind - seconds)
        self.ledger.query(self.ledger.now)

    def take_over(self) -> Process | None:
        """Let a new process claim the lease; none if it is still held."""
        owner = f"process{next(self._serials)}"
        since = self.clock.boot()
        lease = self.ledger.transact(self._claim, f"deliver/{NAME}", owner)
        if lease is None:
            return None
        mapping = write_mapping(self.folder, self.edition)
        process = start_process(self.ledger, self.crm, mapping, self.shape, lease, since=since)
        process.adapter.on_freeze = partial(self._while_frozen, process)
        process.adapter.meanwhile = self._record_meanwhile
        process.adapter.before_create = partial(check_order, self.ledger, process)
        self.holder = process
        return process

    async def _record_meanwhile(self) -> None:
        """Let somebody change a message, and everything that waits be recorded."""
        if self.texts:
            self.edit(next(reversed(self.texts)))
        while self.waiting:
            self.post(range(len(self.waiting)))
        self.ledger.transact(_free, "record")
        lease = self.ledger.transact(self._claim, "record", f"recorder{next(self._serials)}")
        assert lease is not None  # noqa: S101 - it was just made free
        await self._record(lease)

    async def _while_frozen(self, frozen: Process, share: float) -> None:
        """Let the lease run out and another process work, while one stands still in a call.

        From a share of 0.5 on, it works for long enough to look up twice and write again; from 0.8
        on it dies of its first write.
        """
        self.crm.let_pass(TUNING.lease + 1)
        if self.holder is frozen:
            self.holder = None
        self.zombies.append(frozen)
        other = self.take_over()
        if other is None:
            return
        if share >= _DEADLY:
            other.adapter.faults.append(("die_after", 0.0))
        for _ in range(_MANY_TURNS if share >= _LONG else 2):
            other.known = max((row.id for row in self.rows()), default=0)
            if not await self._lives(other):
                return
            self.crm.let_pass(1.1 if share >= _LONG else 0.05)

    async def _lives(self, process: Process) -> bool:
        """Let a process take a turn; say whether it lives and holds its lease."""
        try:
            await process.worker.turn(process.held, process.gatekeeper, stop=_never())
        except LeaseLostError:
            return False
        except (FailpointDeath, BaseExceptionGroup) as death:
            _require_death(death)
            self.died += 1
            self.holder = None if self.holder is process else self.holder
            return False
        return True

    def abandon(self) -> None:
        """Let the holder's process stand still for good, or until it is thawed."""
        if self.holder is not None:
            self.zombies.append(self.holder)
            self.holder = None

    def thaw(self) -> None:
        """Let a process that lost its lease long ago take a turn."""
        if self.zombies:
            process = self.zombies.pop()
            self.survive(lambda: self._turn(process))

    def survive(self, work: Any, place: str = "") -> bool:
        """Do something in which the process may die; say whether it lived."""
        try:
            if place:
                arm(f"{place}=die")
            work()
        except (FailpointDeath, BaseExceptionGroup) as death:
            _require_death(death)
            self.died += 1
            return False
        finally:
            disarm()
        return True

    def change_mapping(self) -> None:
        """Let an admin edit the mapping: the processes are started anew."""
        self.edition += 1
        if self.holder is not None:
            self.ledger.transact(_free, f"deliver/{NAME}")
            self._forget(self.holder)
            self.holder = None

    def retry_parked(self) -> int:
        """Let an operator give every dead letter another try."""
        return self.ledger.transact(
            lambda connection: retry_dead_letters(
                connection, Filter(), actor="test", now=self.ledger.now(connection)
            )
        )

    # What is true.

    def settle(self, *, turns: int = 80) -> None:
        """Let everything go well for long enough that all is done."""
        while self.waiting:
            self.post(range(len(self.waiting)))
        self.record()
        for _ in range(turns):
            wait = self.deliver()
            if self.moving() == 0 and not self.crm.late:
                return
            self.crm.let_pass(max(wait, 0.3))
        raise BrokenPromiseError(f"after {turns} turns {self.moving()} deliveries still move")

    def come_to_rest(self) -> None:
        """Let everything go well, give dead letters another try, and let everybody write again."""
        self.crm.let_pass(self.behind)
        self.settle()
        self.crm.let_pass(2)
        for person in sorted({text.person for text in self.texts.values()}):
            self.write(person, at=0)
        self.settle()
        for _ in range(4):
            if not self.retry_parked():
                return
            self.settle()

    def delete(self, record: Held) -> None:
        """Let somebody delete a record in the CRM."""
        record.gone = True
        if record.kind == "message":
            self.deleted.add(record.key)

    def merge_away(self, contact: Held) -> None:
        """Let somebody merge a contact into another, which has none of our keys."""
        contact.merged_into = self.crm.add_stranger(contact).id

    def moving(self) -> int:
        """Return how many deliveries are on their way, and not waiting for a dead letter."""
        rows = self.rows()
        stopped = {
            row.lane_id
            for row in rows
            if row.record == "contact" and row.state == "parked" and row.crm_id is None
        }
        return sum(
            row.state in ("pending", "in_flight") and row.lane_id not in stopped for row in rows
        )

    def rows(self) -> list[Any]:
        """Return all deliveries."""
        return self.ledger.query(
            lambda connection: list(
                connection.execute(select(schema.delivery).order_by(schema.delivery.c.id))
            )
        )

    def difference(self) -> int:
        """Return what the audit can not account for."""
        scopes = {NAME: Scope(numbers=None, record="message")}
        found: int = self.ledger.query(audit, scopes)["difference"]
        return found

    def _claim(self, connection: Connection, name: str, owner: str) -> Lease | None:
        return claim_lease(
            connection,
            name,
            owner=owner,
            now=self.ledger.now(connection),
            life=timedelta(seconds=TUNING.lease),
        )


def _require_death(found: BaseException) -> None:
    """Raise what was caught unless it is a death, or a group with one."""
    if isinstance(found, BaseExceptionGroup) and found.split(FailpointDeath)[0] is None:
        raise found


def _never() -> asyncio.Event:
    return asyncio.Event()


def _free(connection: Connection, name: str) -> None:
    lease = schema.lease
    connection.execute(
        lease.update().where(lease.c.name == name).values(owner=None, expires_at=None)
    )
