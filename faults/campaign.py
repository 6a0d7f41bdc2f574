"""One run: real processes under load, killed and paused, against a CRM that misbehaves."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from connector.runtime.trial import SandboxCrm, Trial, TrialError, prepare_trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.sender import Sent, send
from connector.sandbox.traffic import Traffic
from faults.hosts import Host
from faults.kinds import Kind
from faults.pace import Pace
from faults.places import RECEIVING, WORKING
from faults.report import Report

TUNING: Final[Mapping[str, float]] = {
    "request_timeout": 1.0,
    "send_gate": 0.5,
    "quiet_period": 3.0,
    "verify_gap": 0.3,
    "lease": 4.0,
    "backoff_max": 0.5,
    "breaker_min": 0.2,
    "breaker_max": 0.5,
    "drain": 5,
}
LATE: Final = 1.6
"""Seconds after a request came in which the CRM applies it late: after we gave up, before the quiet
period is over."""
_COURIERS: Final = 8
_REDELIVERED: Final = 0.1
_PATIENCE: Final = 300.0
_TOLD_EVERY: Final = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done."""

    kind: Kind
    ledger_url: str | None
    """``None``: a SQLite file and one process; else PostgreSQL and several."""
    webhooks: int = 1000
    contacts: int = 48
    kills: int = 20
    pauses: int = 4
    seed: int = 1
    receivers: int = 2
    workers: int = 3
    harm: float = 1.0
    """How much of the kind's harm the CRM does."""
    late: float = LATE
    """Seconds after which the CRM applies what it applies late."""

    @property
    def too_late(self) -> bool:
        """Whether that is later than the connector waits: then doubles are to be expected."""
        waits = ("send_gate", "request_timeout", "quiet_period")
        return self.late > sum(TUNING[name] for name in waits)


@dataclass(slots=True)
class _Left:
    """The harm that is still to be done."""

    acts: list[str]
    done: Counter[str] = field(default_factory=Counter)
    struck_at: Counter[str] = field(default_factory=Counter)

    def take(self) -> str | None:
        return self.acts.pop() if self.acts else None


class Campaign:
    """Carries out a plan in a folder of its own."""

    def __init__(
        self, plan: Plan, folder: Path, *, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.plan = plan
        self._tell = tell
        self._told = time.monotonic()
        self._acknowledged = 0
        self._chance = random.Random(plan.seed)  # noqa: S311 - what is harmed when, no secret
        self.trial = prepare_kind(plan.kind, folder, ledger_url=plan.ledger_url)
        self.hosts = _hosts(plan, self.trial)
        acts = ["kill"] * plan.kills + ["pause"] * plan.pauses
        self._chance.shuffle(acts)
        self._left = _Left(acts)
        self._pace = Pace(len(acts))

    def run(self) -> Report:
        """Do all the harm, let everything come to rest, and judge what the CRM holds."""
        plan = self.plan
        started = time.perf_counter()
        report = Report(
            kind=plan.kind.name,
            database="postgresql" if plan.ledger_url else "sqlite",
            seed=plan.seed,
            hosts=len(self.hosts),
        )
        traffic = burst(plan.contacts, plan.webhooks, base=datetime.now(UTC), seed=plan.seed % 100)
        try:
            self._order_faults()
            sent = asyncio.run(self._send_and_harm(traffic))
            report.acknowledged = plan.webhooks if not sent.given_up else 0
            report.posts = sent.posts
            self._settle(report)
            self._judge(report, traffic)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other campaigns go on
            report.problem = f"{type(error).__name__}: {error}"
        finally:
            self.trial.stop()
        report.kills = self._left.done["kill"]
        report.pauses = self._left.done["pause"]
        report.struck_at = self._left.struck_at
        report.seconds = time.perf_counter() - started
        return report

    def _order_faults(self) -> None:
        for kind, share in self.plan.kind.harm.items():
            order: dict[str, Any] = {"kind": kind, "share": share * self.plan.harm}
            if kind == "late_commit":
                order["seconds"] = self.plan.late
            if self.plan.harm:
                self.trial.crm.order("faults", order)

    async def _send_and_harm(self, traffic: Traffic) -> Sent:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(traffic))
            for host in self.hosts:
                group.create_task(self._torment(host))
        for host in self.hosts:
            if host.may_stop:  # ordered to, and not come by that place yet
                host.kill()
                self._left.done["kill"] += 1
            if not host.runs:
                _start(host)
            await host.until_ready()
        return sending.result()

    async def _send(self, traffic: Traffic) -> Sent:
        """Post everything in slices, each contact's webhooks one after the other."""
        plan = self.plan
        total = Sent()
        acts = max(1, plan.kills + plan.pauses)
        size = -(-plan.webhooks // acts)
        urls = [host.trial.webhook_url for host in self.hosts if _receives(host)]
        for start in range(0, plan.webhooks, size):
            await self._pace.before_slice()
            places = list(range(start, min(start + size, plan.webhooks)))
            again = [place for place in places if self._chance.random() < _REDELIVERED]
            parts: list[list[bytes]] = [[] for _ in range(_COURIERS)]
            for place in places + again:
                courier = place % plan.contacts % _COURIERS
                parts[courier].append(traffic.webhooks[place])
            results = await asyncio.gather(
                *(
                    send(urls, self.trial.secret, part, concurrency=1, patience=_PATIENCE)
                    for part in parts
                    if part
                )
            )
            for result in results:
                total.given_up += result.given_up
                total.statuses += result.statuses
            self._acknowledged += len(places)
            await self._pace.after_slice()
        for _ in range(acts):  # fewer slices than acts of harm
            await self._pace.after_slice()
        return total

    async def _torment(self, host: Host) -> None:
        """Harm one host again and again, until no harm is left."""
        while (act := self._left.take()) is not None:
            self._report_progress()
            place = ""
            if host.stands_still:  # struck later than it was waited for
                host.go_on()
            if not host.runs:
                place = self._draw_place(host)
                strike = "kill" if act == "kill" else "stop"
                _start(host, f"{place}={strike}@{self._draw_pass()}" if place else "")
                await host.until_ready()
            await self._pace.before_harm(lambda: host.runs and not host.stands_still)
            if place:
                await host.until_struck(self._chance.uniform(0.5, 2.0))
            else:
                await asyncio.sleep(self._chance.uniform(0.0, 0.8))
            if not host.runs:
                self._left.done["kill"] += 1
                self._left.struck_at[place] += 1
            elif act == "kill":
                host.kill()
                self._left.done["kill"] += 1
            else:
                await self._pause(host, place)
        if not host.runs:
            _start(host)

    def _report_progress(self) -> None:
        """Say how far it is, now and then."""
        if time.monotonic() - self._told < _TOLD_EVERY:
            return
        self._told = time.monotonic()
        done = self._left.done
        self._tell(
            f"{done['kill']} of {self.plan.kills} kills, {done['pause']} of {self.plan.pauses} "
            f"pauses, {self._acknowledged} of {self.plan.webhooks} webhooks"
        )

    async def _pause(self, host: Host, place: str) -> None:
        """Let a host stand still until its lease is over and another has taken its place."""
        if host.stands_still:
            self._left.struck_at[place] += 1
        else:
            host.pause()
        self._left.done["pause"] += 1
        lease = TUNING["lease"]
        await asyncio.sleep(lease + self._chance.uniform(0.3, 0.6 * lease))
        host.go_on()

    def _draw_place(self, host: Host) -> str:
        """Return a named place, or nothing: any moment."""
        if self._chance.random() < 0.4:
            return ""
        receiving = RECEIVING if _receives(host) else ()
        return self._chance.choice(receiving + (WORKING if _works(host) else ()))

    def _draw_pass(self) -> int:
        return self._chance.choice((1, 1, 2, 3, 5))

    def _settle(self, report: Report) -> None:
        self.trial.crm.order("faults", None, method="DELETE")
        watcher = self.hosts[0].trial
        patience = 180 + self.plan.webhooks / 8
        watcher.wait_until_settled(seconds=patience)
        parked = watcher.command("audit")["parked"]
        report.parked = parked
        if parked and not self.plan.kind.creates_only:
            watcher.command("dead-letters", "retry", "--all", check=False)
            watcher.wait_until_settled(seconds=patience)
        wait_until(
            lambda: self.trial.crm.state(objects="none")["late"] == 0,
            seconds=30,
            what="the CRM has applied what it was late with",
        )

    def _judge(self, report: Report, traffic: Traffic) -> None:
        state = self.trial.crm.state()
        verdict = self.plan.kind.compare(traffic.expected, state)
        report.faults = state["faults"]
        missing = len(verdict.missing)
        if self.plan.kind.creates_only:
            report.waiting = min(missing, report.parked.get("in_doubt", 0))
        report.lost = missing - report.waiting + len(verdict.missing_contacts)
        report.doubled = len(verdict.doubled)
        report.doubled_contacts = len(verdict.doubled_contacts)
        report.reordered = len(verdict.disordered)
        report.misplaced = len(verdict.unexpected) + len(verdict.orphans)
        audit = self.trial.command("audit")
        report.difference = audit["difference"]
        if audit["received"] != self.plan.webhooks or audit["open"]:
            report.problem = f"{audit['received']} received, {audit['open']} open in the audit"
        if self.plan.kind.looks_up:
            report.allowed = self.plan.webhooks if self.plan.too_late else int(self.plan.pauses > 0)
        if not self.plan.kind.creates_only:
            report.reported = self._reconcile()

    def _reconcile(self) -> int:
        """Read the CRM back, mend nothing, and return how many doubles were found there."""
        said = self.hosts[0].trial.command("reconcile", "--no-repair", check=False)
        found = [each["found"] for each in said["destinations"].values()]
        return sum(each["duplicate"] for each in found)


def _start(host: Host, orders: str = "") -> None:
    host.start(orders)
    host.may_stop = "=stop" in orders


def _receives(host: Host) -> bool:
    return host.roles is None or "receive" in host.roles


def _works(host: Host) -> bool:
    return host.roles is None or "deliver" in host.roles


def prepare_kind(
    kind: Kind,
    folder: Path,
    *,
    ledger_url: str | None,
    tuning: Mapping[str, float] = TUNING,
) -> Trial:
    """Return a trial whose sandbox is of this kind and set up; nothing of it runs but the CRM."""
    crm = SandboxCrm.start(kind.crm, folder, settings=kind.sandbox)
    destination = dict(kind.destination)
    if kind.mapping is not None:
        (folder / "own.toml").write_text(kind.mapping)
        destination["mapping"] = "own.toml"
    trial = prepare_trial(
        folder,
        crm,
        adapter=kind.crm,
        ledger_url=ledger_url,
        tuning=tuning,
        destination=destination,
    )
    try:
        trial.command("setup", kind.crm, "--apply")
    except TrialError:
        trial.stop()
        raise
    return trial


def _hosts(plan: Plan, trial: Trial) -> Sequence[Host]:
    if plan.ledger_url is None:
        return [Host("all", trial)]
    receivers = [
        Host(f"receiver {number}", trial if number == 1 else trial.another_host(), "receive")
        for number in range(1, plan.receivers + 1)
    ]
    workers = [
        Host(f"worker {number}", trial.another_host(), "record,deliver")
        for number in range(1, plan.workers + 1)
    ]
    return receivers + workers
