"""The gate at the first byte: a write may not start long after it was announced in the ledger.

A process that was suspended between announcing a write and sending it could otherwise send it when
somebody else has long looked whether it happened. The age is measured on the clock that counts a
suspended machine's sleep, from before the announcing transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from connector import metrics
from connector.clock import Clock
from connector.errors import CrmUnavailableError

_DEADLINE: Final[ContextVar[tuple[float, Clock] | None]] = ContextVar("gate", default=None)


class GateClosedError(CrmUnavailableError):
    """A write came to the gate too late, and no byte of it left."""

    def __init__(self) -> None:
        super().__init__("the write came too late to its first byte", started=False)


@contextmanager
def gate(deadline: float, clock: Clock) -> Iterator[None]:
    """Let no write within start after ``deadline``, in seconds of ``clock.boot()``."""
    token = _DEADLINE.set((deadline, clock))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def require_open_gate() -> None:
    """Raise ``GateClosedError`` where the gate around this code has closed, and count it."""
    found = _DEADLINE.get()
    if found is not None and found[1].boot() > found[0]:
        metrics.GATE_REFUSED.inc()
        raise GateClosedError
