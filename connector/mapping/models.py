"""What a mapping file says, read and checked."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connector.errors import Problem
from connector.mapping.source import Source, spell
from connector.mapping.vocabulary import ALL
from connector.template.reading import Template, names_read

Write = Literal["always", "create", "if_empty"]
"""When a field is written: always; only into a new record; only where the CRM has no value."""
OnMany = Literal["review", "oldest", "skip"]
Granularity = Literal["message", "conversation"]

Value = Template | str | int | float | bool | datetime | list["Value"] | dict[str, "Value"]
"""A template, a constant, or lists and tables of them."""


@dataclass(frozen=True, slots=True)
class Field:
    """How one field of a CRM record is filled."""

    value: Value
    write: Write = "always"
    required: bool = False
    """Without this field in the CRM nothing is sent, rather than the record without it."""


@dataclass(frozen=True, slots=True)
class ContactMapping:
    """``[contact]``: the CRM's record of a person."""

    object: str
    key: str | None = None
    match: tuple[str, ...] = ("phone",)
    on_many: OnMany = "review"
    fields: ReadOnly[str, Field] = field(default_factory=dict)
    once: str | None = None
    on_doubt: str | None = None


@dataclass(frozen=True, slots=True)
class MessageMapping:
    """``[message]``: the CRM's record of a message or of a conversation."""

    object: str
    key: str | None = None
    granularity: Granularity = "message"
    fields: ReadOnly[str, Field] = field(default_factory=dict)
    associate: ReadOnly[str, str] = field(default_factory=dict)
    """``deal`` or ``ticket`` to which of a contact's: ``newest_open``."""
    once: str | None = None
    on_doubt: str | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """One mapping file, with the one it extends."""

    file: str
    """As the admin named it."""
    digest: str
    """SHA-256, as hex digits, over what is in effect: comments and spaces do not change it."""
    contact: ContactMapping
    message: MessageMapping
    requests: ReadOnly[str, Any] = field(default_factory=dict)
    """What the mapping language leaves to a REST adapter, as it stands in the file: ``auth``,
    ``limits``, ``ping``, ``setup``, ``errors``, and ``contact`` and ``message`` with their
    requests; of their ``fields`` only the names."""
    sources: tuple[Source, ...] = field(default=(), repr=False, compare=False)
    """The file itself, then those it extends."""

    def uses(self, name: str) -> frozenset[str]:
        """Return what any template reads of ``contact``, ``message``, ``conversation``, ``number``.

        Whole names and what they start with: ``{"html", "media", "media.filename"}``.
        """
        paths: set[str] = set()
        for template in self._templates():
            paths |= template.paths
        for text in _texts(self.requests):
            paths |= names_read(text, ALL)
        used: set[str] = set()
        for path in paths:
            root, _, rest = path.partition(".")
            if root == name and rest:
                parts = rest.split(".")
                used |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        return frozenset(used)

    def problem(
        self,
        path: Sequence[str | int],
        message: str,
        *,
        expected: str | None = None,
        nearest: str | None = None,
    ) -> Problem:
        """Describe something wrong, with the file and line that say it."""
        return locate_problem(
            self.sources, path, message, expected=expected, nearest=nearest, file=self.file
        )

    def _templates(self) -> Iterator[Template]:
        for section in (self.contact.fields, self.message.fields):
            for each in section.values():
                yield from templates_of(each.value)


def templates_of(value: Value) -> Iterator[Template]:
    """Yield every template in a field's value."""
    match value:
        case Template():
            yield value
        case list():
            for each in value:
                yield from templates_of(each)
        case dict():
            for each in value.values():
                yield from templates_of(each)
        case _:
            return


def _texts(raw: object) -> Iterator[str]:
    match raw:
        case str():
            yield raw
        case list():
            for each in raw:
                yield from _texts(each)
        case dict():
            for each in raw.values():
                yield from _texts(each)
        case _:
            return


def locate_problem(
    sources: Sequence[Source],
    path: Sequence[str | int],
    message: str,
    *,
    expected: str | None = None,
    nearest: str | None = None,
    file: str | None = None,
) -> Problem:
    """Describe a problem where a source has its key, or the closest table above it."""
    for length in range(len(path), 0, -1):
        for source in sources:
            if source.holds(path[:length]):
                line = source.line(path[:length])
                return Problem(source.name, spell(path), message, line, expected, nearest)
    name = file or (sources[0].name if sources else "")
    return Problem(name, spell(path), message, None, expected, nearest)
