"""The fields of persons: those every company has, and custom ones with their 40-digit codes."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.sandbox.pipedrive import inputs
from connector.sandbox.pipedrive.answers import Answer, bad_request, found, page_of
from connector.sandbox.pipedrive.company import Company
from connector.sandbox.pipedrive.inputs import Json, Reader, read_object
from connector.sandbox.pipedrive.listing import read_page
from connector.sandbox.pipedrive.store import Query, Stored

KIND: Final = "person_fields"

_BUILT_IN: Final[Sequence[tuple[str, str, str]]] = (
    ("name", "Name", "varchar"),
    ("label_ids", "Labels", "set"),
    ("phone", "Phone", "phone"),
    ("email", "Email", "varchar"),
    ("org_id", "Organization", "org"),
    ("owner_id", "Owner", "user"),
    ("add_time", "Person created", "date"),
    ("update_time", "Update time", "date"),
    ("visible_to", "Visible to", "visible_to"),
    ("activities_count", "Total activities", "int"),
    ("notes_count", "Notes count", "int"),
)
LABELS: Final = ((1, "Customer"), (2, "Hot lead"), (3, "Warm lead"), (4, "Cold lead"))
"""Person labels of the company."""

_CREATABLE: Final = (
    *("varchar", "text", "double", "phone", "date", "daterange", "time", "timerange", "set"),
    *("enum", "varchar_auto", "address", "monetary", "org", "people", "user"),
)
_SEARCHABLE: Final = ("address", "varchar", "text", "varchar_auto", "double", "monetary", "phone")


def list_fields(company: Company, query: Mapping[str, str]) -> Answer:
    """Return the definitions, a page at a time."""
    start, limit = read_page(query)
    everything = [
        *(_built_in(code, name, kind) for code, name, kind in _BUILT_IN),
        *(record.body for record in definitions(company)),
    ]
    following = start + limit
    cursor = str(following) if following < len(everything) else None
    return page_of(everything[start:following], cursor)


def create_field(company: Company, body: Any) -> Answer:
    """Define a custom field. Its name need not be its own."""
    read = read_object(
        body,
        {
            "field_name": inputs.text(empty=False),
            "field_type": inputs.one_of(_CREATABLE),
            "options": inputs.anything,
            "ui_visibility": inputs.anything,
            "important_fields": inputs.anything,
            "required_fields": inputs.anything,
        },
    )
    for name in ("field_name", "field_type"):
        if not read.get(name):
            raise bad_request(f"Validation failed: {name} is required")
    number = company.store.take_id(KIND)
    field = {
        "field_name": read["field_name"],
        "field_code": _code(company, number),
        "field_type": read["field_type"],
        "options": _options(read),
        "subfields": None,
        "is_custom_field": True,
        "is_optional_response_field": False,
    }
    now = company.now()
    company.store.insert([Stored(number, KIND, field, None, now, now)])
    return found(field)


def delete_field(company: Company, code: str) -> None:
    """Take a custom field away, as people do in the settings. Values stay out of sight."""
    for record in definitions(company):
        if record.body["field_code"] == code:
            record.gone = "deleted"
            company.store.update(record)


def definitions(company: Company) -> list[Stored]:
    """Return the custom fields."""
    return company.store.live(KIND, Query())


def searchable_codes(company: Company) -> set[str]:
    """Return the codes of custom fields that searches look at."""
    return {
        record.body["field_code"]
        for record in definitions(company)
        if record.body["field_type"] in _SEARCHABLE
    }


def custom_readers(company: Company) -> Mapping[str, Reader]:
    """Return a reader for each custom field by its code."""
    return {record.body["field_code"]: _reader(record.body) for record in definitions(company)}


def _read_time(value: Any, _: str) -> Json:
    return read_object(value, {"value": inputs.clock_time, "timezone_name": inputs.text()})


def _read_money(value: Any, _: str) -> Json:
    return read_object(value, {"value": inputs.number, "currency": inputs.text(3)})


_READERS: Final[Mapping[str, Reader]] = {
    "varchar": inputs.text(),
    "varchar_auto": inputs.text(),
    "phone": inputs.text(),
    "text": inputs.text(65_000),
    "double": inputs.number,
    "date": inputs.day,
    "time": _read_time,
    "monetary": _read_money,
    "user": inputs.integer,
    "org": inputs.integer,
    "people": inputs.integer,
}


def _reader(field: Json) -> Reader:
    options = {option["id"] for option in field["options"] or ()}
    match field["field_type"]:
        case "enum":
            return inputs.one_of(options)
        case "set":
            return _set_of(options)
        case kind:
            return _READERS.get(kind, inputs.anything)


def _set_of(options: set[int]) -> Reader:
    def read(value: Any, name: str) -> list[int]:
        chosen = inputs.integers(value, name)
        if not chosen or not options.issuperset(chosen):
            raise bad_request(f"Validation failed: {name}: not options of this field")
        return chosen

    return read


def _options(read: Json) -> list[Json] | None:
    if read["field_type"] not in {"enum", "set"}:
        return None
    options = read.get("options")
    if not isinstance(options, list) or not options:
        raise bad_request("Validation failed: options are required for this type")
    labels = [read_object(each, {"label": inputs.text(empty=False)})["label"] for each in options]
    return [{"id": 10 + place, "label": label} for place, label in enumerate(labels)]


def _code(company: Company, number: int) -> str:
    seed = f"{company.settings.company_id}:{company.seed}:{number}"
    return hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()


def _built_in(code: str, name: str, kind: str) -> Json:
    options = [{"id": number, "label": label} for number, label in LABELS]
    if code == "visible_to":
        options = [{"id": number, "label": str(number)} for number in (1, 3, 5, 7)]
    return {
        "field_name": name,
        "field_code": code,
        "field_type": kind,
        "options": options if kind in {"set", "visible_to"} else None,
        "subfields": None,
        "is_custom_field": False,
        "is_optional_response_field": code.endswith("_count"),
    }
