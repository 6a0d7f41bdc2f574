"""What was asked of a sandbox CRM, call by call, for counts and rates."""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final, NamedTuple

MOST_KEPT: Final = 100_000


class Call(NamedTuple):
    """One call and how it ended."""

    number: int
    at: float
    """When it came, in epoch seconds."""
    method: str
    path: str
    call: str
    """Its short name."""
    status: int
    """What the client was sent; 0 for nothing."""
    fault: str | None
    request_bytes: int
    answer_bytes: int
    seconds: float


class CallLog:
    """The last calls whole, and the number of all."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._kept: deque[Call] = deque(maxlen=most)
        self._number = 0
        self.by_call: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()

    def next_number(self) -> int:
        """Return the number of the call that has just come."""
        self._number += 1
        return self._number

    def add(self, call: Call) -> None:
        """Keep a call that has ended."""
        self._kept.append(call)
        self.by_call[call.call] += 1
        self.by_status[call.status] += 1

    def since(self, number: int = 0) -> Sequence[Call]:
        """Return the calls kept that came after the one with this number, in order of coming."""
        return sorted(each for each in self._kept if each.number > number)

    def clear(self) -> None:
        """Forget every call."""
        self._kept.clear()
        self.by_call.clear()
        self.by_status.clear()


def busiest(calls: Sequence[Call], seconds: float) -> int:
    """Return the most calls that came in any window of so many seconds."""
    times = sorted(each.at for each in calls)
    most = start = 0
    for end, moment in enumerate(times):
        while times[start] <= moment - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most
