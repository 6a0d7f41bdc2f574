"""Records to a CRM in slices, and what became of each: a bad record spoils no other.

A slice the CRM refuses as a whole is halved until the record at fault stands alone, which takes at
most twice the logarithm of its size in extra calls. What concerns the whole destination (throttled,
away, no access) ends the run: later slices are not sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from connector.errors import (
    CrmAccessError,
    CrmError,
    CrmInDoubtError,
    CrmRejectedError,
    CrmThrottledError,
    CrmUnavailableError,
)
from connector.model.outcome import InDoubt, NotSent, Outcome, Rejected

T = TypeVar("T")
R = TypeVar("R")
Send = Callable[[Sequence[T]], Awaitable[Sequence[Outcome]]]


async def send_in_batches(
    records: Sequence[T],
    size: int,
    send: Send[T],
    *,
    concurrency: int = 1,
    together: Callable[[T], str] | None = None,
) -> list[Outcome]:
    """Send ``records`` by at most ``size`` at a time; return one outcome each, in their order.

    Slices that are under way side by side are applied in any order, and one may fail where the next
    does not. So records for which ``together`` says the same go in one slice, in their order; where
    they are more than a slice takes, one slice goes after the other.

    ``send`` returns one outcome a record or raises a ``CrmError``; raising one that concerns the
    whole destination and returning ``NotSent`` with it are the same. Up to ``concurrency`` slices
    are under way at once; what is already under way when another slice ends the run is let finish.
    """
    run = _Run(send)
    packed = None if together is None else pack([together(record) for record in records], size)
    if packed is None:
        alone = 1 if together is not None else concurrency
        slices = await gather_in_batches(records, size, run.send_slice, concurrency=alone)
        return [outcome for outcomes in slices for outcome in outcomes]
    answers = await gather_in_batches(
        packed,
        1,
        lambda places: run.send_slice([records[place] for place in places[0]]),
        concurrency=concurrency,
    )
    found: dict[int, Outcome] = {}
    for places, outcomes in zip(packed, answers, strict=True):
        found |= zip(places, outcomes, strict=True)
    return [found[place] for place in range(len(records))]


def pack(names: Sequence[str], size: int) -> list[list[int]] | None:
    """Return the places of ``names`` in slices of at most ``size``, those of one name in one slice.

    A name goes into the first slice with room for all of it. ``None`` where one has more places
    than that.
    """
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(name, []).append(place)
    slices: list[list[int]] = []
    for places in groups.values():
        if len(places) > size:
            return None
        room = next((each for each in slices if len(each) + len(places) <= size), None)
        if room is None:
            slices.append(list(places))
        else:
            room += places
    return slices


async def gather_in_batches(
    items: Sequence[T],
    size: int,
    work: Callable[[Sequence[T]], Awaitable[R]],
    *,
    concurrency: int = 1,
) -> list[R]:
    """Do ``work`` for at most ``size`` items at a time; return its answers in the items' order.

    Up to ``concurrency`` are under way at once. The first error ends all of them and is raised.
    """
    starts = range(0, len(items), size)
    answers: dict[int, R] = {}
    left = iter(starts)

    async def keep_working() -> None:
        for start in left:
            answers[start] = await work(items[start : start + size])

    if concurrency == 1 or len(starts) < 2:
        await keep_working()
    else:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, len(starts))):
                    group.create_task(keep_working())
        except ExceptionGroup as failures:  # the same error as from one worker
            raise failures.exceptions[0] from failures
    return [answers[start] for start in starts]


class _Run(Generic[T]):
    """One pass over the records; remembers why it ended early, if it did."""

    def __init__(self, send: Send[T]) -> None:
        self._send = send
        self._end: CrmError | None = None

    async def send_slice(self, records: Sequence[T]) -> list[Outcome]:
        if self._end is not None:
            return [NotSent(self._end)] * len(records)
        try:
            return await self._send_whole(records)
        except CrmRejectedError as error:
            if len(records) == 1:
                return [Rejected(error.code, str(error), error.field, error.status, error.said)]
            return await self._send_halves(records)
        except CrmInDoubtError as error:
            return [InDoubt(str(error), error)] * len(records)
        except (CrmThrottledError, CrmUnavailableError, CrmAccessError) as error:
            self._end = self._end or error
            return [NotSent(error)] * len(records)

    async def _send_halves(self, records: Sequence[T]) -> list[Outcome]:
        middle = len(records) // 2
        first = await self.send_slice(records[:middle])
        doubt = next((each.cause for each in first if isinstance(each, InDoubt)), None)
        if doubt is not None:  # the second half may not overtake the first
            return first + [NotSent(doubt)] * (len(records) - middle)
        return first + await self.send_slice(records[middle:])

    async def _send_whole(self, records: Sequence[T]) -> list[Outcome]:
        outcomes = list(await self._send(records))
        if len(outcomes) != len(records):
            raise CrmInDoubtError(
                f"the adapter told of {len(outcomes)} records out of {len(records)}"
            )
        for outcome in outcomes:
            if isinstance(outcome, NotSent):
                self._end = self._end or outcome.cause
        return outcomes
