"""Reading JSON that may hold anything: what does not fit is ``None``, never an exception.

These are functions and not pydantic models because every part of a webhook is optional, comes as
text or number, and must not take its neighbours down: a validator that reports each miss as an
error costs ten times what reading costs, and the tolerance would still have to be written by hand.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connector.errors import PayloadError

_DEEPEST: Final = 64
"""Levels of nesting that are read; what lies deeper is cut out."""
_LONGEST_NUMBER: Final = 1000
"""Characters of a number that are read; Python itself refuses more than 4,300 digits."""
_EARLIEST: Final = 946_684_800  # 2000-01-01
_LATEST: Final = 4_102_444_800  # 2100-01-01
_LONGEST_ID: Final = 512

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[\[{]|[\]}]|-?\d[\d.eE+-]*', re.DOTALL)


class _Unreadable:
    """Stands for a value that was there and could not be read; fits no reader."""

    def __repr__(self) -> str:
        return "unreadable"


UNREADABLE: Final = _Unreadable()
_DECODER: Final = json.JSONDecoder(parse_constant=lambda _word: UNREADABLE)


def load(body: bytes) -> object:
    """Return what a body says. Raises ``PayloadError`` if it is not JSON.

    One value that Python's decoder refuses (an integer of thousands of digits, nesting without
    end) is cut out and stands as ``UNREADABLE``, as ``NaN`` does; the rest is read.
    """
    text = body.decode("utf-8-sig", errors="replace")
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise PayloadError("the body is not JSON", reason="unparsable") from error
    except (ValueError, RecursionError):
        return _load_pruned(text)


def _load_pruned(text: str) -> object:
    try:
        return _DECODER.decode(_prune(text))
    except (ValueError, RecursionError) as error:
        raise PayloadError("the body is not JSON", reason="unparsable") from error


def _prune(text: str) -> str:
    """Put ``NaN`` where something is nested too deep or a number is too long."""
    pieces: list[str] = []
    depth = kept_to = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                pieces.append(text[kept_to : token.start()])
        elif first in "]}":
            if depth == _DEEPEST + 1:
                pieces.append("NaN")
                kept_to = token.end()
            depth -= 1
        elif first != '"' and depth <= _DEEPEST and token.end() - token.start() > _LONGEST_NUMBER:
            pieces += (text[kept_to : token.start()], "NaN")
            kept_to = token.end()
    pieces.append(text[kept_to:])
    return "".join(pieces)


def block(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Return a JSON array, or an empty one where there is none."""
    return value if isinstance(value, list) else []


def clean(text: str) -> str:
    """Return text that both databases take: without NUL, lone surrogates replaced."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "")


def words(value: object) -> str | None:
    """Return text for people to read, clean and perhaps empty; a number counts as its digits."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def some_words(value: object) -> str | None:
    """Return text for people to read, or ``None`` where there is nothing to read."""
    return words(value) or None


def identifier(value: object) -> str | None:
    """Return an id, which may have come as a number. One that would need cleaning is none."""
    if isinstance(value, str):
        text = value.strip()
        if not text or len(text) > _LONGEST_ID or (clean(text) != text):
            return None
        return text
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**40:
        return str(value)
    return None


def vocabulary(value: object, *, longest: int = 32) -> str | None:
    """Return a machine word of WhatsApp's, such as a type or a status, or ``None``.

    An unknown one is kept as it is but made of harmless characters, since it is counted and shown.
    """
    if not isinstance(value, str) or not value:
        return None
    if value.isidentifier() and value.isascii() and len(value) <= longest:
        return value
    return re.sub(r"[^A-Za-z0-9_]", "_", value)[:longest]


def flag(value: object) -> bool:
    """Return whether something is said to be so, as ``true`` or in words."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def number(value: object) -> int | float | None:
    """Return a finite number, which may have come as text."""
    if isinstance(value, str) and len(value) <= 32:
        try:
            value = float(value) if any(c in value for c in ".eE") else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if abs(value) < 1e18 else None


def instant(value: object) -> datetime | None:
    """Return a moment given in seconds or milliseconds since 1970, as text or number."""
    if isinstance(value, str) and len(value) == 10 and value.isascii() and value.isdigit():
        seconds: float = int(value)
    else:
        given = number(value)
        if given is None:
            return None
        seconds = given / 1000 if given >= 1e12 else given
    if not _EARLIEST <= seconds < _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def data(value: object, *, depth: int = 0) -> Any:
    """Return any JSON value with its texts cleaned, fit to be stored; too deep is ``None``."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        if depth >= _DEEPEST:
            return None
        return {clean(str(k)): data(v, depth=depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [data(v, depth=depth + 1) for v in value] if depth < _DEEPEST else None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float) else None


def compact(**parts: Any) -> dict[str, Any]:
    """Return what is there, without what is not."""
    return {name: part for name, part in parts.items() if part is not None}


def read_error(error: object) -> dict[str, Any]:
    """Return code, title and detail of one of WhatsApp's error objects."""
    given = block(error)
    detail = block(given.get("error_data")).get("details")
    return compact(
        code=identifier(given.get("code")),
        title=some_words(given.get("title")) or some_words(given.get("message")),
        detail=some_words(detail) or some_words(given.get("error_data")),
    )
