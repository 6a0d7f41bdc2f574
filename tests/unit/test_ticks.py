"""Cron expressions fire when they say, in their own time zone, and are found looking back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.schedule.ticks import Cron

ZONE = ZoneInfo("America/Sao_Paulo")
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 24, 10, 7, 30, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "before", "after"),
    [
        ("*/15 * * * *", "2026-11-24T10:00", "2026-11-24T10:15"),
        ("* * * * *", "2026-11-24T10:07", "2026-11-24T10:08"),
        ("0 * * * *", "2026-11-24T10:00", "2026-11-24T11:00"),
        ("30 3 * * *", "2026-11-24T06:30", "2026-11-25T06:30"),
        ("0 8 * * mon", "2026-11-23T11:00", "2026-11-30T11:00"),
        ("0 0 1 * *", "2026-11-01T03:00", "2026-12-01T03:00"),
        ("0 0 1 1 *", "2026-01-01T03:00", "2027-01-01T03:00"),
    ],
)
def test_the_ticks_around_now_are_those_of_the_expression(
    expression: str, before: str, after: str
) -> None:
    cron = Cron(expression, ZONE)

    assert cron.latest_tick(after=LONG_AGO, until=NOW) == at(before)
    assert cron.next_tick(after=NOW) == at(after)


def test_a_tick_is_its_own_latest_and_not_its_own_next() -> None:
    cron, tick = Cron("*/15 * * * *", ZONE), at("2026-11-24T10:00")

    assert cron.latest_tick(after=LONG_AGO, until=tick) == tick
    assert cron.next_tick(after=tick) == at("2026-11-24T10:15")
    assert cron.latest_tick(after=tick, until=tick) is None


def test_nothing_is_due_between_two_ticks() -> None:
    cron = Cron("0 * * * *", ZONE)

    assert cron.latest_tick(after=at("2026-11-24T10:00"), until=NOW) is None


def test_an_expression_that_never_fires_has_no_tick() -> None:
    cron = Cron("0 0 31 2 *", ZONE)

    assert cron.next_tick(after=NOW) is None
    assert cron.latest_tick(after=LONG_AGO, until=NOW) is None


def test_every_day_has_its_tick_and_the_one_whose_hour_comes_twice_has_two() -> None:
    cron = Cron("30 1 * * *", NEW_YORK)  # 01:30 comes twice on 2026-11-01
    ticks, tick = [], at("2026-10-30T12:00")
    while (following := cron.next_tick(after=tick)) and following < at("2026-11-04T00:00"):
        ticks.append(following)
        tick = following

    assert [each.astimezone(NEW_YORK).date().day for each in ticks] == [31, 1, 1, 2, 3]


@given(
    st.sampled_from(["* * * * *", "*/7 * * * *", "5 */3 * * *", "0 0 * * *", "0 12 1,15 * *"]),
    st.integers(0, 60 * 60 * 24 * 40),
    st.integers(1, 60 * 60 * 24 * 40),
)
def test_looking_back_finds_what_walking_on_would(expression: str, start: int, length: int) -> None:
    """Everything between the tick that is found and the end holds no other tick."""
    cron = Cron(expression, ZONE)
    after = at("2026-09-01T00:00") + timedelta(seconds=start)
    until = after + timedelta(seconds=length)

    found = cron.latest_tick(after=after, until=until)

    first = cron.next_tick(after=after)
    assert first is not None
    assert (found is None) == (first > until)
    if found is not None:
        assert after < found <= until
        following = cron.next_tick(after=found)
        assert following is not None
        assert following > until
