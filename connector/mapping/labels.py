"""Labels by keyword: simple rules that an admin can read, and no pattern language to get wrong.

A rule fires where one of its words or phrases stands in the text as a whole word. Case, accents and
the number of spaces do not count: ``orcamento`` finds "Orçamento".
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from connector.errors import ConfigError, Problem
from connector.mapping.source import Source, read_source, spell

_SPACES: Final = re.compile(r"\s+")
_ACCENTS: Final = re.compile(r"[\u0300-\u036f]+")


class Match(NamedTuple):
    """A rule that fired, and the keyword of it that was found, as the admin wrote it."""

    label: str
    keyword: str


class Labels:
    """The rules of one file, compiled. ``rules`` maps each label to its keywords."""

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules = [
            (label, re.compile(rf"(?<!\w)(?:{'|'.join(_group(word) for word in words)})(?!\w)"))
            for label, words in rules.items()
            if words
        ]
        self._words = {
            label: {fold(word): word for word in words} for label, words in rules.items()
        }

    def of(self, text: str) -> tuple[str, ...]:
        """Return the labels whose rules fire for a text, in the order of the file."""
        if not self._rules or not text:
            return ()
        folded = fold(text)
        return tuple(label for label, rule in self._rules if rule.search(folded))

    def matches(self, text: str) -> tuple[Match, ...]:
        """Return, for each rule that fires, the keyword that made it."""
        folded = fold(text)
        return tuple(
            Match(label, self._words[label][found[0]])
            for label, rule in self._rules
            if (found := rule.search(folded))
        )


def fold(text: str) -> str:
    """Return a text without case, accents and repeated spaces: what keywords are compared in."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return _SPACES.sub(" ", _ACCENTS.sub("", apart)).strip()


def _group(word: str) -> str:
    return re.escape(fold(word))


def load_labels(path: Path, *, name: str | None = None) -> Labels:
    """Read a file of label rules: a table ``[labels]`` of lists of keywords.

    Raises ``ConfigError`` with every problem; ``name`` is what the file is called in them.
    """
    source = read_source(path, name=name or path.name)
    problems = _problems(source)
    if problems:
        raise ConfigError(problems)
    return Labels(source.data.get("labels", {}))


def _problems(source: Source) -> list[Problem]:
    def problem(path: tuple[str | int, ...], message: str, expected: str) -> Problem:
        return Problem(source.name, spell(path), message, line=source.line(path), expected=expected)

    found = [
        problem((key,), "unknown key", "only the table [labels]")
        for key in source.data
        if key != "labels"
    ]
    rules = source.data.get("labels", {})
    if not isinstance(rules, Mapping):
        return [*found, problem(("labels",), "is not a table", "a table of lists of keywords")]
    for label, words in rules.items():
        path = ("labels", label)
        if not isinstance(words, list) or not words:
            found.append(problem(path, "is not a list of keywords", '["orçamento", "preço"]'))
            continue
        found += [
            problem((*path, place), "is not a keyword", "a text with a letter or a digit")
            for place, word in enumerate(words)
            if not isinstance(word, str) or not any(char.isalnum() for char in word)
        ]
    return found
