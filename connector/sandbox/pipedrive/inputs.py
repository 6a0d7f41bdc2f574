"""Reads requests strictly: a key or type that the specification lacks is a 400.

v2 takes no 1 and 0 for booleans and no numbers in quotes.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from connector.sandbox.pipedrive.answers import bad_request

Json = dict[str, Any]
Reader = Callable[[Any, str], Any]
"""Returns a value as it is stored, or refuses it by the name of its key."""

_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_CLOCK: Final = re.compile(r"(\d{2}):(\d{2})(?::(\d{2}))?")


def read_object(body: Any, readers: Mapping[str, Reader]) -> Json:
    """Return a body that holds none but the known keys, each value read. ``null`` clears."""
    if not isinstance(body, dict):
        raise bad_request("Validation failed: the body must be an object")
    unknown = sorted(body.keys() - readers.keys())
    if unknown:
        raise bad_request(f"Validation failed: {unknown[0]}: parameter is not allowed")
    return {
        name: None if value is None else readers[name](value, name) for name, value in body.items()
    }


def text(most: int = 255, *, empty: bool = True) -> Reader:
    """Return a reader of texts of at most so many characters."""

    def read(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise bad_request(f"Validation failed: {name}: expected string")
        if len(value) > most:
            raise bad_request(f"Validation failed: {name}: longer than {most} characters")
        if not empty and not value.strip():
            raise bad_request(f"Validation failed: {name}: must not be empty")
        return value

    return read


def integer(value: Any, name: str) -> int:
    """Read a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(f"Validation failed: {name}: expected integer")
    return value


def number(value: Any, name: str) -> int | float:
    """Read a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_request(f"Validation failed: {name}: expected number")
    return value


def boolean(value: Any, name: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise bad_request(f"Validation failed: {name}: expected boolean")
    return value


def flag(value: Any, name: str) -> bool:
    """Read what v1 takes for a boolean: 0 or 1."""
    if value not in (0, 1):
        raise bad_request(f"Validation failed: {name}: expected 0 or 1")
    return bool(value)


def one_of(choices: Collection[object]) -> Reader:
    """Return a reader that takes only these."""

    def read(value: Any, name: str) -> Any:
        if isinstance(value, bool) or value not in choices:
            raise bad_request(f"Validation failed: {name}: not one of the allowed values")
        return value

    return read


def integers(value: Any, name: str) -> list[int]:
    """Read a list of whole numbers."""
    if not isinstance(value, list):
        raise bad_request(f"Validation failed: {name}: expected array")
    return [integer(each, name) for each in value]


def day(value: Any, name: str) -> str:
    """Read a date."""
    try:
        return date.fromisoformat(text()(value, name)).isoformat()
    except ValueError:
        raise bad_request(f"Validation failed: {name}: expected a date, YYYY-MM-DD") from None


def clock_time(value: Any, name: str) -> str:
    """Read a time of day or a duration, ``HH:MM`` or ``HH:MM:SS``."""
    match = _CLOCK.fullmatch(text()(value, name))
    if match is None:
        raise bad_request(f"Validation failed: {name}: expected HH:MM or HH:MM:SS")
    return f"{match[1]}:{match[2]}:{match[3] or '00'}"


def moment(value: Any, name: str) -> int:
    """Read an RFC 3339 time in UTC and whole seconds, as epoch seconds.

    Fractions of a second were answered with 400 to an integrator.
    """
    written = text()(value, name)
    try:
        if not _TIME.fullmatch(written):
            raise ValueError  # noqa: TRY301 - one refusal for both ways to be wrong
        return int(datetime.fromisoformat(written).timestamp())
    except ValueError:
        raise bad_request(f"Validation failed: {name}: expected 2025-01-01T10:20:00Z") from None


def spell_moment(seconds: int) -> str:
    """Return epoch seconds as v2 writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def contact_values(value: Any, name: str) -> list[Json]:
    """Read phones or e-mails: objects with ``value``, and at most one that is primary."""
    if not isinstance(value, list):
        raise bad_request(f"Validation failed: {name}: expected array")
    read = [
        read_object(each, {"value": text(), "primary": boolean, "label": text(50)})
        for each in value
    ]
    if any(not each.get("value") for each in read):
        raise bad_request(f"Validation failed: {name}: value is required")
    primaries = [each for each in read if each.get("primary")]
    if len(primaries) > 1:
        raise bad_request(f"Validation failed: {name}: more than one is primary")
    return [
        {
            "value": each["value"],
            "primary": bool(each.get("primary")) if primaries else place == 0,
            "label": each.get("label") or "work",
        }
        for place, each in enumerate(read)
    ]


def anything(value: Any, name: str) -> Any:
    """Take a value as it is."""
    del name
    return value
