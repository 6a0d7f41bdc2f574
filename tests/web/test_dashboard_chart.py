"""The chart of a day, as outlines: pure."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from connector.web.dashboard.chart import BUCKETS, DAY, draw, nice_span, nice_top

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


def minutes(start: datetime, values: list[float]) -> dict[datetime, float]:
    return {start + timedelta(minutes=number): value for number, value in enumerate(values)}


def test_five_minutes_are_one_step_at_their_mean() -> None:
    values = minutes(NOW - DAY, [10, 0, 0, 0, 0, 4, 4, 4, 4, 4])
    chart = draw({"received": values}, until=NOW)

    assert chart.top == 4
    assert chart.lines[0].line == "M0 50 L1 0 L2 0"
    assert chart.lines[0].area == "M0 100 L0 50 L1 0 L2 0 L2 100 Z"


def test_five_minutes_are_one_step_at_their_most() -> None:
    chart = draw({"lag": minutes(NOW - DAY, [10, 0, 90])}, until=NOW, most=True, limit=300)

    assert chart.top == 600
    assert chart.lines[0].line == "M0 85 L1 85"
    assert chart.limit == 50


def test_what_nobody_watched_is_a_gap() -> None:
    values = minutes(NOW - DAY, [1] * 5) | minutes(NOW - DAY + timedelta(hours=1), [1] * 5)
    chart = draw({"synced": values}, until=NOW)

    assert chart.lines[0].line == "M0 0 L1 0 M12 0 L13 0"


def test_what_is_older_than_a_day_or_to_come_is_left_out() -> None:
    values = {NOW - DAY - timedelta(minutes=1): 5.0, NOW: 5.0, NOW - timedelta(minutes=1): 1.0}
    chart = draw({"received": values}, until=NOW)

    assert chart.lines[0].line == f"M{BUCKETS - 1} 0 L{BUCKETS} 0"


def test_a_day_without_anything_is_empty_and_a_day_of_nothing_is_not() -> None:
    assert draw({"received": {}}, until=NOW).empty
    assert draw({"received": {}}, until=NOW).lines[0].line == ""
    quiet = draw({"received": minutes(NOW - DAY, [0] * 5)}, until=NOW)
    assert not quiet.empty
    assert quiet.lines[0].line == "M0 100 L1 100"


def test_the_labels_stand_at_equal_distances_over_the_whole_day() -> None:
    labels = draw({}, until=NOW).labels

    assert (labels[0], labels[-1]) == (NOW - DAY, NOW)
    assert {after - before for before, after in itertools.pairwise(labels)} == {timedelta(hours=4)}


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 1), (0.3, 1), (1, 1), (1.1, 2), (3, 4), (5, 6), (7, 10), (61, 100)]
)
def test_a_top_is_round_and_not_below_what_it_covers(largest: float, top: float) -> None:
    assert nice_top(largest) == top


@pytest.mark.parametrize(
    ("seconds", "top"), [(10, 60), (375, 600), (3600, 3600), (3601, 7200), (90_000, 144_000)]
)
def test_a_top_of_time_is_a_round_number_of_minutes_or_hours(seconds: float, top: float) -> None:
    assert nice_span(seconds) == top
