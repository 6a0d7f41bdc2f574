"""Harm on demand: what is to go wrong, on which calls, and how often.

A fault says on which side of the commit it strikes, since that is what a client cannot see:

kind            applied   what the client sees
throttle        no        429, by ``policy``, with ``retry_after`` if given
unauthorized    no        401; ``policy`` names the category
forbidden_html  no        403 as a page, as a content network answers
unavailable     no        503, with ``retry_after`` if given
status          no        ``status``, ``headers`` and ``body`` as given
error_before    no        ``status``, 500 if not given
error_after     yes       ``status``, 500 if not given
timeout_before  no        nothing; the connection stays open
timeout_after   yes       nothing; the connection stays open
late_commit     later     nothing; applied ``seconds`` after the request came, client or no client
reset_before    no        the connection is reset
reset_after     yes       the connection is reset
half_answer     yes       half of the body, then the end
garble          yes       a 200 that is not JSON
omit_input      yes       a 207 in which one input is in neither list; with ``applied`` false it is
                          not written either
slow            yes       the answer, after ``seconds``
drip            yes       the answer, one byte at a time over ``seconds``
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import count as count_up
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

FaultKind = Literal[
    "throttle",
    "unauthorized",
    "forbidden_html",
    "unavailable",
    "status",
    "error_before",
    "error_after",
    "timeout_before",
    "timeout_after",
    "late_commit",
    "reset_before",
    "reset_after",
    "half_answer",
    "garble",
    "omit_input",
    "slow",
    "drip",
]


class Match(BaseModel):
    """Which calls a fault strikes. What is not given matches everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    call: str = "*"
    """A pattern over the call's name: ``communications.upsert``, ``*.search``, ``contacts.*``."""
    method: str | None = None
    path: str | None = None
    """A text the path contains."""
    body: str | None = None
    """A text the body contains."""

    def fits(self, method: str, path: str, call: str, body: bytes) -> bool:
        """Say whether a call is meant."""
        return (
            any(fnmatchcase(call, each) for each in re.split(r"[,\s]+", self.call))
            and self.method in {None, method}
            and (self.path is None or self.path in path)
            and (self.body is None or self.body.encode() in body)
        )


class Fault(BaseModel):
    """One order of harm. It strikes ``count`` matching calls, or a ``share`` of them, or one."""

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    match: Match = Match()
    count: Annotated[int, Field(ge=1)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    skip: Annotated[int, Field(ge=0)] = 0
    """Matching calls that pass unharmed first."""
    seconds: Annotated[float, Field(ge=0)] = 1.0
    status: Annotated[int, Field(ge=200, le=599)] = 500
    policy: str | None = None
    retry_after: int | None = None
    applied: bool = True
    headers: dict[str, str] = {}
    body: Any = None

    id: int = 0
    """Given when it is ordered."""
    fired: int = 0
    _passed: int = PrivateAttr(default=0)

    @property
    def spent(self) -> bool:
        """Whether it will strike no more."""
        most = self.count if self.count is not None else (1 if self.share is None else None)
        return most is not None and self.fired >= most


class Faults:
    """The orders that stand. The first one that fits a call strikes it."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - which calls are hit, no secret
        self._ids = count_up(1)
        self._orders: list[Fault] = []
        self.fired: Counter[str] = Counter()
        """Strikes so far, by kind; outlives the orders."""

    def order(self, fault: Fault) -> Fault:
        """Let a fault strike from now on."""
        fault.id = next(self._ids)
        self._orders.append(fault)
        return fault

    def standing(self) -> Sequence[Fault]:
        """Return every order, spent or not."""
        return tuple(self._orders)

    def cancel(self) -> None:
        """Withdraw every order. What has struck stays counted."""
        self._orders.clear()

    def reseed(self, seed: int) -> None:
        """Start the sequence of chances again."""
        self._random.seed(seed)

    def draw(self, method: str, path: str, call: str, body: bytes) -> Fault | None:
        """Return the fault that strikes this call, if any, and count it."""
        for fault in self._orders:
            if fault.spent or not fault.match.fits(method, path, call, body):
                continue
            fault._passed += 1  # noqa: SLF001 - a fault's own memory, kept out of its JSON
            if fault._passed <= fault.skip:  # noqa: SLF001 - likewise
                continue
            if fault.share is not None and self._random.random() >= fault.share:
                continue
            fault.fired += 1
            self.fired[fault.kind] += 1
            return fault
        return None
