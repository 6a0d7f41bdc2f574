"""How long something is ago on a clock that people set, measured by one that they can not."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.clock import ClockWatch
from connector.deliver.patience import Patience

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
Steps = tuple[tuple[float, float], ...]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def watch(*steps: tuple[float, float]) -> tuple[ClockWatch, datetime]:
    """Read both clocks each second; a step lets so much time pass and then sets the wall clock.

    Returns the watch and what the wall clock shows in the end.
    """
    clocks, boot, wall = ClockWatch(), 0.0, 0.0
    clocks.note(at(wall), boot)
    for passed, jump in steps:
        for _ in range(int(passed)):
            boot, wall = boot + 1, wall + 1
            clocks.note(at(wall), boot)
        wall += jump
        clocks.note(at(wall), boot)
    return clocks, at(wall)


@pytest.mark.parametrize(
    ("steps", "moment", "least", "most"),
    [
        (((10, 0),), 4, 6, 6),  # nobody touched it
        (((10, 0),), -50, 60, 60),  # from before the first reading
        (((10, 0),), 70, 0, -60),  # still to come
        (((10, 86_400), (5, 0)), 4, 11, 11),  # set ahead since
        (((10, 86_400), (5, 0)), 86_412, 3, 3),  # set ahead before
        (((10, 86_400), (5, 0)), 500, 5, 5),  # it never showed that
        (((10, -40), (5, 0)), 4, 0, 11),  # it was put back: it is to show that again
        (((10, -40), (50, 0)), 4, 16, 56),  # it showed that twice
        (((10, -40), (1, 86_400), (5, 0)), 8, 5, 8),  # back, then ahead
        (((10, 8), (10, 8), (10, 0)), 9, 21, 21),  # ahead twice
    ],
)
def test_what_passed_is_measured_by_the_clock_that_does_not_jump(
    steps: Steps, moment: float, least: float, most: float
) -> None:
    clocks, now = watch(*steps)

    assert clocks.at_least_since(at(moment), now) == timedelta(seconds=least)
    assert clocks.at_most_since(at(moment), now) == timedelta(seconds=most)


def test_a_slow_correction_is_no_jump() -> None:
    clocks = ClockWatch()
    for second in range(20_000):
        clocks.note(at(second * 1.0005), second)

    assert clocks.at_least_since(at(9.0), at(20_000.0)) == timedelta(seconds=19_991)


def test_a_reading_that_comes_late_is_no_jump() -> None:
    clocks = ClockWatch()
    clocks.note(at(0), 0.0)
    clocks.note(at(110), 10.0)
    clocks.note(at(9), 9.0)
    clocks.note(at(111), 11.0)

    assert clocks.at_least_since(at(5), at(111)) == timedelta(seconds=6)


def test_a_row_is_not_quiet_because_somebody_set_the_clock_ahead() -> None:
    clocks, now = watch((10, 0), (0, 86_400), (20, 0))
    patience = Patience(clocks, timedelta(seconds=152), timedelta(seconds=5))
    begun_at = at(10)

    left = patience.left(begun_at + timedelta(seconds=152), 0, now)

    assert left == timedelta(seconds=132)


def test_the_second_look_waits_for_its_own_gap_alone() -> None:
    clocks, now = watch((10, 86_400), (152, 0), (3, 0))
    patience = Patience(clocks, timedelta(seconds=152), timedelta(seconds=5))
    looked_up_at = now - timedelta(seconds=3)

    left = patience.left(looked_up_at + timedelta(seconds=5), 1, now)

    assert left == timedelta(seconds=2)
