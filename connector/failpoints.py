"""Named places at which a test may kill, stop, delay or fail this process.

``failpoint("settle.before_commit")`` stands at every commit and every write to the network. Nothing
happens there unless ``CONNECTOR_FAILPOINTS`` says what, and ``CONNECTOR_FAILPOINTS_ARE_FOR`` is
``tests``, so that a variable left behind on a real machine kills nobody::

    CONNECTOR_FAILPOINTS="settle.before_commit=kill@3, send.before_write=sleep:2.5"

An action strikes once, on the n-th pass (``@n``, the first if not given):

kill     SIGKILL to this process
stop     SIGSTOP to this process, until somebody continues it
raise    ``FailpointError``, as a mistake nobody foresaw would
die      ``FailpointDeath``, which no handler of exceptions stops: a death within a test's process
sleep:S  S seconds in which this thread does nothing
"""

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

VARIABLE: Final = "CONNECTOR_FAILPOINTS"
MARKER: Final = "CONNECTOR_FAILPOINTS_ARE_FOR"

NAMES: Final = (
    "receive.before_signature",
    "receive.after_signature",
    "receive.queued",
    "receive.before_commit",
    "receive.after_commit",
    "receive.before_reply",
    "record.begun",
    "record.after_people",
    "record.before_commit",
    "record.after_commit",
    "lease.claimed",
    "lease.before_renewal",
    "lease.before_release",
    "takeover.before_commit",
    "claim.read",
    "begin.before_commit",
    "begin.after_commit",
    "send.before_write",
    "send.after_headers",
    "send.after_body",
    "answer.after_status",
    "answer.after_body",
    "settle.before_commit",
    "settle.after_commit",
    "verify.before_read",
    "verify.after_read",
    "verify.before_commit",
    "rest.before_commit",
    "standing.before_commit",
    "sweep.mid",
    "token.after_refresh",
    "migrate.mid",
    "drain.begun",
)
"""Every place, in the order in which a message comes by."""

_ORDER: Final = re.compile(
    r"(?P<name>[a-z_.]+)=(?P<action>kill|stop|raise|die|sleep:(?P<seconds>[0-9.]+))(@(?P<pass>\d+))?"
)


class FailpointError(Exception):
    """Raised on order."""


class FailpointDeath(BaseException):
    """Raised on order; unwinds everything."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to happen, and on which pass."""

    action: str
    on_pass: int
    seconds: float = 0.0


class Failpoints:
    """The orders that stand, and how often each place was passed."""

    def __init__(self, text: str) -> None:
        """Read orders. Raises ``ValueError`` for what is none, or a place that there is not."""
        self.orders: Final = _read_orders(text)
        self.passes: Final[Counter[str]] = Counter()
        self._lock = threading.Lock()

    def strike(self, name: str) -> None:
        """Count a pass, and do what was ordered for it."""
        with self._lock:
            self.passes[name] += 1
            order = self.orders.get(name)
            if order is None or self.passes[name] != order.on_pass:
                return
        match order.action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "raise":
                raise FailpointError(name)
            case "die":
                raise FailpointDeath(name)
            case _:
                time.sleep(order.seconds)


def _read_orders(text: str) -> dict[str, Order]:
    orders: dict[str, Order] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _ORDER.fullmatch(part)
        if found is None or found["name"] not in NAMES:
            raise ValueError(f"{VARIABLE} has an order that is none: {part}")
        seconds = float(found["seconds"] or 0)
        action = "sleep" if found["seconds"] else found["action"]
        orders[found["name"]] = Order(action, int(found["pass"] or 1), seconds)
    return orders


def read_environment(environ: Mapping[str, str]) -> Failpoints | None:
    """Return the orders of an environment that may give some. Raises ``ValueError``."""
    text = environ.get(VARIABLE)
    return Failpoints(text) if text and environ.get(MARKER) == "tests" else None


def environment(text: str) -> dict[str, str]:
    """Return the variables that arm another process."""
    return {VARIABLE: text, MARKER: "tests"}


_standing: Failpoints | None = read_environment(os.environ)


def arm(text: str) -> Failpoints:
    """Let orders stand in this process, in place of those that stood."""
    global _standing  # noqa: PLW0603 - one process, one set of orders
    _standing = Failpoints(text)
    return _standing


def disarm() -> None:
    """Let nothing happen any more."""
    global _standing  # noqa: PLW0603 - likewise
    _standing = None


def armed() -> bool:
    """Say whether orders stand."""
    return _standing is not None


def failpoint(name: str) -> None:
    """Pass a place, one of ``NAMES``."""
    if _standing is not None:
        _standing.strike(name)
