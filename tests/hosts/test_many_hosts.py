"""Two receivers and three workers on hosts of their own, which are cut off, killed and paused.

The judge is the sandbox CRM's own memory.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connector.errors import LedgerError
from connector.runtime.trial import TrialError, wait_until
from connector.sandbox.burst import burst
from faults.campaign import TUNING
from tests.hosts.installation import POLL, Installation, while_posting
from tests.hosts.machine import Machine

Record = Callable[[str, object], None]
WORK = ("record", "deliver,schedule")
FORGOTTEN = 10.0
"""Seconds after which PostgreSQL ends a transaction that nobody goes on with; one of a host that
stands still may hold the lease's row for so long. The lease itself lasts 90 s outside of tests."""
IN_TIME = max(TUNING["lease"], FORGOTTEN) + 2 * POLL


@pytest.mark.timeout(300)
def test_a_receiver_that_is_cut_off_and_a_worker_that_dies_lose_and_double_nothing(
    installation: Installation, record_property: Record
) -> None:
    receivers = [installation.add("receive") for _ in range(2)]
    workers = [installation.add("record,deliver") for _ in range(2)]
    _start(*receivers, *workers)
    url = installation.balance(*receivers)
    traffic = burst(20, 300, base=datetime.now(UTC), seed=21)
    takeovers: list[float] = []

    def harm() -> None:
        holder, epoch = installation.holder(workers)
        installation.network.cut(receivers[0].site)
        holder.kill()
        takeovers.append(installation.wait_for_takeover(epoch))
        installation.network.mend(receivers[0].site)

    sent = asyncio.run(while_posting(installation, url, traffic, rate=50, harm=harm))

    record_property("measured", f"takeover after {takeovers[0]:.1f} s; {dict(sent.statuses)}")
    assert installation.judge(traffic, receivers[1]) == {}
    assert sent.given_up == []
    assert takeovers[0] <= IN_TIME


@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_hosts_cut_off_killed_and_paused_lose_double_and_reorder_nothing(
    installation: Installation, record_property: Record
) -> None:
    receivers = [installation.add("receive") for _ in range(2)]
    workers = [installation.add(*WORK) for _ in range(3)]
    _start(*receivers, *workers)
    url = installation.balance(*receivers)
    traffic = burst(40, 3000, base=datetime.now(UTC), seed=22)
    scenes = _Scenes(installation, receivers, workers)

    sent = asyncio.run(while_posting(installation, url, traffic, rate=40, harm=scenes.play))

    record_property("measured", "; ".join(scenes.told) + f"; {dict(sent.statuses)}")
    assert installation.judge(traffic, receivers[0]) == {}
    assert sent.given_up == []
    assert max(scenes.takeovers) <= IN_TIME, scenes.told
    assert scenes.fenced >= 1, scenes.told


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_a_database_that_falls_silent_is_given_up_within_half_a_minute(
    installation: Installation, record_property: Record
) -> None:
    installation.holdings()
    installation.network.cut(installation.database_site)
    started = time.monotonic()

    with pytest.raises(LedgerError):
        installation.holdings()

    seconds = time.monotonic() - started
    record_property("measured", f"given up after {seconds:.0f} s")
    assert seconds < 35


class _Scenes:
    """What befalls the hosts, one after the other, while webhooks come."""

    def __init__(
        self, installation: Installation, receivers: list[Machine], workers: list[Machine]
    ) -> None:
        self._all = installation
        self._receivers = receivers
        self._workers = workers
        self.takeovers: list[float] = []
        self.fenced = 0
        self.told: list[str] = []

    def play(self) -> None:
        """Play every scene, and let the hosts be well again after each."""
        self._cut_off_a_receiver()
        self._cut_off_the_holder_from_the_database()
        self._kill_the_holder()
        self._pause_the_holder()
        self._restart_the_database()
        for machine in (*self._receivers, *self._workers):
            machine.wait_until_ready()

    def _cut_off_a_receiver(self) -> None:
        first = self._receivers[0]
        self._all.network.cut(first.site)
        time.sleep(6)
        self._all.network.mend(first.site)
        self._well_again("a receiver cut off for 6 s", first)

    def _cut_off_the_holder_from_the_database(self) -> None:
        """Cut it off; it still reaches the CRM, so only the trust in its lease keeps it from it."""
        holder, epoch = self._all.holder(self._workers)
        before = holder.metric("connector_lease_lost_total")
        self._all.network.cut(holder.site, "data")
        self._take_over(epoch, "holder cut off from PostgreSQL")
        self._all.network.mend(holder.site)
        self._wait_for_fence(holder, before)
        self._well_again("holder cut off from PostgreSQL", holder)

    def _kill_the_holder(self) -> None:
        holder, epoch = self._all.holder(self._workers)
        holder.kill()
        self._take_over(epoch, "holder's host killed")
        holder.start()
        self._well_again("holder's host killed", holder)

    def _pause_the_holder(self) -> None:
        holder, epoch = self._all.holder(self._workers)
        before = holder.metric("connector_lease_lost_total")
        holder.signal(signal.SIGSTOP)
        self._take_over(epoch, "holder's host paused")
        time.sleep(1)
        holder.signal(signal.SIGCONT)
        self._wait_for_fence(holder, before)

    def _restart_the_database(self) -> None:
        self._all.database.stop(at_once=True)
        self._all.database.start()
        self._well_again("PostgreSQL restarted", *self._receivers, *self._workers)

    def _take_over(self, epoch: int, what: str) -> None:
        self.takeovers.append(self._all.wait_for_takeover(epoch))
        self.told.append(f"{what}: taken over after {self.takeovers[-1]:.1f} s")

    def _wait_for_fence(self, holder: Machine, before: float) -> None:
        """Wait until a stale holder says that its lease was lost.

        One that was cut off in the middle of a transaction may find that broken first and give its
        role up for that, which is not counted as a lost lease. What it wrote to the CRM decides.
        """
        try:
            wait_until(
                lambda: holder.metric("connector_lease_lost_total") > before,
                seconds=30,
                what="the stale holder has found that its lease is lost",
            )
        except TrialError:
            self.told.append("a stale holder gave up for another reason")
        else:
            self.fenced += 1

    def _well_again(self, what: str, *machines: Machine) -> None:
        started = time.monotonic()
        for machine in machines:
            machine.wait_until_ready(seconds=120)
        self.told.append(f"{what}: ready again after {time.monotonic() - started:.1f} s")


def _start(*machines: Machine) -> None:
    for machine in machines:
        machine.start()
    for machine in machines:
        machine.wait_until_ready()
