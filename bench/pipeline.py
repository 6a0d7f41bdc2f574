"""Record and deliver: messages for each second of one core's time, and the memory it takes.

Stored webhooks are the start, a sandbox HubSpot in a process of its own is the end; only the
connector's own processor time counts, user and system, all its threads. What it takes to start
with an empty ledger is measured apart and subtracted.
"""

import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from bench.figure import Figure
from bench.processes import cost_of, open_trial
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import digest_body, store_webhooks
from connector.runtime.opening import open_config
from connector.runtime.supervisor import prepare_ledger
from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_hubspot
from connector.sandbox.traffic import Traffic

MESSAGES = 10_000
CONTACTS = 500


def measure(runs: int) -> list[Figure]:
    """Measure so many runs, each on a new ledger and a new sandbox."""
    rates: list[float] = []
    memory: list[float] = []
    calls: list[float] = []
    starts: list[float] = []
    for number in range(runs):
        started = _start_up()
        starts.append(started)
        rate, peak, used = _run(number, started=started)
        rates.append(rate)
        memory.append(peak)
        calls.append(used)
        sys.stderr.write(f"  run {number + 1}: {rate:,.0f} messages per CPU second\n")
    return [
        Figure("record and deliver", "messages/CPU s", rates, target=1500, better="higher"),
        Figure("resident memory", "MB", memory, target=150),
        Figure("calls per 1,000 messages", "calls", calls),
        Figure("start-up of the daemon", "CPU s", starts),
    ]


def _start_up() -> float:
    """Return the CPU seconds until a daemon with nothing to do is ready."""
    with _trial() as trial:
        process = trial.start("--only", "record,deliver")
        trial.wait_until_ready(process)
        return cost_of(process.pid).seconds


def _run(seed: int, *, started: float) -> tuple[float, float, float]:
    traffic = burst(CONTACTS, MESSAGES, base=datetime.now(UTC), seed=seed)
    with _trial() as trial:
        store(trial, traffic)
        process = trial.start("--only", "record,deliver")
        trial.wait_until_ready(process)
        wait_until(
            lambda: _settled(trial),
            seconds=300,
            what="all is synced",
            last_words=trial.last_words,
            every=1.0,
        )
        cost = cost_of(process.pid)
        state = trial.crm.state()
        verdict = compare_hubspot(traffic.expected, state)
        if not verdict.perfect:
            raise AssertionError(f"not everything is in the CRM once: {verdict}")
        calls = sum(count for call, count in state["calls"].items() if call != "properties")
        return MESSAGES / (cost.seconds - started), cost.peak, calls * 1000 / MESSAGES


def _trial() -> AbstractContextManager[Trial]:
    return open_trial(
        "hubspot",
        crm={"burst_limit": 100_000, "search_limit": 1000},
        destination={"batch_wait": "200ms", "rate": '{ requests = 10000, per = "1s" }'},
    )


def store(trial: Trial, traffic: Traffic) -> None:
    """Put the traffic's webhooks into the ledger as the receiver would, unrecorded."""
    config = open_config(trial.config)
    ledger = Ledger(open_engine(config.ledger.url))
    prepare_ledger(ledger, config)
    now = datetime.now(UTC)
    for start in range(0, len(traffic.webhooks), 500):
        part = traffic.webhooks[start : start + 500]
        bodies = [(digest_body(ledger.key, body), body) for body in part]
        ledger.transact(store_webhooks, bodies, now=now)
    ledger.close()


def _settled(trial: Trial) -> bool:
    status = trial.status()
    destination = status["destinations"]["hubspot"]
    return (
        status["webhooks"]["waiting"] == 0
        and destination["open"] == 0
        and destination["last_synced_at"] is not None
    )
