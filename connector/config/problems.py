"""From what pydantic found wrong to what an admin is told: file, line, key, expectation."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from connector.config.lines import locate
from connector.config.section import nearest_name
from connector.errors import Problem

KeyPath = tuple[str | int, ...]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


class Finding(NamedTuple):
    """A problem before its place in the file is known."""

    path: KeyPath
    message: str
    expected: str | None = None
    nearest: str | None = None

    def at(self, file: str, source: str) -> Problem:
        """Return the problem with its line, or that of the innermost table that is there."""
        lines = (locate(source, self.path[:end]) for end in range(len(self.path), 0, -1))
        return Problem(
            file=file,
            key=spell_key(self.path),
            message=self.message,
            line=next((line for line in lines if line is not None), None),
            expected=self.expected,
            nearest=self.nearest,
        )


def spell_key(path: Sequence[str | int]) -> str:
    """Write a key's path as people do: ``whatsapp.numbers[0].country``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else f'"{part}"'
            text += f".{name}" if text else name
    return text


def find_problems(
    error: ValidationError, model: type[BaseModel], *, under: KeyPath = ()
) -> list[Finding]:
    """Translate everything a validation of ``model`` found; ``under`` is where its table stands."""
    errors = error.errors(include_url=False)
    places = {details["loc"] for details in errors}
    return [
        _translate(details, model, under)
        for details in errors
        if details["type"] != "too_short" or not _any_within(details["loc"], places)
    ]


def _any_within(place: KeyPath, places: Iterable[KeyPath]) -> bool:
    """Say whether a list only looks too short because its entries are wrong."""
    return any(other[: len(place)] == place and other != place for other in places)


def _translate(details: ErrorDetails, model: type[BaseModel], under: KeyPath) -> Finding:
    path: KeyPath = (*under, *details["loc"])
    context = details.get("ctx", {})
    match details["type"]:
        case "config":
            return Finding(
                (*path, *context["key"]),
                context["message"],
                context["expected"],
                context["nearest"],
            )
        case "value_error" | "assertion_error":  # an adapter's own check
            return Finding(path, str(context["error"]))
        case "missing":
            return Finding(path, "is required", _describe(model, details["loc"]))
        case "extra_forbidden":
            *parents, key = details["loc"]
            table = _model_at(model, parents)
            names = sorted(table.model_fields) if table else []
            return Finding(path, "is not a known key", nearest=nearest_name(key, names))
        case "literal_error":
            choices = re.findall(r"'([^']*)'", str(context["expected"]))
            return Finding(
                path,
                "is not one of the choices",
                " or ".join(f'"{choice}"' for choice in choices),
                nearest_name(details["input"], choices),
            )
        case kind:
            expected = (
                _EXPECTED.get(kind)
                or _describe(model, details["loc"])
                or _bounds(context)
                or details["msg"]
            )
            return Finding(path, _SAID.get(kind, "has the wrong type"), expected)


_SAID: Final = {
    "string_pattern_mismatch": "does not have the right form",
    "string_too_short": "is empty",
    "string_too_long": "is too long",
    "too_short": "is empty",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than": "is too large",
    "less_than_equal": "is too large",
    "finite_number": "is not a number to count with",
}
_EXPECTED: Final = {
    "string_type": "a text in quotes",
    "int_type": "a whole number, without quotes",
    "float_type": "a number, without quotes",
    "bool_type": "true or false, without quotes",
    "tuple_type": "a list in brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "finite_number": "a finite number",
}
_BOUNDS: Final = {
    "gt": "more than {}",
    "ge": "at least {}",
    "lt": "less than {}",
    "le": "at most {}",
    "min_length": "at least {}",
    "max_length": "at most {} characters",
    "pattern": "text that fits {}",
}


def _bounds(context: dict[str, Any]) -> str | None:
    return next((_BOUNDS[key].format(context[key]) for key in _BOUNDS if key in context), None)


def _describe(model: type[BaseModel], path: Sequence[str | int]) -> str | None:
    """Return what the model says is expected at a key."""
    *parents, key = path
    while isinstance(key, int) and parents:
        *parents, key = parents
    table = _model_at(model, parents)
    field = table.model_fields.get(str(key)) if table else None
    return field.description if field else None


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    """Follow a path through nested tables to the model of its end."""
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        nested = next(_models_in(field.annotation), None) if field else None
        if nested is None:
            return None
        model = nested
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
