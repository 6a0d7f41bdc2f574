"""Many hosts on one PostgreSQL: who takes over, who is fenced, and one contact for each person.

Two receivers are told of each person at the same moment, in two messages that know the person by
other identifiers, while whoever delivers is killed, or stands still past its lease.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import Connection, func, select

from connector.ledger import schema
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.runtime.trial import TrialError
from connector.sandbox.conversations import NUMBERS
from connector.sandbox.envelopes import (
    Person,
    Said,
    make_text,
    make_wamid,
    make_webhook,
    messages_change,
    write_message,
)
from connector.sandbox.sender import send
from connector.sandbox.traffic import ExpectedContact, ExpectedMessage
from faults.campaign import TUNING, Campaign, Plan
from faults.hosts import Host
from faults.kinds import KINDS
from faults.leases import lease_of
from faults.report import bound

_AT_ONCE: Final = 8
_POLL: Final = 1.0
"""Seconds between two looks of a process at a lease that is not its own."""


@dataclass(frozen=True, slots=True)
class RacePlan:
    """What is to be done."""

    ledger_url: str
    people: int = 2000
    kills: int = 10
    pauses: int = 5
    seed: int = 1
    receivers: int = 2
    workers: int = 3
    kind: str = "lookup"


@dataclass(slots=True)
class RaceReport:
    """What came of it."""

    people: int
    hosts: int
    seconds: float = 0.0
    takeovers: list[float] = field(default_factory=list)
    """Seconds from the death of a holder to the next one's claim."""
    kills: int = 0
    pauses: int = 0
    fenced: int = 0
    """Hosts that stood still past their lease, went on, and found that it was lost."""
    contacts: int = 0
    """In the ledger."""
    doubled: int = 0
    missing: int = 0
    reordered: int = 0
    difference: int = 0

    @property
    def clean(self) -> bool:
        """Whether every person is there once, with both messages, and takeovers were in time."""
        late = any(seconds > TUNING["lease"] + 2 * _POLL for seconds in self.takeovers)
        bad = (self.doubled, self.missing, self.difference, self.contacts - self.people)
        return not any(bad) and not late and self.fenced == self.pauses

    def lines(self) -> list[str]:
        """Return the report as people read it."""
        limit = bound(self.doubled, self.people)
        sure = f", at most {limit:.3%} with 95 % certainty" if limit is not None else ""
        takeovers = sorted(self.takeovers) or [0.0]
        what = {
            "doubled": f"{self.doubled} people or messages in the CRM{sure}",
            "missing": str(self.missing),
            "contacts": f"{self.contacts} in the ledger",
            "takeover": f"{takeovers[len(takeovers) // 2]:.1f} s in the middle, "
            f"{takeovers[-1]:.1f} s at most, after {self.kills} SIGKILLs of the holder; "
            f"the lease is {TUNING['lease']:g} s",
            "fenced": f"{self.fenced} of {self.pauses} holders that stood still past their lease",
        }
        title = (
            f"{self.people} first contacts told to two receivers at once, {self.hosts} processes "
            f"on one PostgreSQL, {self.seconds:.0f} s"
        )
        return [title, *(f"  {name:10} {text}" for name, text in what.items())]

    def as_json(self) -> dict[str, Any]:
        """Return every figure."""
        return {
            "people": self.people,
            "hosts": self.hosts,
            "seconds": round(self.seconds, 1),
            "takeovers": [round(seconds, 2) for seconds in self.takeovers],
            "kills": self.kills,
            "pauses": self.pauses,
            "fenced": self.fenced,
            "contacts": self.contacts,
            "doubled": self.doubled,
            "missing": self.missing,
            "reordered": self.reordered,
            "difference": self.difference,
        }


class Races:
    """Carries out a plan in a folder of its own."""

    def __init__(self, plan: RacePlan, folder: Path) -> None:
        self.plan = plan
        quiet = Plan(
            KINDS[plan.kind],
            plan.ledger_url,
            seed=plan.seed,
            receivers=plan.receivers,
            workers=plan.workers,
        )
        installation = Campaign(quiet, folder)
        self.trial = installation.trial
        self.hosts = installation.hosts
        self.receivers = [host for host in self.hosts if "receive" in (host.roles or "")]
        self.workers = [host for host in self.hosts if "deliver" in (host.roles or "")]
        self._lease = f"deliver/{KINDS[plan.kind].crm}"
        self._ledger = Ledger(open_engine(plan.ledger_url))
        self._chance = random.Random(plan.seed)  # noqa: S311 - when to kill, no secret
        self._fences = 0.0

    def run(self) -> RaceReport:
        """Race, kill and pause; let everything come to rest; and count."""
        plan = self.plan
        started = time.perf_counter()
        report = RaceReport(people=plan.people, hosts=len(self.hosts))
        people, pairs = _first_contacts(plan.people, seed=plan.seed)
        try:
            asyncio.run(self._race(pairs, report))
            self.receivers[0].trial.wait_until_settled(seconds=240)
            self._judge(people, report)
        finally:
            self.trial.stop()
            self._ledger.close()
        report.seconds = time.perf_counter() - started
        return report

    async def _race(self, pairs: Sequence[tuple[bytes, bytes]], report: RaceReport) -> None:
        for host in self.hosts:
            host.start()
        for host in self.hosts:
            if not await host.until_ready():
                raise TrialError(f"{host.name} ended: {host.trial.last_words()}")
        racing = asyncio.create_task(self._post(pairs))
        acts = ["kill"] * self.plan.kills + ["pause"] * self.plan.pauses
        self._chance.shuffle(acts)
        for act in acts:
            await asyncio.sleep(self._chance.uniform(0.2, 1.0))
            if act == "kill":
                await self._kill_holder(report)
            else:
                await self._pause_holder(report)
        await racing
        for host in self.hosts:
            if not host.runs:
                host.start()

    async def _post(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Tell both receivers of each person at the same moment."""
        urls = [host.trial.webhook_url for host in self.receivers]
        left = iter(pairs)

        async def keep_posting() -> None:
            for first, second in left:
                sent = await asyncio.gather(
                    send(urls, self.trial.secret, [first], patience=120),
                    send(urls[::-1], self.trial.secret, [second], patience=120),
                )
                if any(each.given_up for each in sent):
                    raise TrialError("a webhook was not taken")

        await asyncio.gather(*(keep_posting() for _ in range(_AT_ONCE)))

    async def _holder(self) -> tuple[Host, int]:
        """Return the host that holds the destination, and its epoch."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            owner, epoch = await asyncio.to_thread(self._ledger.query, lease_of, self._lease)
            for host in self.workers:
                if host.runs and owner is not None and owner.endswith(f":{host.process.pid}"):
                    return host, epoch
            await asyncio.sleep(0.05)
        raise TrialError("nobody holds the destination")

    async def _until_taken_over(self, epoch: int) -> float:
        """Return the seconds until somebody else has claimed the lease."""
        started = time.monotonic()
        while time.monotonic() < started + 60:
            _, now = await asyncio.to_thread(self._ledger.query, lease_of, self._lease)
            if now > epoch:
                return time.monotonic() - started
            await asyncio.sleep(0.02)
        raise TrialError("nobody took over")

    async def _kill_holder(self, report: RaceReport) -> None:
        host, epoch = await self._holder()
        host.kill()
        report.kills += 1
        report.takeovers.append(await self._until_taken_over(epoch))
        host.start()

    async def _pause_holder(self, report: RaceReport) -> None:
        """Let the holder stand still until another has taken over, then let it go on."""
        host, epoch = await self._holder()
        before = await _lost_leases(host)
        host.pause()
        report.pauses += 1
        await self._until_taken_over(epoch)
        await asyncio.sleep(1)
        host.go_on()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if await _lost_leases(host) > before:
                report.fenced += 1
                return
            await asyncio.sleep(0.1)

    def _judge(self, people: Sequence[ExpectedContact], report: RaceReport) -> None:
        verdict = KINDS[self.plan.kind].compare(people, self.trial.crm.state())
        report.doubled = len(verdict.doubled) + len(verdict.doubled_contacts)
        report.doubled += len(verdict.unexpected) + len(verdict.orphans)
        report.missing = len(verdict.missing) + len(verdict.missing_contacts)
        report.contacts = self._ledger.query(_standing_contacts)
        report.difference = self.trial.command("audit")["difference"]


def _first_contacts(
    count: int, *, seed: int
) -> tuple[list[ExpectedContact], list[tuple[bytes, bytes]]]:
    """Return people, and for each two webhooks that know the person by other identifiers."""
    number = NUMBERS[0]
    start = datetime.now(UTC).replace(microsecond=0)
    people: list[ExpectedContact] = []
    pairs: list[tuple[bytes, bytes]] = []
    for place in range(count):
        local = f"{60_000_000 + seed % 100 * 100_000 + place:08d}"
        phone, user_id, name = f"55119{local}", f"BR.77{place:012d}", f"Pessoa {place}"
        known_as = [Person(name, phone, user_id)] * 2
        if place % 3 == 1:
            known_as[0] = Person(name, phone, None)
        elif place % 3 == 2:
            known_as[0] = Person(name, f"5511{local}", None)
        told: list[ExpectedMessage] = []
        bodies: list[bytes] = []
        for turn, person in enumerate(known_as):
            text = f"[{seed}.{place:06d}.{turn}] oi"
            sent_at = start + timedelta(seconds=turn)
            wamid = make_wamid(person, place * 2 + turn)
            element = write_message(person, Said(wamid, sent_at, "text", make_text(text)))
            bodies.append(make_webhook(number, messages_change(number, [person], [element])))
            told.append(ExpectedMessage(wamid, number.name, "in", "text", text, sent_at))
        people.append(ExpectedContact(name, f"+{phone}", phone, user_id, None, tuple(told)))
        pairs.append((bodies[0], bodies[1]))
    return people, pairs


async def _lost_leases(host: Host) -> float:
    """Return how often a host found that a lease of its own was lost."""
    try:
        async with httpx.AsyncClient(timeout=2) as client:
            answer = await client.get(f"{host.trial.admin_url}/metrics")
    except httpx.HTTPError:
        return 0.0
    for line in answer.text.splitlines():
        if line.startswith("connector_lease_lost_total "):
            return float(line.split()[1])
    return 0.0


def _standing_contacts(connection: Connection) -> int:
    contact = schema.contact
    return connection.execute(
        select(func.count()).select_from(contact).where(contact.c.merged_into.is_(None))
    ).scalar_one()
