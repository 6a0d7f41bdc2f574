"""How many calls a CRM account still takes: rolling windows and daily allowances.

A window's promise is that of the CRM's own counter: it never counts more than ``limit`` requests in
any window of that length. We do not know when the CRM counts a request, only that it does so
between our sending it and its answer; so a draw weighs on the window until the window's length
after the answer (``hold``), or after it was taken (``take``).
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from connector.clock import Clock
from connector.config.units import Rate
from connector.errors import CrmThrottledError

Draws = Mapping[str, float]
"""What one request costs, by budget: ``{"burst": 1}``, ``{"tokens": 10}``."""

_UNANSWERED_POLL: Final = 0.05
"""Seconds after which a full window is looked at again that only answers can empty."""


@dataclass(frozen=True, slots=True)
class BudgetState:
    """One budget now. ``limit`` is ``None`` where nothing is known of a limit."""

    limit: float | None
    left: float | None
    resets_at: datetime | None
    """When the oldest draw, or the day's allowance, comes back; ``None`` if nothing is out."""


@dataclass(slots=True, eq=False)
class _Draw:
    amount: float
    counted_at: float
    """Seconds since boot, infinite while the CRM has not answered."""


class _Window:
    """A limit over every window of ``per`` seconds."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self.limit: float = rate.requests
        self.per: float = rate.per.total_seconds()
        self._clock = clock
        self._draws: deque[_Draw] = deque()

    def left(self) -> float:
        horizon = self._clock.boot() - self.per
        if any(draw.counted_at <= horizon for draw in self._draws):
            self._draws = deque(draw for draw in self._draws if draw.counted_at > horizon)
        return self.limit - sum(draw.amount for draw in self._draws)

    def wait(self, amount: float) -> float:
        """Return the seconds until ``amount`` may be free; 0 if it is."""
        lacking = min(amount, self.limit) - self.left()
        if lacking <= 0:
            return 0.0
        freed = 0.0
        for draw in sorted(self._draws, key=lambda draw: draw.counted_at):
            freed += draw.amount
            if freed >= lacking:
                if math.isinf(draw.counted_at):
                    return _UNANSWERED_POLL
                return draw.counted_at + self.per - self._clock.boot()
        return _UNANSWERED_POLL

    def draw(self, amount: float, *, answered: bool) -> _Draw:
        counted_at = self._clock.boot() if answered else math.inf
        draw = _Draw(amount, counted_at)
        self._draws.append(draw)
        return draw

    def settle(self, draw: _Draw) -> None:
        draw.counted_at = self._clock.boot()

    def lower(
        self, *, limit: float | None, left: float | None, resets_in: timedelta | None
    ) -> None:
        if limit is not None:
            self.limit = max(1.0, min(self.limit, limit))
        if left is not None and (surplus := self.left() - max(left, 0.0)) > 0:
            wait = self.per if resets_in is None else min(resets_in.total_seconds(), self.per)
            self._draws.append(_Draw(surplus, self._clock.boot() + wait - self.per))

    def state(self) -> BudgetState:
        left = self.left()
        times = [draw.counted_at for draw in self._draws if math.isfinite(draw.counted_at)]
        wait = min(times) + self.per - self._clock.boot() if times else None
        return BudgetState(
            self.limit,
            max(left, 0.0),
            None if wait is None else self._clock.now() + timedelta(seconds=wait),
        )


class _Day:
    """An allowance that comes back as a whole: at midnight UTC until the CRM says when."""

    def __init__(self, limit: float | None, used: float, clock: Clock) -> None:
        self.limit = limit
        self.used = used
        self._clock = clock
        self.resets_at = _next_midnight(clock.now())

    def roll(self) -> None:
        now = self._clock.now()
        if now >= self.resets_at:
            self.used = 0.0
            days = (now - self.resets_at) // timedelta(days=1) + 1
            self.resets_at += days * timedelta(days=1)

    def left(self) -> float:
        self.roll()
        return math.inf if self.limit is None else self.limit - self.used

    def lower(
        self, *, limit: float | None, left: float | None, resets_in: timedelta | None
    ) -> None:
        self.roll()
        if resets_in is not None:
            self.resets_at = self._clock.now() + resets_in
        if limit is not None:
            self.limit = limit if self.limit is None else min(self.limit, limit)
        if left is not None:
            if self.limit is None:
                self.limit = self.used + max(left, 0.0)
            self.used = max(self.used, self.limit - max(left, 0.0))

    def state(self) -> BudgetState:
        left = self.left()
        return BudgetState(self.limit, None if math.isinf(left) else max(left, 0.0), self.resets_at)


class Budgets:
    """The budgets of one account, spent by one process at a time.

    ``windows`` are limits over rolling windows, ``daily`` allowances by the day (``None``: unknown
    until the CRM's headers tell), ``used`` what earlier holders spent of today's.
    """

    def __init__(
        self,
        windows: Mapping[str, Rate],
        *,
        clock: Clock,
        daily: Mapping[str, float | None] | None = None,
        used: Mapping[str, float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._windows = {name: _Window(rate, clock) for name, rate in windows.items()}
        self._days = {
            name: _Day(limit, (used or {}).get(name, 0.0), clock)
            for name, limit in (daily or {}).items()
        }
        self._queues: dict[str, asyncio.Lock] = {name: asyncio.Lock() for name in self._windows}

    async def take(self, draws: Draws) -> None:
        """Wait until ``draws`` fit and take them; first come, first served.

        Raises ``CrmThrottledError`` instead of waiting for a day's allowance that is used up.
        """
        await self._acquire(draws, answered=True)

    @asynccontextmanager
    async def hold(self, draws: Draws) -> AsyncIterator[None]:
        """Take ``draws`` for the length of one request: the CRM counts it somewhere within."""
        taken = await self._acquire(draws, answered=False)
        try:
            yield
        finally:
            for window, draw in taken:
                window.settle(draw)

    async def wait_for(self, draws: Draws) -> None:
        """Wait until ``draws`` could be taken at once, without taking them."""
        self._require_day(draws)
        while (wait := self._wait(draws)) > 0:
            await self._sleep(wait)

    def lower(
        self,
        name: str,
        *,
        limit: float | None = None,
        left: float | None = None,
        resets_in: timedelta | None = None,
    ) -> None:
        """Take note of what the CRM says of a budget; it can only take away.

        ``left`` counts until ``resets_in`` is over. A name nobody spends from is ignored.
        """
        budget = self._windows.get(name) or self._days.get(name)
        if budget is not None:
            budget.lower(limit=limit, left=left, resets_in=resets_in)

    def left(self) -> dict[str, BudgetState]:
        """Return the state of each budget by name."""
        return {name: budget.state() for name, budget in (self._windows | self._days).items()}

    def spent_today(self) -> float:
        """Return what is spent of the day's allowance, whatever its name; 0 where there is none."""
        return max((self.used_today(name) for name in self._days), default=0.0)

    def used_today(self, name: str) -> float:
        """Return what is spent of a day's allowance, to be kept for the next holder."""
        day = self._days[name]
        day.roll()
        return day.used

    def scarcity(self, names: Iterable[str] | None = None) -> float:
        """Return how much of the scarcest budget is out: 0 nothing, 1 all of it.

        A day's allowance counts only for what is spent ahead of the day: half of it at noon is 0.
        """
        chosen = set(self._windows) | set(self._days) if names is None else set(names)
        shares = [0.0]
        for name in chosen & self._windows.keys():
            window = self._windows[name]
            shares.append(1 - window.left() / window.limit)
        for name in chosen & self._days.keys():
            day = self._days[name]
            left = day.left()
            if day.limit:
                rest_of_day = (day.resets_at - self._clock.now()) / timedelta(days=1)
                shares.append(1 - left / (day.limit * min(max(rest_of_day, 0.01), 1.0)))
        return min(max(shares), 1.0)

    async def _acquire(self, draws: Draws, *, answered: bool) -> Sequence[tuple[_Window, _Draw]]:
        self._require_day(draws)
        if (
            any(self._queues[name].locked() for name in draws if name in self._queues)
            or self._wait(draws) > 0
        ):
            async with AsyncExitStack() as queues:
                for name in sorted(draws.keys() & self._queues.keys()):
                    await queues.enter_async_context(self._queues[name])
                while (wait := self._wait(draws)) > 0:
                    await self._sleep(wait)
                self._require_day(draws)
                return self._draw(draws, answered=answered)
        return self._draw(draws, answered=answered)

    def _draw(self, draws: Draws, *, answered: bool) -> Sequence[tuple[_Window, _Draw]]:
        taken = []
        for name, amount in draws.items():
            if (window := self._windows.get(name)) is not None:
                taken.append((window, window.draw(amount, answered=answered)))
            else:
                self._days[name].used += amount
        return taken

    def _wait(self, draws: Draws) -> float:
        return max(
            (self._windows[name].wait(n) for name, n in draws.items() if name in self._windows),
            default=0.0,
        )

    def _require_day(self, draws: Draws) -> None:
        for name, amount in draws.items():
            day = self._days.get(name)
            if day is not None and day.left() < amount:
                raise CrmThrottledError(
                    f"the {name} allowance of this account is used up",
                    cooldown=day.resets_at - self._clock.now(),
                    status=None,
                )


def _next_midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
