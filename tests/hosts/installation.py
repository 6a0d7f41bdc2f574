"""The whole of it: PostgreSQL, a CRM, a load balancer, receivers and workers, each on its host."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from connector.ledger import migrate
from connector.ledger.engine import open_engine
from connector.ledger.leases import Holding, holdings
from connector.ledger.ledger import Ledger
from connector.runtime.trial import SandboxCrm, Trial, prepare_trial, wait_until
from connector.sandbox.comparison import compare_hubspot
from connector.sandbox.sender import Sent, send
from connector.sandbox.traffic import Traffic
from faults.campaign import TUNING
from faults.database import Database
from faults.leases import lease_of
from tests.hosts.machine import Machine
from tests.hosts.network import Network, Site

HOLDING: Final = "deliver/hubspot"
POLL: Final = 1.0
"""Seconds between two looks of a process at a lease that is not its own."""
_CRM_PORT: Final = 8000
_PUBLIC_PORT: Final = 8080
_CRM: Final[Mapping[str, Any]] = {
    "burst_limit": 100_000,
    "search_limit": 1000,
    "index_lag": 0.3,
    "latency": 0.05,
    "refuse_unique_on": ["communications"],
}
"""Messages are created, and looked up before they go again: the harder promise."""


class Installation:
    """Starts everything but the connector's own processes; ``remove`` ends all."""

    def __init__(self, folder: Path, network: Network, *, revision: str = "head") -> None:
        self.network = network
        self.folder = folder
        self.machines: list[Machine] = []
        self._others: list[subprocess.Popen[str]] = []
        self._balancer: Site = network.add()
        database_site, crm_site = network.add(), network.add()
        self.database_site = database_site
        self.database = Database(host=database_site.address("data"), through=database_site.through)
        self.ledger: Ledger | None = None
        try:
            self.database.start()
            self.database.execute("CREATE DATABASE connector")
            self.url = self.database.url("connector")
            engine = open_engine(self.url)
            migrate.upgrade(engine, revision)
            self.ledger = Ledger(engine)
            self.crm = self._start_crm(crm_site)
            self.trial = self._prepare()
        except BaseException:
            self.remove()
            raise

    def add(self, *roles: str, **options: Any) -> Machine:
        """Add a host that runs a process for each text of roles."""
        machine = Machine(
            self.network.add(), self.trial.another_host(), roles, self._token, **options
        )
        self.machines.append(machine)
        return machine

    def balance(self, *receivers: Machine) -> str:
        """Start the load balancer before these hosts; return where Meta posts to."""
        at = f"{self._balancer.address('open')}:{_PUBLIC_PORT}"
        self._forward(self._balancer, at, *(each.webhook_address for each in receivers))
        return f"http://{at}/webhooks/whatsapp"

    async def post(self, url: str, traffic: Traffic, **options: Any) -> Sent:
        """Post all of the traffic, again and again until each is taken."""
        return await send(url, self.trial.secret, traffic.webhooks, patience=120, **options)

    def holder(self, among: Sequence[Machine], name: str = HOLDING) -> tuple[Machine, int]:
        """Return the host that holds a lease, and the lease's epoch."""
        found: list[tuple[Machine, int]] = []

        def held() -> bool:
            owner, epoch = self._lease(name)
            found[:] = [(each, epoch) for each in among if owner and each.runs(owner)]
            return bool(found)

        wait_until(held, seconds=30, what=f"{name} is held", last_words=self.trial.last_words)
        return found[0]

    def wait_for_takeover(self, epoch: int, name: str = HOLDING) -> float:
        """Wait until somebody else has claimed a lease; return how many seconds that took."""
        started = time.monotonic()
        wait_until(
            lambda: self._lease(name)[1] > epoch,
            seconds=60,
            what=f"{name} is taken over",
            last_words=self.trial.last_words,
            every=0.02,
        )
        return time.monotonic() - started

    def judge(self, traffic: Traffic, watcher: Machine) -> dict[str, Any]:
        """Wait for rest; return what the CRM's memory and the audit say is wrong, if anything."""
        self._wait_for_rest(watcher)
        verdict = compare_hubspot(traffic.expected, self.crm.state())
        audit = self.trial.command("audit")
        wrong: dict[str, Any] = {} if verdict.perfect else {"verdict": verdict}
        figures = {name: audit[name] for name in ("difference", "open", "parked")}
        if any(figures.values()) or audit["received"] != len(traffic.webhooks):
            wrong["audit"] = {**figures, "received": audit["received"]}
        return wrong

    def holdings(self) -> Mapping[str, Holding]:
        """Return every lease, as this process sees it."""
        assert self.ledger is not None
        return self.ledger.query(holdings)

    def remove(self) -> None:
        """End every process and take the network down."""
        for machine in self.machines:
            machine.stop()
        for process in self._others:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if self.ledger is not None:
            self.ledger.close()
        self.database.remove()

    def _wait_for_rest(self, watcher: Machine) -> None:
        def rests() -> bool:
            status = self.trial.command("status")
            waiting = status["webhooks"]["waiting"]
            return waiting == 0 and all(
                each["open"] == 0 for each in status["destinations"].values()
            )

        wait_until(
            rests,
            seconds=120,
            what="all is settled",
            last_words=watcher.trial.last_words,
            every=0.5,
        )

    def _lease(self, name: str) -> tuple[str | None, int]:
        assert self.ledger is not None
        return self.ledger.query(lease_of, name)

    def _start_crm(self, site: Site) -> SandboxCrm:
        token_file = self.folder / "hubspot_token"
        process = subprocess.Popen(
            [
                *site.through,
                *(sys.executable, "-m", "connector.sandbox", "hubspot", "--port", "0"),
                *("--data", str(self.folder / "crm.db"), "--token-file", str(token_file)),
                *("--set", json.dumps(dict(_CRM))),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._others.append(process)
        assert process.stdout is not None
        local = json.loads(process.stdout.readline())["url"]
        at = f"{site.address('open')}:{_CRM_PORT}"
        self._forward(site, at, local.removeprefix("http://"))
        return SandboxCrm(f"http://{at}", token_file.read_text().strip(), process)

    def _prepare(self) -> Trial:
        self._token = "admin-token-of-these-tests-only"
        (self.folder / "admin_token").touch(mode=0o600)
        (self.folder / "admin_token").write_text(self._token)
        trial = prepare_trial(
            self.folder,
            self.crm,
            adapter="hubspot",
            ledger_url=self.url,
            tuning=TUNING,
            destination={
                "batch_wait": "200ms",
                "rate": '{ requests = 10000, per = "1s" }',
                "allow_http": True,
                "allow_networks": ["198.18.0.0/15"],
            },
        )
        trial.command("setup", "hubspot", "--apply")
        return trial

    def _forward(self, site: Site, at: str, *targets: str) -> None:
        """Start a balancer on a host; returns once it listens."""
        program = Path(__file__).with_name("balancer.py")
        process = subprocess.Popen(
            [*site.through, sys.executable, str(program), at, *targets],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._others.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"


async def while_posting(
    installation: Installation, url: str, traffic: Traffic, *, rate: float, harm: Any
) -> Sent:
    """Post at a steady rate while ``harm``, a plain function, does what it does in a thread."""
    posting = asyncio.create_task(installation.post(url, traffic, rate=rate, concurrency=16))
    try:
        await asyncio.to_thread(harm)
        return await posting
    finally:
        posting.cancel()
