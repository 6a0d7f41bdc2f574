"""The tables that a mapping file leaves to this adapter, read with every mistake in them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from adapters.rest.pointers import Pointer
from connector.crm import Problem, nearest_name, parse_duration

Path = tuple[str | int, ...]
Table = Mapping[str, Any]


class Reader:
    """One reading; ``problems`` collects all that is wrong, each with its path in the file."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def complain(
        self,
        path: Path,
        message: str,
        *,
        expected: str | None = None,
        nearest: str | None = None,
    ) -> None:
        """Note a mistake in the mapping file."""
        key = _spell(path)
        self.problems.append(Problem("", key, message, None, expected, nearest, path))

    def want_setting(self, key: str, message: str, *, expected: str) -> None:
        """Note a mistake in the destination's own table of the configuration."""
        self.problems.append(Problem("", key, message, expected=expected))

    def table(self, path: Path, raw: object, known: Iterable[str]) -> Table:
        """Return a table, its unknown keys noted; an empty one for anything else."""
        names = tuple(known)
        if not isinstance(raw, dict):
            self.complain(path, "is not a table", expected=f"a table with {', '.join(names)}")
            return {}
        for key in raw:
            if key not in names:
                self.complain(
                    (*path, key),
                    "unknown key",
                    expected=", ".join(sorted(names)),
                    nearest=nearest_name(key, names),
                )
        return raw

    def tables(self, path: Path, raw: object) -> list[tuple[Path, object]]:
        """Return one table, or a list of them, each with its path."""
        if isinstance(raw, list):
            return [((*path, at), each) for at, each in enumerate(raw)]
        return [] if raw is None else [(path, raw)]

    def text(
        self,
        path: Path,
        table: Table,
        key: str,
        *,
        required: bool = False,
        expected: str = "a text",
    ) -> str | None:
        """Return a text, ``None`` where there is none."""
        raw = table.get(key)
        if isinstance(raw, str) and raw.strip():
            return raw
        if raw is not None:
            self.complain((*path, key), "is not a text", expected=expected)
        elif required:
            self.complain((*path, key), "is missing", expected=expected)
        return None

    def word(
        self, path: Path, table: Table, key: str, words: Sequence[str], *, required: bool = False
    ) -> str | None:
        """Return one of a few words."""
        raw = table.get(key)
        choice = " or ".join(f'"{word}"' for word in words)
        if isinstance(raw, str) and raw in words:
            return raw
        if raw is not None:
            nearest = nearest_name(raw, words) if isinstance(raw, str) else None
            self.complain((*path, key), "is unknown", expected=choice, nearest=nearest)
        elif required:
            self.complain((*path, key), "is missing", expected=choice)
        return None

    def flag(self, path: Path, table: Table, key: str, *, required: bool = False) -> bool | None:
        """Return a yes or no."""
        raw = table.get(key)
        if isinstance(raw, bool):
            return raw
        if raw is not None or required:
            message = "is missing" if raw is None else "is not yes or no"
            self.complain((*path, key), message, expected="true or false")
        return None

    def number(self, path: Path, table: Table, key: str, *, least: int = 1) -> int | None:
        """Return a whole number."""
        raw = table.get(key)
        if isinstance(raw, int) and not isinstance(raw, bool) and raw >= least:
            return raw
        if raw is not None:
            self.complain((*path, key), "is not a number", expected=f"a number from {least}")
        return None

    def duration(
        self, path: Path, table: Table, key: str, *, required: bool = False
    ) -> timedelta | None:
        """Return a duration such as ``24h``."""
        raw = table.get(key)
        if raw is None and not required:
            return None
        try:
            found = parse_duration(raw)
        except ValueError:
            found = timedelta(0)
        if not found:
            message = "is missing" if raw is None else "is not a duration"
            self.complain((*path, key), message, expected='such as "10s", "5m" or "24h"')
            return None
        return found

    def pointer(
        self, path: Path, table: Table, key: str, *, required: bool = False, at: str | None = None
    ) -> Pointer | None:
        """Return a JSON Pointer; where there is none, the one to ``at``."""
        raw = table.get(key)
        if raw is None and not required:
            return None if at is None else Pointer(at)
        return self.read_pointer((*path, key), raw)

    def read_pointer(self, path: Path, raw: object) -> Pointer | None:
        """Read one JSON Pointer."""
        try:
            if isinstance(raw, str):
                return Pointer(raw)
        except ValueError:
            guess = f"/{raw}".replace(".", "/")
            self.complain(path, "is not a JSON Pointer", expected="a slash first", nearest=guess)
            return None
        message = "is missing" if raw is None else "is not a JSON Pointer"
        self.complain(path, message, expected='a JSON Pointer such as "/data/id"')
        return None

    def pointers(self, path: Path, table: Table, key: str) -> tuple[Pointer, ...]:
        """Return a list of JSON Pointers; a single one may stand alone."""
        found = (
            self.read_pointer(at, raw) for at, raw in self.tables((*path, key), table.get(key))
        )
        return tuple(each for each in found if each is not None)


def _spell(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
