"""Times as people type them, and are shown them."""

from datetime import UTC, datetime, timedelta

import click
import pytest

from connector.cli.values import Length, Moment
from connector.runtime.times import ago, parse_rfc3339, rfc3339, span

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-24T10:00Z", NOW),
        ("2026-11-24T07:00-03:00", NOW),
        ("2026-11-24 10:00:00", NOW),
    ],
)
def test_a_date_or_time_is_read_in_utc_where_it_does_not_say_otherwise(
    typed: str, meant: datetime
) -> None:
    assert Moment().convert(typed, None, None) == meant


def test_a_duration_is_so_long_ago() -> None:
    before = datetime.now(UTC)
    meant = Moment().convert("2h", None, None)
    assert before <= meant + timedelta(hours=2) <= datetime.now(UTC)


@pytest.mark.parametrize("typed", ["yesterday", "", "2026-13-01", "5 parsecs"])
def test_what_is_no_time_is_refused_with_the_form_expected(typed: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 2h, 2026-11-24"):
        Moment().convert(typed, None, None)


def test_what_is_no_duration_is_refused() -> None:
    assert Length().convert("7d", None, None) == timedelta(days=7)
    with pytest.raises(click.BadParameter, match="such as 30m, 2h or 7d"):
        Length().convert("a week", None, None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "250 ms"), (1, "1 s"), (200, "3 min 20 s"), (3600, "1 h"), (90_061, "1 d 1 h")],
)
def test_durations_are_told_in_at_most_two_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_how_long_ago_is_told_both_ways() -> None:
    assert ago(None, now=NOW) == "never"
    assert ago(NOW, now=NOW) == "just now"
    assert ago(NOW - timedelta(minutes=5), now=NOW) == "5 min ago"
    assert ago(NOW + timedelta(minutes=5), now=NOW) == "in 5 min"


def test_times_go_through_json_and_back() -> None:
    text = rfc3339(NOW + timedelta(milliseconds=5))
    assert text == "2026-11-24T10:00:00.005Z"
    assert parse_rfc3339(text) == NOW + timedelta(milliseconds=5)
    assert rfc3339(None) is None
