"""A backlog of a million deliveries: the daemon starts on it, works, and stays small."""

import time
from typing import Final

from bench.figure import Figure
from bench.filling import fill
from bench.processes import cost_of, open_trial
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.runtime.opening import open_config
from connector.runtime.supervisor import prepare_ledger
from connector.runtime.trial import Trial, wait_until

OPEN: Final = 1_000_000
WRITTEN: Final = 4_000
"""Records after which it has shown that it works."""
MEMORY: Final = 300


def measure(runs: int) -> list[Figure]:
    """Fill a SQLite ledger once for each run, and let the daemon write the first of it."""
    starts: list[float] = []
    rates: list[float] = []
    peaks: list[float] = []
    for _ in range(runs):
        with open_trial(
            "hubspot",
            crm={"burst_limit": 100_000, "search_limit": 1000},
            destination={"rate": '{ requests = 10000, per = "1s" }'},
        ) as trial:
            config = open_config(trial.config)
            ledger = Ledger(open_engine(config.ledger.url))
            prepare_ledger(ledger, config)
            fill(ledger.engine, messages=OPEN, pending=OPEN)
            ledger.close()
            started = time.perf_counter()
            process = trial.start()
            trial.wait_until_ready(process)
            starts.append(time.perf_counter() - started)
            before = cost_of(process.pid).seconds
            wait_until(
                lambda: _written(trial) >= WRITTEN,
                seconds=300,
                what=f"{WRITTEN} records are written",
                last_words=trial.last_words,
                every=0.5,
            )
            cost = cost_of(process.pid)
            rates.append(_written(trial) / max(cost.seconds - before, 0.01))
            peaks.append(cost.peak)
    return [
        Figure("daemon until ready, a million open", "s", starts),
        Figure("memory, a million open", "MB", peaks, target=MEMORY),
        Figure("records written, a million open", "records/CPU s", rates, better="higher"),
    ]


def _written(trial: Trial) -> int:
    """Ask the CRM and not the daemon, whose status counts all that is open."""
    counts: dict[str, int] = trial.crm.state(objects="none")["counts"]
    return sum(counts.values())
