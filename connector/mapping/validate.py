"""A mapping against the schema that the CRM has now, before anything is sent."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from connector.config.section import nearest_name
from connector.errors import Problem, RenderError
from connector.mapping.models import Field, Mapping
from connector.mapping.preview import Sample, make_samples, preview
from connector.mapping.render import Renderer
from connector.mapping.schema import Schema, nearest_field
from connector.model.record import FieldInfo, FieldType
from connector.template.names import ValueType
from connector.template.reading import Template

_WORDS: Final[ReadOnly[FieldType, str]] = {
    "text": "a text",
    "html": "a text",
    "number": "a number",
    "bool": "yes or no",
    "date": "a date",
    "datetime": "a date and time",
    "option": "one of the CRM's options",
    "options": "some of the CRM's options",
    "json": "anything",
}

_REFUSED: Final[ReadOnly[FieldType, frozenset[ValueType]]] = {
    "number": frozenset({"name", "html", "bool", "datetime", "labels"}),
    "bool": frozenset({"name", "digits", "html", "number", "datetime", "labels"}),
    "date": frozenset({"name", "digits", "html", "bool", "labels"}),
    "datetime": frozenset({"name", "digits", "html", "bool", "labels"}),
    "option": frozenset({"name", "html", "datetime", "labels"}),
    "options": frozenset({"name", "html", "datetime"}),
}
"""What is clearly of another type than a field takes. Text may be anything once it is computed."""

_NOT_TEXT: Final[frozenset[FieldType]] = frozenset({"number", "bool", "date", "datetime"})
"""Fields for which a text that is a plain name of the vocabulary will not do either."""

_SHOWN: Final = 12
"""Options that a problem lists."""


def validate_mapping(
    mapping: Mapping, *, contact_schema: Schema, message_schema: Schema
) -> list[Problem]:
    """Return what the CRM would not take, and the templates that fail, each with file and line.

    An empty schema says nothing: a CRM that cannot be asked is not checked against.
    """
    return [
        *_check(mapping, "contact", mapping.contact.object, mapping.contact.fields, contact_schema),
        *_check(mapping, "message", mapping.message.object, mapping.message.fields, message_schema),
        *_try_out(mapping),
    ]


def _check(
    mapping: Mapping, section: str, kind: str, fields: ReadOnly[str, Field], schema: Schema
) -> Iterator[Problem]:
    for name, field in fields.items() if schema else ():
        path = (section, "fields", name)
        info = schema.get(name)
        if info is None:
            yield mapping.problem(
                path,
                f"the CRM's {kind} have no such field",
                expected=f"a field of {kind}",
                nearest=nearest_field(schema, name),
            )
        elif not info.writable:
            yield mapping.problem(
                path, "is read-only in the CRM", expected="a field that can be written"
            )
        else:
            yield from _check_value(mapping, path, field, info)


def _check_value(
    mapping: Mapping, path: Sequence[str | int], field: Field, info: FieldInfo
) -> Iterator[Problem]:
    match field.value:
        case Template() as template:
            if _is_refused(template, info.type):
                yield mapping.problem(path, f"gives {_say(template)}", expected=_expect(info))
            constants: Sequence[Any] = template.constants
        case dict():
            return
        case list() as values:
            constants = [each for each in values if not isinstance(each, Template | list | dict)]
        case constant:
            constants = [constant]
    for constant in constants:
        for wrong in _wrong_parts(constant, info):
            yield mapping.problem(
                path,
                f"{wrong!r} is not {_WORDS[info.type]}",
                expected=_expect(info),
                nearest=nearest_name(wrong, info.options or ()),
            )


def _is_refused(template: Template, kind: FieldType) -> bool:
    if template.type in _REFUSED.get(kind, ()):
        return True
    return kind in _NOT_TEXT and template.path is not None and template.type == "text"


def _say(template: Template) -> str:
    return {
        "name": "a name",
        "digits": "a number written as text",
        "html": "HTML",
        "number": "a number",
        "bool": "yes or no",
        "datetime": "a date and time",
        "labels": "a list",
    }.get(template.type or "text", "a text")


def _expect(info: FieldInfo) -> str:
    if not info.options:
        return _WORDS[info.type]
    shown = ", ".join(info.options[:_SHOWN])
    return f"one of {shown}" + (" …" if len(info.options) > _SHOWN else "")


def _wrong_parts(constant: object, info: FieldInfo) -> list[object]:
    """Return the constant, or those of its options, that the field would not take."""
    match info.type:
        case "number":
            fits = not isinstance(constant, bool) and _is_number(constant)
        case "bool":
            fits = isinstance(constant, bool) or constant in {"true", "false"}
        case "date" | "datetime":
            fits = _is_time(constant)
        case "option" | "options":
            several = info.type == "options" and isinstance(constant, str)
            chosen = str(constant).split(";") if several else [_spell(constant)]
            options = info.options
            return [each for each in chosen if options is not None and each not in options]
        case _:
            fits = True
    return [] if fits else [constant]


def _spell(constant: object) -> str:
    return str(constant).lower() if isinstance(constant, bool) else str(constant)


def _is_number(constant: object) -> bool:
    try:
        float(str(constant))
    except ValueError:
        return False
    return True


def _is_time(constant: object) -> bool:
    if isinstance(constant, bool):
        return False
    if isinstance(constant, datetime | int | float):
        return True
    text = str(constant)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return text.isascii() and text.isdigit()
    return True


def _try_out(mapping: Mapping) -> Iterator[Problem]:
    """Render the samples: a template that fails for a person without a phone is found here."""
    for sample, who in zip(
        make_samples(), ("everybody", "people without phone and name"), strict=True
    ):
        untried = mapping
        while (failed := _first_failure(untried, sample)) is not None:
            section, field = failed
            yield mapping.problem(
                (section, "fields", field),
                f"the template fails for {who}",
                expected="operators and filters that fit their values",
            )
            untried = _without(untried, section, field)
        mapping = untried  # what fails for everybody is said once


def _first_failure(mapping: Mapping, sample: Sample) -> tuple[str, str] | None:
    renderer = Renderer(
        mapping,
        contact_schema={},
        message_schema={},
        language="en",
        time_zone=ZoneInfo("UTC"),
    )
    try:
        renderer.contact(sample.contact)
    except RenderError as error:
        return "contact", error.field
    try:
        preview(renderer, sample.contact, sample.messages)
    except RenderError as error:
        return "message", error.field
    return None


def _without(mapping: Mapping, section: str, field: str) -> Mapping:
    if section == "contact":
        fields = {name: each for name, each in mapping.contact.fields.items() if name != field}
        return replace(mapping, contact=replace(mapping.contact, fields=fields))
    fields = {name: each for name, each in mapping.message.fields.items() if name != field}
    return replace(mapping, message=replace(mapping.message, fields=fields))
