"""Reading ``Message.content``: JSON in which a key may be absent, or of another type."""

from collections.abc import Mapping, Sequence
from typing import Any

Content = Mapping[str, Any]


def word(content: Content, key: str) -> str:
    """Return the text or number under a key as text; what is blank or another type is empty."""
    value = content.get(key)
    if isinstance(value, str):
        return "" if value.isspace() else value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def word_or_none(content: Content, key: str) -> str | None:
    """Return what ``word`` does, and ``None`` for nothing."""
    return word(content, key) or None


def words_at(content: Content, *keys: str) -> list[str]:
    """Return what stands under several keys, without those that are empty."""
    return [found for key in keys if (found := word(content, key))]


def strings(content: Content, key: str) -> list[str]:
    """Return the texts in a list."""
    return [each for each in _sequence(content, key) if isinstance(each, str) and each]


def table(content: Content, key: str) -> Content:
    """Return the object under a key, or an empty one."""
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def tables(content: Content, key: str) -> list[Content]:
    """Return the objects in a list."""
    return [each for each in _sequence(content, key) if isinstance(each, Mapping)]


def _sequence(content: Content, key: str) -> Sequence[Any]:
    value = content.get(key)
    return value if isinstance(value, list | tuple) else ()
