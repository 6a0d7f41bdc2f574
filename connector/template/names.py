"""What a template may name: the roots and their parts, which differ, and the filters, which do not.

Each name has the kind of value behind it. ``mappings/README.md`` explains filters and tests to
admins; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

ValueType = Literal[
    "text", "name", "digits", "html", "number", "bool", "datetime", "labels", "table"
]
"""``name`` is text that a person chose for themselves or a file; ``digits`` text of digits;
``labels`` a short list of texts; ``table`` values by name."""

Names = Mapping[str, ValueType]
"""The parts of one root, dotted; the empty part is the root itself."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the templates of one place may name."""

    roots: Mapping[str, Names]
    where: str = "here"
    """The place, as in "message is not defined in [contact]"."""
    elsewhere: frozenset[str] = frozenset()
    """Roots that exist in other places."""

    def type_of(self, path: str) -> ValueType | None:
        """Return the kind of value behind a whole name, if there is one."""
        root, _, rest = path.partition(".")
        return self.roots.get(root, {}).get(rest)


class Filter(NamedTuple):
    """A filter as templates write it."""

    arguments: tuple[str, ...] = ()
    """Their names, in order; all may be left out."""
    gives: ValueType | None = None
    """The type of its result; ``None``: the type of what it is given."""


FILTERS: Final[Mapping[str, Filter]] = {
    "date": Filter(("pattern", "local"), "text"),
    "datetime": Filter(("pattern", "local"), "text"),
    "epoch": Filter(("unit",), "number"),
    "truncate": Filter(("length", "end")),
    "escape": Filter(),
    "digits": Filter(gives="digits"),
    "number": Filter(gives="number"),
    "default": Filter(("fallback",)),
    "base64url": Filter(gives="text"),
    "json": Filter(gives="text"),
}

TESTS: Final = frozenset({"defined", "undefined", "none"})
