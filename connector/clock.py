"""Time as a dependency, so that tests decide what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


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


_BOOT_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
