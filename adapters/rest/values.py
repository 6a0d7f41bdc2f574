"""Values of requests: templates, constants, and lists and tables of them, compiled once."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from adapters.rest.reading import Path, Reader
from connector.crm.templates import (
    Bound,
    Roots,
    Sandbox,
    Vocabulary,
    is_nothing,
    is_template,
    iso,
    read_template,
    spell_text,
)

Maker = Callable[[Roots], Any]
"""Gives a value from what a request knows; ``None`` for nothing."""

_UTC: Final = ZoneInfo("UTC")
_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_BAD_IN_PATH: Final = re.compile(r"[?#\\\x00-\x1f\x7f]|://|^//")
_TEXT_OF_HEADER: Final = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


class UnwritableError(ValueError):
    """A request cannot be written for these values."""


def _encode(value: Any) -> str:
    if is_nothing(value):
        raise UnwritableError("a part of the path is empty")
    return quote(spell_text(value), safe="")


_VALUES: Final = Sandbox(html=False, time_zone=_UTC)
_PATHS: Final = Sandbox(html=False, time_zone=_UTC, spell=_encode)


class Templates:
    """Compiles the templates of one request; ``reads`` are the names that any of them reads."""

    def __init__(self, reader: Reader, vocabulary: Vocabulary) -> None:
        self._reader = reader
        self._vocabulary = vocabulary
        self.reads: set[str] = set()

    def path(self, path: Path, raw: str) -> Bound:
        """Compile a path, whose computed parts are percent-encoded."""
        fixed = _EXPRESSION.sub("x", raw)
        if _BAD_IN_PATH.search(fixed):
            self._reader.complain(
                path,
                "is not a path below base_url",
                expected="a path such as /v1/contacts; what follows a question mark in `query`",
            )
        elif {".", ".."} & set(fixed.split("/")):
            self._reader.complain(path, "leaves its place", expected="a path without . or ..")
        bound = self._bind(path, raw, _PATHS.bind_text) if is_template(raw) else None
        ends_in_slash = fixed.endswith("/")

        def make(roots: Roots) -> str:
            text = "/" + (raw if bound is None else bound(roots)).removeprefix("/")
            parts = text.split("/")[1:]
            if ends_in_slash:
                parts.pop()
            if {"", ".", ".."} & set(parts):
                raise UnwritableError("a part of the path is empty or leads elsewhere")
            return text

        return make

    def value(self, path: Path, raw: object) -> Maker:
        """Compile a value of a body or query: types are kept, what is nothing is left out."""
        match raw:
            case str() if is_template(raw):
                bound = self._bind(path, raw, None)
                return lambda roots: to_json(bound(roots))
            case list():
                makers = [self.value((*path, at), each) for at, each in enumerate(raw)]
                return lambda roots: [
                    value for make in makers if (value := make(roots)) is not None
                ]
            case dict():
                table = {key: self.value((*path, key), each) for key, each in raw.items()}
                return lambda roots: {
                    key: value for key, make in table.items() if (value := make(roots)) is not None
                }
            case _:
                constant = to_json(raw, keep=True)
                return lambda _: constant

    def query(self, path: Path, raw: object) -> Maker:
        """Compile a query parameter: a text, or a list for one that is repeated."""
        make = self.value(path, raw)

        def spell(roots: Roots) -> str | list[str] | None:
            value = make(roots)
            if isinstance(value, dict):
                raise UnwritableError("a query parameter cannot hold a table")
            if isinstance(value, list):
                return [spell_text(each) for each in value] or None
            return None if value is None else spell_text(value)

        return spell

    def header(self, path: Path, raw: object) -> Maker:
        """Compile a header's value."""
        make = self.value(path, raw)

        def spell(roots: Roots) -> str | None:
            value = make(roots)
            if value is None:
                return None
            text = spell_text(value)
            if not _TEXT_OF_HEADER.fullmatch(text):
                raise UnwritableError("a header cannot hold this")
            return text

        return spell

    def _bind(self, path: Path, raw: str, bind: Callable[[str], Bound] | None) -> Bound:
        template, faults = read_template(raw, self._vocabulary)
        self.reads |= template.paths
        for fault in faults:
            self._reader.complain(
                path, fault.message, expected=fault.expected, nearest=fault.nearest
            )
        if faults:
            return lambda _: None
        return bind(raw) if bind else _VALUES.bind(template)


def to_json(value: Any, *, keep: bool = False) -> Any:
    """Return a value as JSON has it; ``None`` for nothing, unless a text is to be kept empty."""
    match value:
        case bool() | int() | float():
            return value
        case str():
            return str(value) if keep or not is_nothing(value) else None
        case datetime():
            return iso(value)
        case Mapping():
            return {key: to_json(each, keep=True) for key, each in value.items()}
        case list() | tuple():
            return [to_json(each, keep=True) for each in value]
        case _ if is_nothing(value):
            return None
        case _:
            raise UnwritableError(f"JSON cannot hold a {type(value).__name__}")
