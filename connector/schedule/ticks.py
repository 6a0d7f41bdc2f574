"""When a cron expression fires. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

_INSTANT: Final = timedelta(microseconds=1)
_SPANS: Final = (
    timedelta(0),
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=32),
    timedelta(days=400),
)
"""How far back a tick is looked for, step by step: expressions that fire often are met early."""


class Cron:
    """A cron expression in a time zone."""

    def __init__(self, expression: str, zone: ZoneInfo) -> None:
        self._trigger = CronTrigger.from_crontab(expression, timezone=zone)

    def next_tick(self, *, after: datetime) -> datetime | None:
        """Return the first tick after a moment; ``None`` if it never fires again."""
        found: datetime | None = self._trigger.get_next_fire_time(None, after + _INSTANT)
        return None if found is None else found.astimezone(UTC)

    def latest_tick(self, *, after: datetime, until: datetime) -> datetime | None:
        """Return the last tick after one moment and not after another, if there is one.

        One that lies further back than 400 days is not found.
        """
        for near, far in pairwise(_SPANS):
            start = max(after, until - far)
            ticks = list(self._ticks(after=start, until=until - near))
            if ticks:
                return ticks[-1]
            if start == after:
                return None
        return None

    def _ticks(self, *, after: datetime, until: datetime) -> Iterator[datetime]:
        tick = self.next_tick(after=after)
        while tick is not None and tick <= until:
            yield tick
            tick = self.next_tick(after=tick)
