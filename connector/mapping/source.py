"""One TOML file an admin wrote, or that is shipped, with the lines of its keys."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connector.config.lines import locate
from connector.errors import ConfigError, Problem

_ERROR_LINE: Final = re.compile(r" \(at line (\d+), column \d+\)")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that could be read: its text and the tables in it."""

    name: str
    """What the file is called in problems: as the admin named it."""
    text: str
    data: Mapping[str, Any]

    def holds(self, path: Sequence[str | int]) -> bool:
        """Say whether the file itself has this key or list entry."""
        value: Any = self.data
        for part in path:
            try:
                value = value[part]
            except (LookupError, TypeError):
                return False
        return True

    def line(self, path: Sequence[str | int]) -> int | None:
        """Return the line of a key, or of the closest table or list above it that the file has."""
        for length in range(len(path), 0, -1):
            line = locate(self.text, path[:length])
            if line is not None:
                return line
        return None


def read_source(path: Path, *, name: str) -> Source:
    """Read a TOML file. Raises ``ConfigError``, with the line where the syntax is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([Problem(name, "", "there is no such file")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(name, "", "is not UTF-8 text")]) from None
    except OSError as error:
        raise ConfigError([Problem(name, "", f"cannot be read: {error.strerror}")]) from None
    try:
        return Source(name, text, tomllib.loads(text))
    except (ValueError, RecursionError) as error:  # a number may be too long for Python
        place = _ERROR_LINE.search(str(error))
        message = f"is not TOML: {_ERROR_LINE.sub('', str(error))}"
        line = int(place[1]) if place else text.count("\n") + 1
        raise ConfigError([Problem(name, "", message, line=line)]) from None


def spell(path: Sequence[str | int]) -> str:
    """Return a key's full path as people read it: ``contact.fields.phones[0].value``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
