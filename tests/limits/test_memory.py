"""How much memory a process takes at the most, by the kernel's own count, while all is kept."""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.schema import webhook
from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.sender import Sent, send

NewTrial = Callable[..., Trial]
Record = Callable[[str, object], None]
MOST = 300
"""MiB that a process may take."""
LARGE = 3 * 1024 * 1024
AT_ONCE = 64


@pytest.mark.timeout(300)
def test_sixty_four_large_bodies_at_once_are_kept_in_bounded_memory(
    new_trial: NewTrial, trial_ledger: str | None, record_property: Record
) -> None:
    trial = new_trial(ledger_url=trial_ledger)
    process = trial.start()
    trial.wait_until_ready(process, seconds=60)
    large = [_large_body(number) for number in range(AT_ONCE)]

    sent = asyncio.run(send(trial.webhook_url, trial.secret, large, concurrency=AT_ONCE))
    trial.wait_until_settled(seconds=120)

    _judge(trial, process, sent, AT_ONCE, record_property)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("count", [2000, pytest.param(50_000, marks=pytest.mark.campaign)])
def test_a_burst_at_full_speed_is_kept_in_bounded_memory_while_the_crm_is_down(
    new_trial: NewTrial, trial_ledger: str | None, count: int, record_property: Record
) -> None:
    trial = new_trial(ledger_url=trial_ledger)
    trial.crm.order("faults", {"kind": "unavailable"})
    process = trial.start()
    trial.wait_until_ready(process, seconds=60)
    traffic = burst(count // 10, count, base=datetime.now(UTC), seed=51)

    sent = asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, concurrency=64))

    _judge(trial, process, sent, count, record_property)


def _judge(
    trial: Trial, process: subprocess.Popen[bytes], sent: Sent, count: int, record: Record
) -> None:
    peak = _peak(process)
    record(
        "measured",
        f"{peak} MiB at most; {dict(sent.statuses)} in {sent.seconds:.1f} s",
    )
    assert sent.given_up == []
    assert set(sent.statuses) <= {200, 503}
    assert _kept(trial) == count
    assert peak <= MOST


def _peak(process: subprocess.Popen[bytes]) -> int:
    """Return the largest resident set that the process had, in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) // 1024


def _kept(trial: Trial) -> int:
    url = re.search(r'^url = "(.*)"$', trial.config.read_text(), re.MULTILINE)
    assert url is not None
    ledger = Ledger(open_engine(url[1].replace("sqlite:///", f"sqlite:///{trial.folder}/")))
    try:
        return ledger.query(_count)
    finally:
        ledger.close()


def _count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(webhook)).scalar_one()


def _large_body(number: int) -> bytes:
    """Return a webhook of 3 MB: a message of one person, and a field that nobody knows."""
    body = json.loads(burst(1, 1, base=datetime.now(UTC), seed=1000 + number).webhooks[0])
    body["entry"][0]["changes"][0]["value"]["unknown"] = f"{number:08d}" * (LARGE // 8)
    return json.dumps(body).encode()
