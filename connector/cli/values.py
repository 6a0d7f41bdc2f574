"""What people type as times: ``2h`` ago, a date, or a moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from connector.config.units import parse_duration

_MOMENT = "a time such as 2h, 2026-11-24 or 2026-11-24T10:00Z"


class Length(click.ParamType[timedelta]):
    """A duration such as ``30m``, ``2h``, ``7d``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read a duration."""
        length = _length(value)
        if length is None:
            self.fail(f"{value!r} is not a duration such as 30m, 2h or 7d", param, ctx)
        return length


class Moment(click.ParamType[datetime]):
    """A time: how long ago, or a date or time, in UTC where it does not say otherwise."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read a time."""
        if isinstance(value, datetime):
            return value
        length = _length(value)
        if length is not None:
            return datetime.now(UTC) - length
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not {_MOMENT}", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _length(value: object) -> timedelta | None:
    try:
        return parse_duration(value)
    except ValueError:
        return None
