"""The filters templates may use, and no others. Each takes "nothing" and gives it back."""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Undefined
from markupsafe import Markup, escape

from connector.template.html import html_as_text, text_as_html

_NOT_DIGITS: Final = re.compile(r"[^0-9]+")
_MILLISECONDS_FROM: Final = 10**11
"""As in WhatsApp's own times: a number this large cannot be seconds."""
_LONGEST: Final = 1_000_000
"""Characters of a text that a filter made longer."""


def is_nothing(value: object) -> bool:
    """Say whether a value renders to nothing: absent, empty, or blank."""
    if value is None or isinstance(value, Undefined):
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, list | tuple | dict) and not value


def iso(value: datetime) -> str:
    """Spell a time as ISO 8601 in UTC, to the second unless it has a fraction: ``…T10:00:00Z``."""
    return value.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def make_filters(time_zone: ZoneInfo) -> Mapping[str, Callable[..., Any]]:
    """Return the filters by name; ``local=true`` in a template means ``time_zone``."""

    def write_date(value: Any, pattern: str | None = None, local: bool = False) -> Any:  # noqa: FBT001, FBT002 - templates may pass it by position
        moment = _moment(value, time_zone if local else UTC)
        if moment is None:
            return None
        return moment.strftime(pattern) if pattern else moment.date().isoformat()

    def write_datetime(value: Any, pattern: str | None = None, local: bool = False) -> Any:  # noqa: FBT001, FBT002 - likewise
        moment = _moment(value, time_zone if local else UTC)
        if moment is None:
            return None
        if pattern:
            return moment.strftime(pattern)
        return moment.isoformat() if local else iso(moment)

    return {
        "date": write_date,
        "datetime": write_datetime,
        "epoch": _count_epoch,
        "truncate": _truncate,
        "escape": _escape,
        "digits": _keep_digits,
        "number": _read_number,
        "default": _default,
        "base64url": _encode_base64url,
        "json": _write_json,
    }


def make_tests() -> Mapping[str, Callable[[Any], bool]]:
    """Return the tests by name. What is empty counts as not defined, as people expect."""
    return {
        "defined": lambda value: not is_nothing(value),
        "undefined": is_nothing,
        "none": lambda value: value is None,
    }


def _moment(value: Any, zone: tzinfo) -> datetime | None:
    """Read a time from a time, an ISO text or seconds since 1970; ``None`` from nothing."""
    if is_nothing(value):
        return None
    if isinstance(value, bool):
        raise TypeError("yes or no is not a time")
    if isinstance(value, int | float):
        seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
        try:
            return datetime.fromtimestamp(seconds, zone)
        except OSError:
            raise ValueError("this number is no time") from None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)


def _count_epoch(value: Any, unit: str = "s") -> int | None:
    moment = _moment(value, UTC)
    if moment is None:
        return None
    if unit not in {"s", "ms"}:
        raise ValueError('the unit of epoch is "s" or "ms"')
    seconds = moment.timestamp()
    return round(seconds * 1000) if unit == "ms" else int(seconds)


def _truncate(value: Any, length: int = 255, end: str = "…") -> Any:
    """Cut to ``length`` characters, ``end`` among them. HTML is cut as the text that people see."""
    if is_nothing(value):
        return None
    text = html_as_text(value) if isinstance(value, Markup) else str(value)
    if len(text) <= length:
        return value
    cut = text[: max(length - len(end), 0)].rstrip() + end
    return text_as_html(cut) if isinstance(value, Markup) else cut


def _escape(value: Any) -> Markup | None:
    return None if is_nothing(value) else escape(value)


def _keep_digits(value: Any) -> str | None:
    return None if is_nothing(value) else _NOT_DIGITS.sub("", str(value))


def _read_number(value: Any) -> int | float | None:
    if is_nothing(value) or isinstance(value, int | float):
        return None if is_nothing(value) else value
    text = str(value).strip()
    number = int(text) if text.removeprefix("-").isdecimal() else float(text)
    if not math.isfinite(number):
        raise ValueError("this is no number that could be written")
    return number


def _default(value: Any, fallback: Any = "") -> Any:
    return fallback if is_nothing(value) else value


def _encode_base64url(value: Any) -> str | None:
    """Encode with padding: a decoder that does not need it takes it, one that does needs it."""
    if is_nothing(value):
        return None
    text = value if isinstance(value, str) else _write_json(value)
    return _bounded(base64.urlsafe_b64encode(str(text).encode("utf-8", "replace")).decode("ascii"))


def _write_json(value: Any) -> str:
    nothing = isinstance(value, Undefined)
    return _bounded(
        json.dumps(
            None if nothing else value, ensure_ascii=False, separators=(",", ":"), default=_spell
        )
    )


def _bounded(text: str) -> str:
    """Return what a filter that makes a text longer made: applied often, it would have no end."""
    if len(text) > _LONGEST:
        raise ValueError("the text is too long to be written in another form")
    return text


def _spell(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
