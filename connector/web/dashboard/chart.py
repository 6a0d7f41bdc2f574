"""A day as a chart: values by minute become the outlines that a page draws. Pure.

The drawing is a grid of ``BUCKETS`` units by 100, stretched over whatever room the page has; its
labels are text of the page, so that they stay readable on a phone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DAY: Final = timedelta(days=1)
BUCKET: Final = timedelta(minutes=5)
BUCKETS: Final = DAY // BUCKET
_LABELS: Final = 7
_STEPS: Final = (1, 2, 4, 6, 10)


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its outline, open and closed down to zero."""

    name: str
    line: str
    area: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What a page draws."""

    lines: Sequence[Line]
    top: float
    """The value at the upper edge."""
    labels: Sequence[datetime]
    """Moments at equal distances, from the left edge to the right one."""
    limit: float | None = None
    """Where a line across stands, in units from the top; ``None`` for no line."""
    empty: bool = False


def draw(
    series: Mapping[str, Mapping[datetime, float]],
    *,
    until: datetime,
    most: bool = False,
    limit: float | None = None,
) -> Chart:
    """Draw the day until a moment: the mean of each five minutes, or the most.

    A stretch that nobody watched is a gap. ``limit`` is a value to draw a line at, in seconds.
    """
    since = until - DAY
    buckets = {name: _sum_up(values, since=since, most=most) for name, values in series.items()}
    known = [value for values in buckets.values() for value in values if value is not None]
    largest = max([*known, *([limit * 1.25] if limit else [])], default=0.0)
    top = nice_span(largest) if limit else nice_top(largest)
    return Chart(
        lines=[_outline(name, values, top=top) for name, values in buckets.items()],
        top=top,
        labels=[since + DAY / (_LABELS - 1) * number for number in range(_LABELS)],
        limit=None if limit is None else round(100 - 100 * limit / top, 2),
        empty=not known,
    )


def nice_top(largest: float) -> float:
    """Return a round number that is at least ``largest``; 1 where there is nothing to see."""
    if largest <= 1:
        return 1.0
    power = 10 ** math.floor(math.log10(largest))
    return float(next(step * power for step in _STEPS if step * power >= largest))


def nice_span(largest: float) -> float:
    """Return a round number of minutes or hours, in seconds, that is at least ``largest``."""
    unit = 60 if largest <= 3600 else 3600
    return unit * nice_top(largest / unit)


def _sum_up(values: Mapping[datetime, float], *, since: datetime, most: bool) -> list[float | None]:
    buckets: list[list[float]] = [[] for _ in range(BUCKETS)]
    for at, value in values.items():
        index = (at - since) // BUCKET
        if 0 <= index < BUCKETS:
            buckets[index].append(value)
    join = max if most else _mean
    return [join(each) if each else None for each in buckets]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _outline(name: str, values: Sequence[float | None], *, top: float) -> Line:
    lines, areas = [], []
    for start, stretch in _stretches(values):
        points = [
            (start + offset, round(100 - 100 * value / top, 2))
            for offset, value in enumerate(stretch)
        ]
        points.append((start + len(stretch), points[-1][1]))
        path = " L".join(f"{x} {y:g}" for x, y in points)
        lines.append(f"M{path}")
        areas.append(f"M{start} 100 L{path} L{points[-1][0]} 100 Z")
    return Line(name, " ".join(lines), " ".join(areas))


def _stretches(values: Sequence[float | None]) -> list[tuple[int, list[float]]]:
    """Return the runs of values that are known, each with where it begins."""
    found: list[tuple[int, list[float]]] = []
    for index, value in enumerate(values):
        if value is None:
            continue
        if found and found[-1][0] + len(found[-1][1]) == index:
            found[-1][1].append(value)
        else:
            found.append((index, [value]))
    return found
