"""Where a key stands in a TOML file: ``tomllib`` gives values without their lines.

The scan is tolerant: it is asked about files that are wrong. What it does not understand it steps
over, a line at a time, and it never raises.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

Path = tuple[str | int, ...]

_BARE_END = frozenset(" \t\r\n=.,#[]{}\"'")
_VALUE_END = frozenset("\r\n,#]}")


def locate(source: str, path: Sequence[str | int]) -> int | None:
    """Return the line, counted from 1, of the key or list entry at ``path`` in a TOML text.

    ``("whatsapp", "numbers", 0, "country")`` means the country of the first number, whether it
    is written as ``[[whatsapp.numbers]]``, as an inline table or with dotted keys. ``None`` if the
    text has no such key.
    """
    return _lines(source).get(tuple(path))


@lru_cache(maxsize=8)
def _lines(source: str) -> dict[Path, int]:
    scan = _Scan(source)
    scan.document()
    return scan.lines


class _Scan:
    """One pass over a TOML text that notes the line of each key."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._table: Path = ()
        self._lengths: dict[Path, int] = {}
        self._breaks = [i for i, char in enumerate(source) if char == "\n"]

    def document(self) -> None:
        """Scan the whole text."""
        while self._skip_blank():
            before = self.at
            if self._take("[["):
                self._header(repeated=True)
            elif self._take("["):
                self._header(repeated=False)
            else:
                self._assignment(self._table)
            self._skip_spaces()
            if self.at == before or self._peek() not in ("", "\n", "\r", "#"):
                self._skip_line()

    def _header(self, *, repeated: bool) -> None:
        start = self.at
        parts = self._key()
        path: Path = ()
        for position, part in enumerate(parts):
            path += (part,)
            self._note(path, start)
            if repeated and position == len(parts) - 1:
                self._lengths[path] = self._lengths.get(path, 0) + 1
            if path in self._lengths:
                path += (self._lengths[path] - 1,)
                self._note(path, start)
        self._table = path
        self._take("]]" if repeated else "]")

    def _assignment(self, table: Path) -> None:
        start = self.at
        path = table
        for part in self._key():
            path += (part,)
            self._note(path, start)
        self._skip_spaces()
        if path != table and self._take("="):
            self._skip_spaces()
            self._value(path)

    def _key(self) -> list[str]:
        """Take a dotted key; what cannot be a key ends it."""
        parts: list[str] = []
        while True:
            self._skip_spaces()
            part = self._string() if self._peek() in ("'", '"') else self._bare()
            if part is None:
                return parts
            parts.append(part)
            self._skip_spaces()
            if not self._take("."):
                return parts

    def _bare(self) -> str | None:
        start = self.at
        while self._peek() not in _BARE_END and self._peek():
            self.at += 1
        return self.source[start : self.at] or None

    def _value(self, path: Path) -> None:
        match self._peek():
            case "[":
                self.at += 1
                self._array(path)
            case "{":
                self.at += 1
                self._inline_table(path)
            case "'" | '"':
                self._string()
            case _:
                while self._peek() not in _VALUE_END and self._peek():
                    self.at += 1

    def _array(self, path: Path) -> None:
        index = 0
        while self._skip_blank() and not self._take("]"):
            before = self.at
            self._note((*path, index), before)
            self._value((*path, index))
            index += 1
            if not self._separated(before):
                return

    def _inline_table(self, path: Path) -> None:
        while self._skip_blank() and not self._take("}"):
            before = self.at
            self._assignment(path)
            if not self._separated(before):
                return

    def _separated(self, before: int) -> bool:
        """Step over a comma; say whether the scan has moved, without which it would never end."""
        return (self._skip_blank() and self._take(",")) or self.at > before

    def _string(self) -> str:
        quote = self._peek()
        mark = quote * 3 if self.source.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        start = self.at
        while self.at < len(self.source) and not self.source.startswith(mark, self.at):
            if len(mark) == 1 and self._peek() == "\n":  # never closed: it ends with its line
                return self.source[start : self.at]
            self.at += 2 if quote == '"' and self._peek() == "\\" else 1
        text = self.source[start : self.at]
        self.at = min(self.at + len(mark), len(self.source))
        if len(mark) > 1:
            while self._take(quote):  # up to two quotes may stand before the closing three
                pass
        return text

    def _note(self, path: Path, start: int) -> None:
        self.lines.setdefault(path, bisect_right(self._breaks, start - 1) + 1)

    def _peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def _take(self, text: str) -> bool:
        if self.source.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def _skip_spaces(self) -> None:
        while self._peek() in (" ", "\t"):
            self.at += 1

    def _skip_line(self) -> None:
        end = self.source.find("\n", self.at)
        self.at = len(self.source) if end < 0 else end + 1

    def _skip_blank(self) -> bool:
        """Skip spaces, line breaks and comments; say whether anything is left."""
        while self.at < len(self.source):
            if self._peek() == "#":
                self._skip_line()
            elif self._peek() in (" ", "\t", "\r", "\n"):
                self.at += 1
            else:
                return True
        return False
