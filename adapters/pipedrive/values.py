"""Values as Pipedrive takes and gives them: in v2 numbers are numbers and booleans booleans."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from adapters.pipedrive.fields import Field
from connector.crm import FieldValue, JsonScalar

Speller = Callable[[Field, Any], Any]
_LABELS: Final = {"phones": "mobile", "emails": "work"}
_TRUE: Final = frozenset({"true", "1", "yes"})
_FALSE: Final = frozenset({"false", "0", "no", ""})


class UnfitError(Exception):
    """A value that a field cannot hold; says so without the value."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"the field {field} takes {expected}")
        self.field = field


def spell(field: Field, value: FieldValue) -> Any:
    """Return a value as it stands in a request; ``None`` clears. Raises ``UnfitError``."""
    if value is None:
        return None
    speller: Speller = _SPELLERS.get(field.kind, _spell_text)
    return speller(field, value)


def _spell_text(_: Field, value: FieldValue) -> Any:
    return value if isinstance(value, Mapping) else _as_text(value)


def _spell_day(_: Field, value: FieldValue) -> str:
    """Return a date. Dates and times of day are UTC in Pipedrive."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).date().isoformat()
    return _as_text(value)[:10]


def _spell_clock(_: Field, value: FieldValue) -> str:
    return _format(value, "%H:%M")


def _spell_v1_moment(_: Field, value: FieldValue) -> str:
    return _format(value, "%Y-%m-%d %H:%M:%S")


def _spell_time(_: Field, value: FieldValue) -> Any:
    if isinstance(value, Mapping):
        return value
    return {"value": _format(value, "%H:%M:%S"), "timezone_name": "UTC"}


def _spell_money(field: Field, value: FieldValue) -> Any:
    if not isinstance(value, Mapping):
        raise UnfitError(field.info.name, "a table of value and currency")
    return value


def _spell_flag(field: Field, value: FieldValue) -> int:
    return int(_read_boolean(field, value))


def _format(value: FieldValue, pattern: str) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime(pattern)
    return _as_text(value)


def spell_moment(moment: datetime) -> str:
    """Return RFC 3339 in UTC and whole seconds: Pipedrive refuses fractions."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def spell_entries(field: Field, value: FieldValue) -> list[dict[str, Any]]:
    """Return phones or e-mails: one text, or several, or tables that have a ``value``."""
    values: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
    entries: list[dict[str, Any]] = []
    for place, each in enumerate(values):
        if isinstance(each, Mapping):
            if not each.get("value"):
                raise UnfitError(field.info.name, "entries with a value")
            entries.append({"label": _LABELS[field.kind], **each})
        else:
            entries.append(
                {"value": _as_text(each), "primary": place == 0, "label": _LABELS[field.kind]}
            )
    return entries


def read_time(text: object) -> datetime | None:
    """Return the moment that v2 or v1 names."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def unspell(field: Field, value: Any) -> JsonScalar:
    """Return what Pipedrive holds as a mapping would have written it.

    Of several phones the primary one; options by their labels, several with ``;`` between them.
    """
    if field.kind in {"phones", "emails"}:
        return _primary(value)
    if field.kind in {"enum", "set"}:
        labels = {number: label for label, number in field.choices.items()}
        chosen = value if isinstance(value, list) else [] if value is None else [value]
        words = [
            labels.get(each, str(each)) if isinstance(each, int) else str(each) for each in chosen
        ]
        return ";".join(words) or None
    match value:
        case None | bool() | int() | float() | str():
            return value
        case {"value": inner} if not isinstance(inner, list | dict):
            return unspell(field, inner)
        case list():
            return ";".join(str(each) for each in value) or None
        case _:
            return str(value)


def _primary(entries: object) -> str | None:
    found = (
        [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    )
    found = [each for each in found if each.get("value")]
    first = next((each for each in found if each.get("primary")), found[0] if found else None)
    return None if first is None else str(first["value"])


def _as_text(value: FieldValue) -> str:
    match value:
        case datetime():
            return spell_moment(value)
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case list() | tuple():
            return ", ".join(_as_text(each) for each in value)
        case _:
            return str(value)


def _read_boolean(field: Field, value: FieldValue) -> bool:
    word = _as_text(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise UnfitError(field.info.name, "true or false")


def _read_number(field: Field, value: FieldValue) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        try:
            number = float(_as_text(value))
        except ValueError:
            raise UnfitError(field.info.name, "a number") from None
    if number.is_integer():
        return int(number)
    if field.kind != "double":
        raise UnfitError(field.info.name, "a whole number")
    return number


def _choose(field: Field, value: FieldValue) -> int:
    """Return the id of an option given by its label, or by the id itself."""
    word = _as_text(value).strip()
    folded = {label.casefold(): number for label, number in field.choices.items()}
    if word.casefold() in folded:
        return folded[word.casefold()]
    if word.isascii() and word.isdigit() and int(word) in folded.values():
        return int(word)
    raise UnfitError(field.info.name, "one of its options")


def _choose_many(field: Field, value: FieldValue) -> list[int] | None:
    """Return ids of options. None at all clears the field: an empty list is an error."""
    words: Sequence[Any] = value if isinstance(value, list | tuple) else _as_text(value).split(";")
    chosen = [_choose(field, each) for each in words if _as_text(each).strip()]
    return list(dict.fromkeys(chosen)) or None


_SPELLERS: Final[Mapping[str, Speller]] = {
    "phones": spell_entries,
    "emails": spell_entries,
    "boolean": _read_boolean,
    "flag": _spell_flag,
    "enum": _choose,
    "set": _choose_many,
    "int": _read_number,
    "double": _read_number,
    "org": _read_number,
    "people": _read_number,
    "date": _spell_day,
    "clock": _spell_clock,
    "time": _spell_time,
    "v1_moment": _spell_v1_moment,
    "monetary": _spell_money,
}
"""How each of Pipedrive's types, and of our own for its system fields, is spelled."""
