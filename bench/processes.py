"""Trials to measure on, and what a process has cost so far."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from connector.runtime.trial import SandboxCrm, Trial, prepare_trial

_TICKS: Final = 100
"""Of /proc's clock in a second, on every Linux that Python runs on."""
_PATIENT: Final = {"request_timeout": 30, "send_gate": 2, "lease": 90}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used since it began."""

    seconds: float
    """Of processor time, user and system, all threads."""
    peak: float
    """MB that were resident at the most."""


def cost_of(pid: int) -> Cost:
    """Return what a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return Cost((int(fields[11]) + int(fields[12])) / _TICKS, int(peak.split()[1]) / 1024)


@contextmanager
def open_trial(
    adapter: str,
    *,
    crm: Mapping[str, Any] | None = None,
    destination: Mapping[str, Any] | None = None,
    files: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Trial]:
    """Give a trial that is set up; ``crm`` is the sandbox's settings, ``files`` lie beside it."""
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as name:
        sandbox = SandboxCrm.start(adapter, Path(name), settings=dict(crm or {}))
        trial = prepare_trial(
            Path(name),
            sandbox,
            adapter=adapter,
            tuning=_PATIENT,
            destination=destination,
        )
        for file, content in files.items():
            (trial.folder / file).write_text(content)
        try:
            trial.command("setup", adapter, "--apply")
            yield trial
        finally:
            trial.stop()
