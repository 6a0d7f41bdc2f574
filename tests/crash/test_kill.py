"""kill -9 at any instant under load, then a restart: nothing lost, nothing doubled."""

import asyncio
import random
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import pytest

from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_hubspot
from connector.sandbox.sender import send
from connector.sandbox.traffic import Traffic

KILLS = 8
MESSAGES = 500
SEED = 20261124


@pytest.mark.timeout(600)
def test_kills_under_load_lose_nothing_and_double_nothing(
    new_trial: Callable[..., Trial],
    trial_ledger: str | None,
    record_property: Callable[[str, object], None],
) -> None:
    trial = new_trial(
        ledger_url=trial_ledger,
        crm={"burst_limit": 100_000, "latency": 0.02},
        tuning={"request_timeout": 0.7, "send_gate": 0.2, "quiet_period": 0.5, "lease": 1.8},
    )
    traffic = burst(40, MESSAGES, base=datetime.now(UTC), seed=7)
    for kind in ("reset_after", "error_after", "timeout_after"):
        trial.crm.order("faults", {"kind": kind, "share": 0.05})

    kills = asyncio.run(_kill_while_sending(trial, traffic, random.Random(SEED)))  # noqa: S311
    record_property("kills", kills)
    trial.crm.order("faults", None, method="DELETE")
    trial.wait_until_settled(seconds=90)

    verdict = compare_hubspot(traffic.expected, trial.crm.state())
    assert verdict.perfect, verdict
    assert kills >= KILLS
    audit = trial.command("audit")
    assert (audit["difference"], audit["parked"], audit["synced"]) == (0, {}, MESSAGES)


async def _kill_while_sending(trial: Trial, traffic: Traffic, chance: random.Random) -> int:
    sending = asyncio.create_task(
        send(trial.webhook_url, trial.secret, traffic.webhooks, rate=60, patience=120)
    )
    for kills in count():
        process = trial.start()
        await asyncio.to_thread(trial.wait_until_ready, process)
        if kills >= KILLS and sending.done():
            await sending
            return kills
        await asyncio.sleep(chance.uniform(0.0, 0.9))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    raise AssertionError("unreachable")
