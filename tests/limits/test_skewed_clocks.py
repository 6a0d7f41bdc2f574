"""Two hosts whose clocks are twenty minutes apart: the database's clock decides who holds what."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_hubspot
from connector.sandbox.sender import send
from faults.campaign import TUNING
from faults.hosts import Host
from faults.leases import lease_of, wait_for_holder, wait_for_takeover

LEASE = "deliver/hubspot"
LIFE = 9.0
"""Seconds of a lease: so long that a busy machine does not lose one by itself."""
POLL = 1.0


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_hosts_whose_clocks_differ_by_twenty_minutes_take_turns_by_the_clock_of_the_database(
    new_trial: Callable[..., Trial],
    new_postgres_ledger: Callable[[], str],
    record_property: Callable[[str, object], None],
) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("faketime is not installed")
    url = new_postgres_ledger()
    trial = new_trial(
        ledger_url=url,
        tuning={**TUNING, "lease": LIFE},
        crm={"burst_limit": 100_000, "latency": 0.02},
    )
    hosts = [Host("fast", trial), Host("slow", trial.another_host())]
    ledger = Ledger(open_engine(url))
    try:
        for host, skew in zip(hosts, ("+600", "-600"), strict=True):
            host.start(
                env={
                    "LD_PRELOAD": str(library),
                    "FAKETIME": f"{skew}s",
                    "DONT_FAKE_MONOTONIC": "1",
                }
            )
        traffic = burst(20, 300, base=datetime.now(UTC), seed=31)
        takeover = asyncio.run(_post_and_kill(trial, hosts, ledger, traffic.webhooks))
        watcher = next(host for host in hosts if host.runs)
        watcher.trial.wait_until_settled(seconds=90)

        verdict = compare_hubspot(traffic.expected, trial.crm.state())
        record_property("measured", f"takeover after {takeover:.1f} s")
        assert verdict.perfect, verdict
        assert trial.command("audit")["difference"] == 0
        assert takeover <= LIFE + 2 * POLL
    finally:
        ledger.close()


async def _post_and_kill(
    trial: Trial, hosts: list[Host], ledger: Ledger, webhooks: list[bytes]
) -> float:
    for host in hosts:
        assert await host.until_ready(), host.trial.last_words()
    urls = [host.trial.webhook_url for host in hosts]
    sending = asyncio.create_task(send(urls, trial.secret, webhooks, rate=40, patience=60))
    holder, epoch = await asyncio.to_thread(wait_for_holder, ledger, LEASE, hosts)
    await asyncio.sleep(3 * POLL)
    still = await asyncio.to_thread(ledger.query, lease_of, LEASE)
    assert still[1] == epoch, "a host took a lease that was not over"
    holder.kill()
    takeover = await asyncio.to_thread(wait_for_takeover, ledger, LEASE, epoch)
    sent = await sending
    assert sent.given_up == []
    return takeover
