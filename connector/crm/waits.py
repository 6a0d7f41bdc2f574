"""How long a CRM asks us to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

_LONGEST: Final = timedelta(hours=1)
_UNTOLD: Final = timedelta(seconds=10)


def retry_after(
    response: httpx.Response, *, default: timedelta = _UNTOLD, longest: timedelta = _LONGEST
) -> timedelta:
    """Return what ``Retry-After`` says, in seconds or as a date, at most ``longest``.

    A date is measured from the answer's own ``Date``, so that a wrong clock here or there does not
    matter. Without the header, or with one that makes no sense, ``default``.
    """
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), longest)
    until = _read_date(text)
    if until is None:
        return default
    told_at = _read_date(response.headers.get("Date", "")) or datetime.now(UTC)
    return min(max(until - told_at, timedelta(0)), longest)


def _read_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
