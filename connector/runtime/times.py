"""Times and durations, as JSON and people are shown them."""

from datetime import UTC, datetime, timedelta
from typing import overload


@overload
def rfc3339(moment: datetime) -> str: ...
@overload
def rfc3339(moment: None) -> None: ...
@overload
def rfc3339(moment: datetime | None) -> str | None: ...
def rfc3339(moment: datetime | None) -> str | None:
    """Return a time in UTC to the millisecond, such as ``2026-11-24T10:00:00.000Z``."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Return the time that ``rfc3339`` wrote."""
    return datetime.fromisoformat(text)


def span(seconds: float) -> str:
    """Return a duration as people say it, in at most two units: ``3 min 20 s``."""
    left = round(seconds)
    if left < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def ago(moment: datetime | None, *, now: datetime) -> str:
    """Return how long ago a time was, in words."""
    if moment is None:
        return "never"
    passed = (now - moment) / timedelta(seconds=1)
    if passed < 0:
        return f"in {span(-passed)}"
    return "just now" if passed < 1 else f"{span(passed)} ago"
