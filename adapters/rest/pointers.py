"""JSON Pointers (RFC 6901) into a CRM's answers, and what counts as nothing there."""

from typing import Any, Final

ABSENT: Final = object()
"""What a pointer finds where there is nothing, not even ``null``."""


class Pointer:
    """Where something stands in an answer; the empty pointer means the whole."""

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        """Read a pointer. Raises ``ValueError`` if it is none."""
        if text and not text.startswith("/"):
            raise ValueError("a JSON Pointer starts with a slash")
        self.text = text
        self._parts = tuple(
            part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]
        )

    def of(self, value: Any) -> Any:
        """Return what stands there, else ``ABSENT``."""
        for part in self._parts:
            value = _step(value, part)
            if value is ABSENT:
                break
        return value

    def items(self, value: Any) -> list[Any] | None:
        """Return the list that stands there; ``None`` where the answer has another form.

        Nothing, there or on the way, is a list without items: ``null``, ``false``, ``""``, ``[]``.
        One record alone counts as a list of it.
        """
        for part in self._parts:
            if is_none(value):
                return []
            value = _step(value, part)
            if value is ABSENT:
                return None
        if is_none(value):
            return []
        return value if isinstance(value, list) else [value]

    def __repr__(self) -> str:
        return f"Pointer({self.text!r})"


def is_none(value: Any) -> bool:
    """Say whether this is an API's way to say that there is nothing."""
    return value is None or value is False or value in ("", [], {})


def identity(value: Any) -> str | None:
    """Return an id as text: a number or a text that is not empty, and nothing else."""
    match value:
        case bool():
            return None
        case int():
            return str(value)
        case str() if value.strip():
            return value
        case _:
            return None


def texts_in(value: Any) -> list[str]:
    """Return every text and whole number in a value, however deep, as texts."""
    found: list[str] = []
    waiting = [value]  # a list, since an answer may be deeper than Python calls go
    while waiting:
        match waiting.pop():
            case str() as text:
                found.append(text)
            case bool():
                pass
            case int() as number:
                found.append(str(number))
            case list() as items:
                waiting += reversed(items)
            case dict() as items:
                waiting += reversed(items.values())
    return found


def _step(value: Any, part: str) -> Any:
    match value:
        case dict():
            return value.get(part, ABSENT)
        case list() if part.isascii() and part.isdigit() and int(part) < len(value):
            return value[int(part)]
        case _:
            return ABSENT
