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
) -> list[Outcome]:
    """Send ``records`` by at most ``size`` at a time; return one outcome each, in their order.

    ``send`` returns one outcome a record or raises a ``CrmError``; raising one that concerns the
    whole destination and returning ``NotSent`` with it are the same. Up to ``concurrency`` slices
    are under way at once; what is already under way when another slice ends the run is let finish.
    """
    run = _Run(send)
    slices = await gather_in_batches(records, size, run.send_slice, concurrency=concurrency)
    return [outcome for outcomes in slices for outcome in outcomes]


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
            middle = len(records) // 2
            return [
                *await self.send_slice(records[:middle]),
                *await self.send_slice(records[middle:]),
            ]
        except CrmInDoubtError as error:
            return [InDoubt(str(error), error)] * len(records)
        except (CrmThrottledError, CrmUnavailableError, CrmAccessError) as error:
            self._end = self._end or error
            return [NotSent(error)] * len(records)

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
