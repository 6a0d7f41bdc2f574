"""A CRM that is down for ten minutes, with every wait of ours shrunk alike.

One alert when it begins to matter, one when it is over, nothing parked, and the backlog goes, the
oldest first, as fast as the account allows from the first probe that succeeds.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_pipedrive
from connector.sandbox.sender import send
from faults.kinds import KINDS
from tests.flow.test_alerts import SECRET, Address

Record = Callable[[str, object], None]

SHRUNK: Final = 24
"""Ten minutes are 25 seconds; every default in seconds is divided by it."""
OUTAGE: Final = 600 / SHRUNK
RATE: Final = 4.0
"""Calls that the account allows in a second: 40 in ten."""
KIND: Final = KINDS["pipedrive"]
TUNING: Final[Mapping[str, float]] = {
    "request_timeout": 30 / SHRUNK,
    "send_gate": 0.5,
    "quiet_period": 120 / SHRUNK,
    "verify_gap": 5 / SHRUNK,
    "lease": 90 / SHRUNK,
    "backoff_min": 2 / SHRUNK,
    "backoff_max": 900 / SHRUNK,
    "breaker_min": 30 / SHRUNK,
    "breaker_max": 120 / SHRUNK,
    "probe": 60 / SHRUNK,
    "drain": 5,
}
SYNC_LAG: Final = 300 / SHRUNK
MESSAGES: Final = 120
CONTACTS: Final = 12


@pytest.fixture
def address() -> Iterator[Address]:
    opened = Address()
    yield opened
    opened.close()


def write_to(trial: Trial, webhooks: list[bytes], *, rate: float | None = None) -> None:
    asyncio.run(send(trial.webhook_url, trial.secret, webhooks, rate=rate))


def calls_of(trial: Trial) -> list[dict[str, Any]]:
    answer = httpx.get(f"{trial.crm.url}/_sandbox/calls", timeout=30)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["calls"]
    return found


def refuse(trial: Trial) -> None:
    """Let the CRM answer everything with 503: what is being written is in doubt."""
    trial.crm.order("faults", {"kind": "unavailable", "share": 1.0})


def answer_again(trial: Trial) -> None:
    trial.crm.order("faults", None, method="DELETE")


def vanish(trial: Trial) -> None:
    """Let nobody listen where the CRM was: nothing can have been written."""
    trial.crm.process.kill()
    trial.crm.process.wait()
    if trial.crm.process.stdout is not None:
        trial.crm.process.stdout.close()


def return_again(trial: Trial) -> None:
    """Let the CRM listen again where it was, with what it held."""
    data = trial.folder / "pipedrive.sandbox.db"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "connector.sandbox", "pipedrive"),
            *("--port", str(urlsplit(trial.crm.url).port), "--data", str(data)),
            *("--token-file", str(trial.folder / "pipedrive_token")),
            *("--set", json.dumps(dict(KIND.sandbox))),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    trial.crm.process = process


OUTAGES: Final = {"503": (refuse, answer_again), "nobody listens": (vanish, return_again)}


@pytest.fixture
def trial(new_trial: Callable[..., Trial], address: Address) -> Trial:
    """Return a daemon that delivers a message a call, and the CRM holds one of each contact."""
    made = new_trial(
        adapter="pipedrive",
        crm=dict(KIND.sandbox),
        set_up=False,
        tuning=TUNING,
        destination={
            **KIND.destination,
            "rate": '{ requests = 40, per = "10s" }',
            "mapping": "own.toml",
        },
        extra='[alerts]\nwebhook = { file = "alert_url" }\nsecret = { file = "alert_secret" }\n'
        f'sync_lag = "{SYNC_LAG:g}s"\n',
    )
    files = {"own.toml": str(KIND.mapping), "alert_url": address.url, "alert_secret": SECRET}
    for name, text in files.items():
        path = made.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
    made.command("setup", "pipedrive", "--apply")
    made.wait_until_ready(made.start())
    return made


@dataclass(frozen=True, slots=True)
class Drain:
    """How the backlog went."""

    ratio: float
    """The time it took from the first successful probe, of what the rate allows at best."""
    late: int
    """By how many places a message came behind a younger one."""
    line: str


def go_without(trial: Trial, address: Address, kind: str) -> Drain:
    """Take the CRM away for ten minutes while people write; see what is told and what is left."""
    begin, end = OUTAGES[kind]
    traffic = burst(CONTACTS, MESSAGES + CONTACTS, base=datetime.now(UTC), seed=41)
    write_to(trial, traffic.webhooks[:CONTACTS])
    trial.wait_until_settled()
    wait_until(
        lambda: (
            not trial.status()["alerts"]
            and all(each["state"] == "resolved" for each in address.taken[-1:])
        ),
        seconds=60,
        what="a slow start is forgotten",
    )
    address.taken.clear()
    address.names.clear()

    begin(trial)
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as background:
        waiting = traffic.webhooks[CONTACTS:]
        writing = background.submit(write_to, trial, waiting, rate=MESSAGES / OUTAGE)
        told = address.wait_for(1, "the outage is told")
        wait_until(
            lambda: time.monotonic() - begun >= OUTAGE, seconds=2 * OUTAGE, what="ten minutes go by"
        )
        writing.result()
    end(trial)
    back_at = time.time()
    trial.wait_until_settled(seconds=200)

    assert set(told) == {("Undelivered", "firing")}
    wait_until(lambda: address.taken[-1]["state"] == "resolved", seconds=60, what="the end is told")
    # A notice that its address was slow to take is told again, under the name it has.
    assert [name.rpartition("-")[2] for name in dict.fromkeys(address.names)] == [
        "firing",
        "resolved",
    ]
    audit = trial.command("audit")
    assert (audit["parked"], audit["difference"]) == ({}, 0)
    assert audit["synced"] == MESSAGES + CONTACTS
    state = trial.crm.state()
    assert compare_pipedrive(traffic.expected, state).perfect
    answered = [
        each for each in calls_of(trial) if each["status"] in (200, 201) and each["at"] >= back_at
    ]
    seconds = answered[-1]["at"] - answered[0]["at"]
    ratio, late = seconds * RATE / len(answered), _latest(state)
    return Drain(
        ratio,
        late,
        f"{kind}: {MESSAGES} messages in {len(answered)} calls took {seconds:.1f} s from the first"
        f" successful probe, {ratio:.2f} of what the rate allows; the furthest that a message came"
        f" behind younger ones is {late} of {MESSAGES}",
    )


@pytest.mark.timeout(400)
def test_ten_minutes_of_errors_are_one_alert_and_one_recovery_and_park_nothing(
    trial: Trial, address: Address, record_property: Record
) -> None:
    drain = go_without(trial, address, "503")

    record_property("measured", drain.line)


@pytest.mark.campaign
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", list(OUTAGES))
def test_the_backlog_goes_as_fast_as_the_account_allows_the_oldest_first(
    trial: Trial, address: Address, kind: str, record_property: Record
) -> None:
    """Measured on a machine that has nothing else to do: what counts is the account's rate."""
    drain = go_without(trial, address, kind)

    record_property("measured", drain.line)
    assert drain.ratio <= 1.1
    if kind == "nobody listens":  # what is in doubt is looked at first, and others go meanwhile
        assert drain.late <= 2 * CONTACTS


def _latest(state: Mapping[str, Any]) -> int:
    """Return by how many places a message was made behind a younger one.

    The contact by whom a CRM was tried out, whose messages all went first, is left out.
    """
    newest = late = 0
    made = sorted(state["activities"], key=lambda each: int(each["id"]))[CONTACTS:]
    for each in made:
        if each["person_id"] == made[0]["person_id"]:
            continue
        found = re.search(r"\[41\.(\d{6})\]", each["note"])
        assert found is not None
        newest = max(newest, int(found[1]))
        late = max(late, newest - int(found[1]))
    return late
