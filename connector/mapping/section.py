"""The fields of one kind of record, compiled for what a CRM takes in each of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, cast

from jinja2 import Undefined
from markupsafe import Markup

from connector.errors import RenderError
from connector.mapping.models import Field, Value, templates_of
from connector.mapping.rendered import Rendered, hash_content
from connector.mapping.schema import Schema
from connector.mapping.vocabulary import is_name_like
from connector.model.record import FieldValue
from connector.template.clean import clean_name, clean_text
from connector.template.filters import is_nothing
from connector.template.html import text_as_html
from connector.template.reading import Template
from connector.template.sandbox import (
    FAILURES,
    OUTPUT_LIMIT,
    OutputTooLongError,
    Roots,
    Sandbox,
)

Maker = Callable[[Roots], Any]
"""Gives a field's value from the views, ``None`` for nothing."""


@dataclass(frozen=True, slots=True)
class Sandboxes:
    """The two places where templates run."""

    text: Sandbox
    html: Sandbox


class Section:
    """Renders ``[contact.fields]`` or ``[message.fields]``."""

    def __init__(
        self,
        name: str,
        fields: Mapping[str, Field],
        schema: Schema,
        sandboxes: Sandboxes,
    ) -> None:
        self._name = name
        self._constants: dict[str, FieldValue] = {}
        self._makers: list[tuple[str, Maker]] = []
        for key, field in fields.items():
            info = schema.get(key)
            kind = info.type if info else "text"
            if any(templates_of(field.value)):
                self._makers.append((key, _compile(field.value, kind, sandboxes)))
            elif not is_nothing(field.value):
                self._constants[key] = cast("FieldValue", field.value)
        self._create_only = frozenset(k for k, field in fields.items() if field.write == "create")
        self._if_empty = frozenset(k for k, field in fields.items() if field.write == "if_empty")
        self._required = frozenset(k for k, field in fields.items() if field.required)

    def render(
        self, roots: Roots, *, stand_ins: Callable[[], Iterable[Mapping[str, FieldValue]]] = tuple
    ) -> Rendered:
        """Fill every field. Raises ``RenderError`` where a template fails for these values."""
        fields = self._constants.copy()
        for key, make in self._makers:
            try:
                value = make(roots)
            except FAILURES as error:
                raise RenderError(
                    f"{self._name}.fields.{key}: the template fails for this record "
                    f"({type(error).__name__})",
                    field=key,
                ) from None
            if value is not None:
                fields[key] = value
        return Rendered(
            fields,
            self._create_only,
            self._if_empty,
            self._required,
            hash_content(fields, without=self._create_only),
            stand_ins,
        )


def _compile(value: Value, kind: str, sandboxes: Sandboxes) -> Maker:
    match value:
        case Template():
            return _compile_template(value, kind, sandboxes)
        case list():
            return _compile_list(value, kind, sandboxes)
        case dict():
            return _compile_table(value, kind, sandboxes)
        case _:
            return lambda _: value


def _compile_template(template: Template, kind: str, sandboxes: Sandboxes) -> Maker:
    if kind == "html":
        sandbox, spell = sandboxes.html, _spell_html
    elif kind == "text" and is_name_like(template.paths):
        sandbox, spell = sandboxes.text, clean_name
    else:
        sandbox, spell = sandboxes.text, _spell_text
    bound = sandbox.bind(template)

    def make(roots: Roots) -> Any:
        return _finish(bound(roots), spell)

    return make


def _compile_list(values: list[Value], kind: str, sandboxes: Sandboxes) -> Maker:
    makers = [(_compile(each, kind, sandboxes), any(templates_of(each))) for each in values]

    def make(roots: Roots) -> Any:
        made = [(maker(roots), computed) for maker, computed in makers]
        filled = any(value is not None for value, computed in made if computed)
        return [value for value, _ in made if value is not None] if filled else None

    return make


def _compile_table(table: dict[str, Value], kind: str, sandboxes: Sandboxes) -> Maker:
    makers = [
        (key, _compile(each, kind, sandboxes), any(templates_of(each)))
        for key, each in table.items()
    ]

    def make(roots: Roots) -> Any:
        """Make a table; one whose computed parts are all nothing says nothing."""
        made = [(key, maker(roots), computed) for key, maker, computed in makers]
        filled = any(value is not None for _, value, computed in made if computed)
        return {key: value for key, value, _ in made if value is not None} if filled else None

    return make


def _spell_text(text: str) -> str:
    return clean_text(str(text))


def _spell_html(text: str) -> str:
    return clean_text(str(text if isinstance(text, Markup) else text_as_html(text)))


def _finish(value: Any, spell: Callable[[str], str]) -> Any:
    """Make a template's value fit to leave: cleaned, of a type that JSON or an adapter knows."""
    match value:
        case str():
            text = spell(value)
            if len(text) > OUTPUT_LIMIT:
                raise OutputTooLongError
            return None if is_nothing(text) else text
        case None | Undefined():
            return None
        case float() if not isfinite(value):
            return None
        case bool() | int() | float() | datetime():
            return value
        case list() | tuple():
            return [each for raw in value if (each := _finish(raw, spell)) is not None] or None
        case _:
            raise TypeError(f"a field cannot hold a {type(value).__name__}")
