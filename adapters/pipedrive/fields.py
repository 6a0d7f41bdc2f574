"""Fields by the names that a mapping uses: Pipedrive's own words, and the labels people see.

A custom field is known to the API by 40 hex digits that differ from company to company, so mappings
name it by its label. Labels need not be unique; where two fields share one it means neither, and
both are shown with their codes behind the label. A code may be used as a name, too.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.pipedrive.answers import Json, records_of
from connector.crm import FieldInfo, FieldType


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what the connector is told of it, and how Pipedrive knows it."""

    info: FieldInfo
    code: str
    kind: str
    """Pipedrive's type."""
    custom: bool = False
    choices: Mapping[str, int] = field(default_factory=dict)
    """Ids of the options by their labels."""


class Fields:
    """The fields of one kind of record."""

    def __init__(self, fields: Iterable[Field], ambiguous: Iterable[str] = ()) -> None:
        self._by_name = {each.info.name: each for each in fields}
        self._folded = {each.info.label.casefold(): each for each in self._by_name.values()}
        self._by_code = {each.code: each for each in self._by_name.values()}
        self._ambiguous = frozenset(ambiguous)

    def find(self, name: str) -> Field | None:
        """Return the field that a mapping means."""
        return (
            self._by_name.get(name) or self._by_code.get(name) or self._folded.get(name.casefold())
        )

    def is_ambiguous(self, name: str) -> bool:
        """Say whether several fields have this label, so that none is meant."""
        return name.casefold() in self._ambiguous

    def describe(self) -> Mapping[str, FieldInfo]:
        """Return what the connector is told, by name."""
        return {name: each.info for name, each in self._by_name.items()}


_TYPES: Final[Mapping[str, FieldType]] = {
    "double": "number",
    "int": "number",
    "boolean": "bool",
    "date": "date",
    "enum": "option",
    "set": "options",
    "monetary": "json",
    "time": "json",
    "daterange": "json",
    "timerange": "json",
    "address": "json",
}


def _own(
    name: str,
    label: str,
    type_: FieldType = "text",
    kind: str = "varchar",
    *,
    writable: bool = True,
) -> Field:
    return Field(FieldInfo(name, label, type_, writable=writable), name, kind)


def _choice(name: str, label: str, *options: int) -> Field:
    words = tuple(str(each) for each in options)
    choices = dict(zip(words, options, strict=True))
    return Field(FieldInfo(name, label, "option", options=words), name, "enum", choices=choices)


PERSON: Final = (
    _own("name", "Name"),
    _own("phones", "Phone", kind="phones"),
    _own("emails", "Email", kind="emails"),
    _own("owner_id", "Owner", kind="user"),
    _own("org_id", "Organization", "number", "int"),
    _choice("visible_to", "Visible to", 1, 3, 5, 7),
    _own("add_time", "Person created", "datetime", "moment"),
    _own("update_time", "Update time", "datetime", "moment", writable=False),
)
_ACTIVITY: Final = (
    _own("subject", "Subject"),
    _own("note", "Note", "html"),
    _own("due_date", "Due date", "date", "date"),
    _own("due_time", "Due time", kind="clock"),
    _own("duration", "Duration", kind="clock"),
    _own("done", "Done", "bool", "boolean"),
    _own("busy", "Busy", "bool", "boolean"),
    _own("owner_id", "Assigned to user", kind="user"),
    _own("org_id", "Organization", "number", "int"),
    _own("deal_id", "Deal", "number", "int"),
    _own("priority", "Priority", "number", "int"),
    _own("public_description", "Public description"),
    _own("person_id", "Contact person", "number", "int", writable=False),
    _own("add_time", "Add time", "datetime", "moment", writable=False),
    _own("update_time", "Update time", "datetime", "moment", writable=False),
)
NOTE: Final = (
    _own("content", "Content", "html"),
    _own("add_time", "Add time", "datetime", "v1_moment"),
    _own("user_id", "Author", kind="user"),
    _own("deal_id", "Deal", "number", "int"),
    _own("pinned_to_person_flag", "Pinned to the person", "bool", "flag"),
    _own("pinned_to_deal_flag", "Pinned to the deal", "bool", "flag"),
    _own("person_id", "Person", "number", "int", writable=False),
    _own("update_time", "Update time", "datetime", "v1_moment", writable=False),
)
"""Notes and activities take no custom fields, and Pipedrive describes neither to everybody."""

_LABELS: Final = "label_ids"


def note_fields() -> Fields:
    """Return the fields of notes."""
    return Fields(NOTE)


def activity_fields(types: Sequence[Json]) -> Fields:
    """Return the fields of activities, given the company's types of them."""
    keys = tuple(
        str(each["key_string"])
        for each in types
        if each.get("key_string") and each.get("active_flag") is not False
    )
    kind = Field(FieldInfo("type", "Type", "option", options=keys), "type", "varchar")
    return Fields((*_ACTIVITY, kind))


def person_fields(definitions: Sequence[Json]) -> Fields:
    """Return the fields of persons, given the company's definitions."""
    customs = [each for each in definitions if each.get("is_custom_field") is True]
    times = Counter(str(each.get("field_name")).casefold() for each in customs)
    own = {each.info.name.casefold() for each in PERSON} | {_LABELS}
    found: list[Field] = [*PERSON, _read_labels(definitions)]
    for each in customs:
        label, code = str(each.get("field_name")), str(each.get("field_code"))
        shared = times[label.casefold()] > 1 or label.casefold() in own
        shown = f"{label} ({code})" if shared else label
        found.append(_read_field(each, shown, shown))
        if not shared:
            found.append(_read_field(each, code, label))
    return Fields(found, {label for label, number in times.items() if number > 1})


def _read_field(definition: Json, name: str, label: str) -> Field:
    kind = str(definition.get("field_type"))
    choices = _read_choices(definition)
    info = FieldInfo(
        name, label, _TYPES.get(kind, "text"), options=tuple(choices) if choices else None
    )
    code = str(definition.get("field_code"))
    return Field(info, code, kind, custom=True, choices=choices)


def _read_labels(definitions: Sequence[Json]) -> Field:
    """Return the field of the labels that people put on persons."""
    found = next((each for each in definitions if each.get("field_code") == _LABELS), {})
    choices = _read_choices(found)
    info = FieldInfo(_LABELS, "Labels", "options", options=tuple(choices) or None)
    return Field(info, _LABELS, "set", choices=choices)


def _read_choices(definition: Json) -> dict[str, int]:
    return {
        str(option.get("label")): number
        for option in records_of(definition.get("options"))
        if isinstance(number := option.get("id"), int)
    }
