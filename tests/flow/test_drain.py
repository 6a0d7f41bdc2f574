"""SIGTERM: what is on its way ends in good order, and everybody is told meanwhile."""

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.sender import send


def test_a_draining_daemon_says_so_until_its_calls_are_done_and_ends_with_0(
    new_trial: Callable[..., Trial],
) -> None:
    trial = new_trial()
    process = trial.start()
    trial.wait_until_ready(process)
    trial.crm.order("faults", {"kind": "slow", "seconds": 1.5, "share": 1.0})
    traffic = burst(1, 1, base=datetime.now(UTC), seed=31)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))
    wait_until(
        lambda: trial.crm.state(objects="none")["calls"].get("contacts.search", 0) > 0,
        seconds=20,
        what="a call is under way",
    )

    process.send_signal(signal.SIGTERM)

    wait_until(
        lambda: httpx.get(f"{trial.admin_url}/readyz", timeout=2).status_code == 503,
        seconds=1,
        what="the daemon says that it is going",
    )
    assert process.wait(20) == 0
