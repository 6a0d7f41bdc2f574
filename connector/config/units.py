"""How quantities are written in the configuration: durations, sizes, rates, times of day."""

import re
from datetime import timedelta
from functools import cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

from apscheduler.triggers.cron import CronTrigger
from pydantic import BeforeValidator, Field, PlainValidator

from connector.config.section import Section, complain, nearest_name

_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SIZES: Final = {
    "B": 1,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
}
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?(ms|s|m|h|d|w)")
_SIZE: Final = re.compile(rf"([0-9]{{1,15}}(?:\.[0-9]{{1,6}})?) ?({'|'.join(_SIZES)})")
_LONGEST: Final = timedelta(days=36_525)
_DURATION_FORM: Final = 'a duration such as "500ms", "2s", "5m", "24h" or "365d"'


def parse_duration(value: object) -> timedelta:
    """Read ``"2s"``, ``"24h"``, ``"365d"``; at most a hundred years, so that dates stay dates."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise complain("is not a duration", expected=_DURATION_FORM)
    number, unit = match.groups()
    if float(number) > _LONGEST / _UNITS[unit]:
        raise complain("is longer than a hundred years", expected=_DURATION_FORM)
    return float(number) * _UNITS[unit]


def _parse_positive_duration(value: object) -> timedelta:
    duration = parse_duration(value)
    if not duration:
        raise complain("is no time at all", expected=f"{_DURATION_FORM}, more than 0")
    return duration


def _parse_retention(value: object) -> timedelta | None:
    if value is None or value == "forever":
        return None
    try:
        return _parse_positive_duration(value)
    except ValueError:
        raise complain(
            "is not a time to keep things", expected=f'{_DURATION_FORM}, or "forever"'
        ) from None


def parse_size(value: object) -> int:
    """Read ``"512MiB"`` as bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise complain("is not a size", expected='a size such as "512MiB" or "2GiB"')
    number, unit = match.groups()
    return int(float(number) * _SIZES[unit])


def _parse_cron(value: object) -> str | None:
    if value is None or value == "off":
        return None
    form = 'five fields such as "*/15 * * * *" (minute hour day month weekday), or "off"'
    if not isinstance(value, str) or len(value.split()) != 5:
        raise complain("is not a cron expression", expected=form)
    if re.search(r"\d", re.sub(r"[/#]\d+", "", value.split()[4])):
        raise complain(
            "gives the weekday as a number, which counts from Sunday in some crons and from "
            "Monday in others",
            expected="mon, tue, wed, thu, fri, sat or sun, such as mon-fri",
        )
    try:
        CronTrigger.from_crontab(value, timezone="UTC")
    except ValueError as error:
        raise complain(f"is not a cron expression: {error}", expected=form) from None
    return value


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _parse_time_zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    if isinstance(value, str) and value in _time_zones():
        return ZoneInfo(value)
    raise complain(
        "is not a time zone of the IANA database",
        expected='a name such as "America/Sao_Paulo"',
        nearest=nearest_name(value, _time_zones()) if isinstance(value, str) else None,
    )


Duration = Annotated[timedelta, BeforeValidator(_parse_positive_duration)]
"""More than nothing."""
Wait = Annotated[timedelta, BeforeValidator(parse_duration)]
"""A duration that may be nothing."""
Retention = Annotated[timedelta | None, BeforeValidator(_parse_retention)]
"""How long something is kept; ``None`` for ever."""
Size = Annotated[int, BeforeValidator(parse_size)]
"""Bytes."""
Cron = Annotated[str | None, BeforeValidator(_parse_cron)]
"""A cron expression for ``CronTrigger.from_crontab``; ``None`` turns the job off."""
TimeZone = Annotated[ZoneInfo, PlainValidator(_parse_time_zone)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Rate(Section):
    """So many requests in any window of this length."""

    requests: int = Field(gt=0, description="a whole number, at least 1")
    per: Duration = Field(description=_DURATION_FORM)
