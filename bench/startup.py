"""How long it takes to start: the command line's help, and a daemon until it is ready."""

import subprocess
import sys
import time
from typing import Final

from bench.figure import Figure
from bench.processes import Cost, cost_of, open_trial

HELP: Final = 0.3
"""Seconds."""


def measure(runs: int) -> list[Figure]:
    """Start each so many times, on an empty ledger, with everything already set up."""
    helps: list[float] = []
    starts: list[float] = []
    costs: list[Cost] = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "connector", "--help"], check=True, capture_output=True
        )
        helps.append(time.perf_counter() - started)
        with open_trial("hubspot") as trial:
            started = time.perf_counter()
            process = trial.start()
            trial.wait_until_ready(process)
            starts.append(time.perf_counter() - started)
            costs.append(cost_of(process.pid))
    return [
        Figure("connector --help", "s", helps, target=HELP),
        Figure("daemon until ready", "s", starts),
        Figure("daemon until ready, CPU", "CPU s", [cost.seconds for cost in costs]),
        Figure("daemon when ready, memory", "MB", [cost.peak for cost in costs]),
    ]
