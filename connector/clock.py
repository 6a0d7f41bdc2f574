"""Time as a dependency, so that tests decide what time it is."""

import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol


class Clock(Protocol):
    """Where the connector gets the time from."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware and in UTC."""
        ...

    def boot(self) -> float:
        """Return seconds since boot; never steps back and counts a suspended machine's sleep."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware and in UTC."""
        return datetime.now(UTC)

    def boot(self) -> float:
        """Return seconds since boot.

        CLOCK_BOOTTIME, because CLOCK_MONOTONIC stands still while a virtual machine sleeps; where
        the system has none (macOS), the monotonic clock.
        """
        return time.clock_gettime(_BOOT_CLOCK)


class _Span(NamedTuple):
    """A time in which nobody set the wall clock: it shows ``boot + offset``."""

    start: float
    offset: float


class ClockWatch:
    """Tells how long something is ago although the wall clock may have been set meanwhile.

    It notices that when the wall clock parts from the one that never jumps. A slow correction, as
    time servers make it, is none. What happened before the first reading it can not know.
    """

    def __init__(self) -> None:
        self._spans: deque[_Span] = deque(maxlen=100)
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def note(self, wall: datetime, boot: float) -> None:
        """Take both clocks, read at the same moment; a reading that comes late is left out."""
        offset = wall.timestamp() - boot
        with self._lock:
            if boot < self._read_at:
                return
            self._read_at = boot
            last = self._spans[-1] if self._spans else None
            if last is None or abs(offset - last.offset) > _TOLERANCE:
                self._spans.append(_Span(boot, offset))
            else:
                self._spans[-1] = _Span(last.start, offset)

    def at_least_since(self, moment: datetime, now: datetime) -> timedelta:
        """Return how long ago the wall clock last showed ``moment``; ``now`` is what it shows.

        Zero if it is still to show it.
        """
        with self._lock:
            spans = tuple(self._spans)
        if not spans:
            return max(now - moment, timedelta(0))
        stamp = moment.timestamp()
        here = end = now.timestamp() - spans[-1].offset
        for span in reversed(spans):
            began = stamp - span.offset
            if began >= span.start or span is spans[0]:
                break
            end = span.start
        return timedelta(seconds=here - min(began, end))

    def at_most_since(self, moment: datetime, now: datetime) -> timedelta:
        """Return how long ago the wall clock showed ``moment`` for the first time."""
        with self._lock:
            spans = tuple(self._spans)
        if not spans:
            return now - moment
        stamp = moment.timestamp()
        here = now.timestamp() - spans[-1].offset
        for span, later in zip(spans, (*spans[1:], None), strict=True):
            began = stamp - span.offset
            if later is None or began < later.start:
                break
        return timedelta(seconds=here - (began if span is spans[0] else max(began, span.start)))


_TOLERANCE: Final = 1.0
"""Seconds between two readings that may come of the readings themselves."""
_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
