"""Counts the requests that one piece of work makes, whatever else asks the same CRM meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Tally:
    """How many requests were made so far, those that failed included."""

    calls: int = 0


_TALLY: Final[ContextVar[Tally | None]] = ContextVar("tally", default=None)


@contextmanager
def tally_calls() -> Iterator[Tally]:
    """Count the requests made within, also by tasks that were started within."""
    tally = Tally()
    token = _TALLY.set(tally)
    try:
        yield tally
    finally:
        _TALLY.reset(token)


def count_call() -> None:
    """Count one request for whoever counts around this code."""
    tally = _TALLY.get()
    if tally is not None:
        tally.calls += 1
