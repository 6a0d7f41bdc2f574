"""``connector demo``: the whole way in a sandbox, with nothing to set up.

A sandbox CRM and the real connector are started as processes, a day of sample conversations is
posted as signed webhooks, and what the CRM then holds is counted by reading the sandbox, never by
asking the connector.
"""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from connector.config.models import Config
from connector.errors import ConnectorError
from connector.ledger.audit import audit
from connector.ledger.statuses import outbound_statuses
from connector.model.contact import Contact
from connector.runtime.opening import open_config, opened_ledger
from connector.runtime.preparation import prepare_crm
from connector.runtime.sandboxes import CRMS
from connector.runtime.trial import SandboxCrm, Trial, TrialError, prepare_trial, wait_until
from connector.runtime.wiring import audit_scopes, read_mappings
from connector.sandbox.comparison import Verdict
from connector.sandbox.sender import send
from connector.sandbox.traffic import DAY, DayOfTraffic, ExpectedContact, Traffic

PATIENCE: Final = 60.0
"""Seconds in which all must have arrived."""
_AT_ONCE: Final = 16
"""Webhooks sent between two looks at the progress."""


class Watcher(Protocol):
    """Who is told how the demo gets on."""

    def begin(self, what: str) -> None:
        """Start a step."""
        ...

    def advance(self, done: int, total: int) -> None:
        """Tell how far a step has come."""
        ...

    def end(self, what: str) -> None:
        """End a step; ``what`` says how it went."""
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """One person, as sent and as found in the CRM."""

    name: str
    phone: str | None
    user_id: str | None
    crm_id: str | None
    messages: int
    """On the CRM's timeline."""
    statuses: Mapping[str, int]
    """Of our messages to this person, as the connector took them in."""


@dataclass(slots=True)
class Outcome:
    """What the demo came to."""

    adapter: str
    seconds: float
    sent: Mapping[str, int]
    crm: Mapping[str, int]
    """Contacts, messages and calls, counted by the sandbox."""
    verdict: Verdict
    audit: Mapping[str, Any]
    contacts: Sequence[Shown]
    urls: Mapping[str, str]
    folder: Path

    @property
    def missing(self) -> int:
        """How many people and messages are not in the CRM."""
        return len(self.verdict.missing) + len(self.verdict.missing_contacts)

    @property
    def doubled(self) -> int:
        """How many people and messages are there more than once, or that nobody sent."""
        verdict = self.verdict
        strays = len(verdict.unexpected) + len(verdict.orphans)
        return len(verdict.doubled) + len(verdict.doubled_contacts) + strays

    @property
    def perfect(self) -> bool:
        """Whether everything is there once and nothing else."""
        return self.verdict.perfect

    def as_json(self, *, kept: bool) -> dict[str, Any]:
        """Return the shape of ``demo --json``; ``kept`` where all of it goes on running."""
        return {
            "adapter": self.adapter,
            "seconds": round(self.seconds, 3),
            "sent": dict(self.sent),
            "crm": dict(self.crm),
            "missing": self.missing,
            "doubled": self.doubled,
            "leaked": len(self.verdict.leaked),
            "audit": self.audit,
            "contacts": [
                {
                    "name": each.name,
                    "phone": each.phone,
                    "user_id": each.user_id,
                    "crm_id": each.crm_id,
                    "messages": each.messages,
                    "statuses": dict(each.statuses),
                }
                for each in self.contacts
            ],
            "urls": dict(self.urls) if kept else None,
            "folder": str(self.folder) if kept else None,
        }


@dataclass(slots=True)
class Demo:
    """A demo that runs; ``outcome`` is there once ``show`` has been called."""

    adapter: str
    trial: Trial
    config: Config
    watcher: Watcher
    begun_at: float
    daemon: subprocess.Popen[bytes]

    def show(self) -> Outcome:
        """Send the day, wait until it has arrived, and count."""
        traffic = DayOfTraffic(datetime.now(UTC) - DAY - timedelta(hours=1))
        self.trial.crm.order("calls", None, method="DELETE")
        self._send(traffic)
        self._wait(traffic)
        self.watcher.begin("Counting what the CRM holds")
        state = self.trial.crm.state()
        outcome = self._judge(traffic, state)
        self.watcher.end(f"Everything arrived in {outcome.crm['calls']} calls to the CRM")
        return outcome

    def _send(self, traffic: Traffic) -> None:
        total = len(traffic.webhooks)
        self.watcher.begin("Posting a day of WhatsApp traffic as signed webhooks")

        async def post() -> None:
            for start in range(0, total, _AT_ONCE):
                part = traffic.webhooks[start : start + _AT_ONCE]
                sent = await send(self.trial.webhook_url, self.trial.secret, part)
                if sent.given_up:
                    raise TrialError(
                        f"the connector did not take {len(sent.given_up)} webhooks: "
                        f"{self.trial.last_words()}"
                    )
                self.watcher.advance(start + len(part), total)

        asyncio.run(post())
        summary = traffic.summary()
        self.watcher.end(
            f"{total} signed webhooks posted: {summary['messages']} messages with "
            f"{summary['contacts']} people and {summary['statuses']} statuses, "
            f"{summary['redelivered']} of all that twice, some of it out of order"
        )

    def _wait(self, traffic: Traffic) -> None:
        """Wait until nothing is on its way."""
        self.watcher.begin("Waiting until the CRM has it all")
        sandbox = CRMS[self.adapter]

        def settled() -> bool:
            if self.daemon.poll() is not None:
                raise TrialError(f"the connector ended: {self.trial.last_words()}")
            with suppress(httpx.HTTPError):
                status = self.trial.status()
                there = Counter(sandbox.owners(self.trial.crm.state(objects=sandbox.messages)))
                self.watcher.advance(min(there.total(), traffic.messages), traffic.messages)
                waiting = status["webhooks"]["waiting"]
                return not waiting and all(
                    not each["open"] for each in status["destinations"].values()
                )
            return False

        wait_until(
            settled,
            seconds=PATIENCE,
            what="everything has arrived in the CRM",
            last_words=self.trial.last_words,
            every=0.2,
        )

    def _judge(self, traffic: Traffic, state: Mapping[str, Any]) -> Outcome:
        sandbox = CRMS[self.adapter]
        verdict = sandbox.compare(traffic.expected, state)
        with opened_ledger(self.config) as ledger:
            balance = ledger.query(audit, audit_scopes(self.config, read_mappings(self.config)))
            statuses = ledger.query(outbound_statuses)
        on_timeline = Counter(sandbox.owners(state))
        return Outcome(
            adapter=self.adapter,
            seconds=time.perf_counter() - self.begun_at,
            sent=traffic.summary(),
            crm={
                "contacts": state["counts"][sandbox.contacts],
                "messages": on_timeline.total(),
                "calls": sum(state["calls"].values()),
            },
            verdict=verdict,
            audit=balance,
            contacts=list(_show(traffic.expected, verdict, on_timeline, statuses)),
            urls={
                "webhook": self.trial.webhook_url,
                "dashboard": f"{self.trial.admin_url}/",
                "crm_api": self.trial.crm.url,
                "crm_page": f"{self.trial.crm.url}/",
            },
            folder=self.trial.folder,
        )

    def wait_for_the_end(self) -> None:
        """Wait until Ctrl-C or SIGTERM, or until one of the processes ends by itself."""
        while self.daemon.poll() is None and self.trial.crm.process.poll() is None:
            time.sleep(0.5)
        raise TrialError(f"one of the processes ended by itself: {self.trial.last_words()}")


def _show(
    expected: Sequence[ExpectedContact],
    verdict: Verdict,
    on_timeline: Counter[str],
    statuses: Sequence[tuple[Contact, Counter[str]]],
) -> Iterator[Shown]:
    by_person = {
        handle: counts
        for contact, counts in statuses
        for handle in (contact.phone, contact.user_id)
        if handle is not None
    }
    for person, crm_id in zip(expected, verdict.crm_ids, strict=True):
        found = by_person.get(person.phone or "") or by_person.get(person.user_id or "")
        yield Shown(
            name=person.name,
            phone=person.phone,
            user_id=person.user_id,
            crm_id=crm_id,
            messages=on_timeline[crm_id] if crm_id else 0,
            statuses=dict(sorted((found or Counter()).items())),
        )


@contextmanager
def demo(adapter: str, watcher: Watcher, *, keep: bool = False) -> Iterator[Demo]:
    """Start a sandbox CRM and a connector with an empty ledger; ended with the block.

    The folder is removed with them, unless it is to be kept or something failed: then the
    ``ConnectorError`` names it.
    """
    begun_at = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="connector-demo-"))
    leave = keep
    try:
        with _started(adapter, folder, watcher) as (trial, daemon):
            yield Demo(adapter, trial, open_config(trial.config), watcher, begun_at, daemon)
    except ConnectorError as error:
        leave = True
        error.remedy = error.remedy or f"look into {folder}, above all connector.log"
        raise
    finally:
        if not leave:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(
    adapter: str, folder: Path, watcher: Watcher
) -> Iterator[tuple[Trial, subprocess.Popen[bytes]]]:
    """Start the processes and end them with the block, however it ends."""
    name = CRMS[adapter].called
    watcher.begin(f"Starting a sandbox {name}")
    crm = SandboxCrm.start(adapter, folder)
    settings = {"batch_wait": "200ms", **CRMS[adapter].destination}
    trial = prepare_trial(folder, crm, adapter=adapter, destination=settings)
    try:
        watcher.end(f"A sandbox {name} listens on {crm.url}")
        watcher.begin("Starting the connector with an empty ledger")
        daemon = trial.start()
        made = prepare_crm(open_config(trial.config), adapter, apply=True)
        trial.wait_until_ready(daemon)
        added = f"; {len(made)} fields were added to {name}" if made else ""
        watcher.end(f"The connector listens on {trial.webhook_url}{added}")
        yield trial, daemon
    finally:
        trial.stop()
