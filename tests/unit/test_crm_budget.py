"""Budgets, on a clock that only moves when somebody sleeps."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config.units import Rate
from connector.crm.budget import Budgets
from connector.errors import CrmThrottledError


class HandClock:
    """A clock that jumps to the next sleeper's time once everybody sleeps."""

    def __init__(self) -> None:
        self.start = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
        self.seconds = 1000.0
        self.sleepers: list[tuple[float, int, asyncio.Event]] = []
        self.slept = 0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds - 1000)

    def boot(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        rested = asyncio.Event()
        heappush(self.sleepers, (self.seconds + seconds, self.slept, rested))
        await rested.wait()

    def play(self, scene: Coroutine[Any, Any, None]) -> None:
        """Run a scene in its own time."""

        async def drive() -> None:
            task = asyncio.ensure_future(scene)
            while not task.done():
                for _ in range(50):
                    await asyncio.sleep(0)
                if self.sleepers:
                    self.seconds, _, rested = heappop(self.sleepers)
                    rested.set()
            await task

        asyncio.run(drive())


def rate(requests: int, seconds: float) -> Rate:
    return Rate(requests=requests, per=timedelta(seconds=seconds))


def make(clock: HandClock, **windows: Rate) -> Budgets:
    return Budgets(windows, clock=clock, sleep=clock.sleep)


def most_in_a_window(times: list[float], length: float) -> int:
    return max(sum(1 for other in times if time <= other < time + length) for time in times)


@given(
    limit=st.integers(1, 12),
    per=st.floats(0.5, 20),
    waits=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_no_window_ever_holds_more_than_its_limit(
    limit: int, per: float, waits: list[float]
) -> None:
    clock = HandClock()
    budgets = make(clock, burst=rate(limit, per))
    times: list[float] = []

    async def run() -> None:
        for wait in waits:
            await clock.sleep(wait)
            await budgets.take({"burst": 1})
            times.append(clock.seconds)

    clock.play(run())
    assert len(times) == len(waits)
    assert most_in_a_window(times, per - 0.001) <= limit


@given(
    limit=st.integers(1, 8),
    latencies=st.lists(st.tuples(st.floats(0, 4), st.floats(0, 1)), min_size=1, max_size=40),
)
def test_no_window_of_the_crm_holds_more_whenever_it_counts_a_request(
    limit: int, latencies: list[tuple[float, float]]
) -> None:
    clock = HandClock()
    budgets = make(clock, burst=rate(limit, 2))
    counted: list[float] = []

    async def call(latency: float, share: float) -> None:
        async with budgets.hold({"burst": 1}):
            sent = clock.seconds
            await clock.sleep(latency)
            counted.append(sent + (clock.seconds - sent) * share)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for latency, share in latencies:
                group.create_task(call(latency, share))

    clock.play(run())
    assert len(counted) == len(latencies)
    assert most_in_a_window(counted, 1.999) <= limit


def test_a_full_window_makes_the_next_wait_until_its_oldest_draw_is_gone() -> None:
    clock = HandClock()
    budgets = make(clock, burst=rate(3, 10))

    async def run() -> None:
        for _ in range(3):
            await budgets.take({"burst": 1})
            clock.seconds += 1
        await budgets.take({"burst": 1})

    clock.play(run())
    assert clock.seconds == pytest.approx(1010)


def test_who_came_first_is_served_first_even_if_it_asks_for_more() -> None:
    clock = HandClock()
    budgets = make(clock, burst=rate(5, 10))
    served: list[str] = []

    async def ask(name: str, amount: float) -> None:
        await budgets.take({"burst": amount})
        served.append(name)

    async def run() -> None:
        await budgets.take({"burst": 4})
        async with asyncio.TaskGroup() as group:
            group.create_task(ask("large", 5))
            for name in ("a", "b"):
                group.create_task(ask(name, 1))

    clock.play(run())
    assert served == ["large", "a", "b"]


def test_waiting_for_one_budget_does_not_hold_up_another() -> None:
    clock = HandClock()
    budgets = make(clock, search=rate(1, 60), burst=rate(5, 10))
    served: list[str] = []

    async def ask(name: str) -> None:
        await budgets.take({name: 1})
        served.append(name)

    async def run() -> None:
        await budgets.take({"search": 1})
        async with asyncio.TaskGroup() as group:
            group.create_task(ask("search"))
            group.create_task(ask("burst"))

    clock.play(run())
    assert served == ["burst", "search"]


def test_waiting_until_enough_is_free_takes_nothing() -> None:
    clock = HandClock()
    budgets = make(clock, burst=rate(10, 10))

    async def run() -> None:
        await budgets.take({"burst": 5})
        clock.seconds += 4
        await budgets.wait_for({"burst": 6})
        assert clock.seconds == pytest.approx(1010)
        assert budgets.left()["burst"].left == 10
        await budgets.wait_for({"burst": 1000})

    clock.play(run())


def test_a_draw_larger_than_the_limit_waits_for_an_empty_window() -> None:
    clock = HandClock()
    budgets = make(clock, burst=rate(4, 10))

    async def run() -> None:
        await budgets.take({"burst": 1})
        await budgets.take({"burst": 9})

    clock.play(run())
    assert clock.seconds == pytest.approx(1010)


def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    clock = HandClock()
    budgets = Budgets({"burst": rate(1, 10)}, clock=clock)

    async def run() -> None:
        await budgets.take({"burst": 1})
        waiting = asyncio.create_task(budgets.take({"burst": 1}))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        clock.seconds += 10
        await asyncio.wait_for(budgets.take({"burst": 1}), 1)

    clock.play(run())
    assert budgets.left()["burst"].left == 0


def test_headers_can_lower_a_window_and_never_raise_it() -> None:
    clock = HandClock()
    budgets = make(clock, burst=rate(90, 10))
    budgets.lower("burst", limit=100, left=99)
    assert budgets.left()["burst"].limit == 90
    assert budgets.left()["burst"].left == 90
    budgets.lower("burst", limit=50, left=20, resets_in=timedelta(seconds=4))
    state = budgets.left()["burst"]
    assert (state.limit, state.left) == (50, 20)
    assert state.resets_at == clock.now() + timedelta(seconds=4)
    clock.seconds += 4.001
    assert budgets.left()["burst"].left == 50
    budgets.lower("nobody spends from this", limit=1)


def test_a_used_up_day_is_told_instead_of_waited_for() -> None:
    clock = HandClock()
    budgets = Budgets({}, clock=clock, daily={"daily": 3}, used={"daily": 2}, sleep=clock.sleep)

    async def run() -> None:
        await budgets.take({"daily": 1})
        with pytest.raises(CrmThrottledError) as caught:
            await budgets.take({"daily": 1})
        assert caught.value.cooldown == timedelta(hours=14)
        with pytest.raises(CrmThrottledError):
            await budgets.wait_for({"daily": 1})

    clock.play(run())
    assert budgets.used_today("daily") == 3
    clock.seconds += timedelta(hours=14).total_seconds()
    assert budgets.used_today("daily") == 0
    asyncio.run(budgets.take({"daily": 1}))


def test_an_unknown_allowance_is_learnt_from_the_crm() -> None:
    clock = HandClock()
    budgets = Budgets({}, clock=clock, daily={"daily": None})
    asyncio.run(budgets.take({"daily": 5}))
    assert budgets.left()["daily"].left is None
    budgets.lower("daily", limit=250_000, left=249_000, resets_in=timedelta(hours=17))
    state = budgets.left()["daily"]
    assert (state.limit, state.left) == (250_000, 249_000)
    assert state.resets_at == clock.now() + timedelta(hours=17)
    budgets.lower("daily", limit=900_000, left=900_000)
    assert budgets.left()["daily"].left == 249_000


def test_what_is_left_of_an_unknown_allowance_becomes_its_limit() -> None:
    clock = HandClock()
    budgets = Budgets({}, clock=clock, daily={"daily": None})
    asyncio.run(budgets.take({"daily": 5}))
    budgets.lower("daily", left=7)
    assert budgets.left()["daily"].left == 7


def test_scarcity_goes_from_nothing_to_all_of_the_scarcest_budget() -> None:
    clock = HandClock()
    budgets = Budgets(
        {"burst": rate(10, 10), "search": rate(4, 1)}, clock=clock, daily={"daily": None}
    )
    assert budgets.scarcity() == 0
    asyncio.run(budgets.take({"burst": 5}))
    assert budgets.scarcity() == pytest.approx(0.5)
    asyncio.run(budgets.take({"search": 4}))
    assert budgets.scarcity() == 1
    assert budgets.scarcity(["burst"]) == pytest.approx(0.5)


def test_a_day_is_scarce_only_for_what_is_spent_ahead_of_it() -> None:
    clock = HandClock()  # ten in the morning: 14 hours of the day are left
    budgets = Budgets({}, clock=clock, daily={"daily": 2400}, used={"daily": 1000})
    assert budgets.scarcity() == pytest.approx(0)
    budgets.lower("daily", left=700)
    assert budgets.scarcity() == pytest.approx(0.5)
    budgets.lower("daily", left=0)
    assert budgets.scarcity() == 1
