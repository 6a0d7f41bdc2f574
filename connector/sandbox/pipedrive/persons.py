"""Persons: strictly read, freely doubled. Nothing about a person is unique."""

from collections.abc import Mapping
from typing import Any, Final

from connector.sandbox.pipedrive import inputs
from connector.sandbox.pipedrive.answers import (
    Answer,
    bad_request,
    found,
    gone,
    not_found,
    page_of,
)
from connector.sandbox.pipedrive.company import USERS, Company
from connector.sandbox.pipedrive.fields import (
    LABELS,
    custom_readers,
    definitions,
    searchable_codes,
)
from connector.sandbox.pipedrive.inputs import Json, Reader, spell_moment
from connector.sandbox.pipedrive.listing import list_records, refuse_unknown
from connector.sandbox.pipedrive.store import Stored

KIND: Final = "persons"
_MOST_CODES: Final = 15
_SHAPE: Final = ("custom_fields", "include_fields", "include_option_labels", "include_labels")


def create_person(company: Company, body: Any) -> Answer:
    """Make a person, no matter who is there already."""
    read = inputs.read_object(body, {**_readers(company), "add_time": inputs.moment})
    if not read.get("name"):
        raise bad_request("Validation failed: name is required")
    now = company.now()
    added = read.pop("add_time", None) or now
    person = Stored(company.store.take_id(KIND), KIND, _blank(), None, added, now)
    _lay_over(person, read)
    company.store.insert([person])
    index_person(company, person)
    return found(show_person(company, person))


def update_person(company: Company, number: int, body: Any) -> Answer:
    """Change a person. Lists are replaced whole."""
    person = load_person(company, number, writing=True)
    _lay_over(person, inputs.read_object(body, _readers(company)))
    person.updated = company.now()
    company.store.update(person)
    index_person(company, person)
    return found(show_person(company, person))


def read_person(company: Company, number: int, query: Mapping[str, str]) -> Answer:
    """Return a person."""
    refuse_unknown(query, _SHAPE)
    return found(show_person(company, load_person(company, number), _read_codes(query)))


def list_persons(company: Company, query: Mapping[str, str]) -> Answer:
    """Return a page of persons."""
    records, cursor = list_records(
        company.store,
        KIND,
        query,
        filters=("ids", "owner_id", "org_id", "deal_id"),
        also=_SHAPE,
    )
    codes = _read_codes(query)
    return page_of([show_person(company, each, codes) for each in records], cursor)


def delete_person(company: Company, number: int) -> Answer:
    """Delete a person. Activities and notes stay, with nobody to belong to."""
    person = load_person(company, number, writing=True)
    retire(company, person, "deleted")
    return found({"id": number})


def retire(company: Company, person: Stored, how: str) -> None:
    """Take a person away: ``deleted``, or the id that a merge gave all to."""
    person.gone = how
    person.updated = company.now()
    company.store.update(person)
    index_person(company, person)


def load_person(company: Company, number: int, *, writing: bool = False) -> Stored:
    """Return a person, or refuse as the settings say of one that is gone."""
    person = company.store.load(KIND, number)
    if person is None:
        raise not_found("Person")
    if person.gone is not None:
        settings = company.settings
        way = settings.deleted_person if person.gone == "deleted" else settings.merged_person
        if way == "404" or (way == "flag" and writing):
            raise not_found("Person")
        if way == "410":
            raise gone("Person")
    return person


def index_person(company: Company, person: Stored) -> None:
    """Let searches find a person as it is now, once the index has caught up."""
    terms: list[tuple[str, str, str]] = []
    if person.gone is None:
        for phone in person.body["phones"]:
            digits = "".join(each for each in phone["value"] if each in "0123456789")
            terms.append(("phone", phone["value"], digits))
        searchable = searchable_codes(company)
        for code, value in person.body["custom_fields"].items():
            if code in searchable and value is not None:
                terms.append((code, str(value), ""))
    now = company.milliseconds()
    company.store.index(person.id, terms, now, now + round(company.settings.index_lag * 1000))


def show_person(company: Company, person: Stored, codes: tuple[str, ...] | None = None) -> Json:
    """Return a person as v2 shows one; ``codes`` chooses custom fields."""
    body = dict(person.body)
    values = body.pop("custom_fields")
    if codes is None:
        codes = tuple(record.body["field_code"] for record in definitions(company))
    first, _, last = body["name"].partition(" ")
    return {
        "id": person.id,
        "name": body.pop("name"),
        "first_name": first,
        "last_name": last or None,
        **body,
        "add_time": spell_moment(person.added),
        "update_time": spell_moment(person.updated),
        "is_deleted": person.gone is not None,
        "picture_id": None,
        "custom_fields": {code: values.get(code) for code in codes},
    }


def _readers(company: Company) -> Mapping[str, Reader]:
    customs = custom_readers(company)
    return {
        "name": inputs.text(),
        "owner_id": inputs.one_of({user["id"] for user in USERS}),
        "org_id": inputs.integer,
        "phones": inputs.contact_values,
        "emails": inputs.contact_values,
        "visible_to": inputs.one_of((1, 3, 5, 7)),
        "label_ids": _label_ids,
        "custom_fields": lambda value, _: inputs.read_object(value, customs),
    }


def _label_ids(value: Any, name: str) -> list[int]:
    numbers = inputs.integers(value, name)
    if not {number for number, _ in LABELS}.issuperset(numbers):
        raise bad_request(f"Validation failed: {name}: no such label")
    return numbers


def _blank() -> Json:
    return {
        "name": "",
        "owner_id": USERS[0]["id"],
        "org_id": None,
        "phones": [],
        "emails": [],
        "visible_to": 3,
        "label_ids": [],
        "custom_fields": {},
    }


def _lay_over(person: Stored, read: Json) -> None:
    if "name" in read and not (read["name"] or "").strip():
        raise bad_request("Validation failed: name must not be empty")
    customs = read.pop("custom_fields", None) or {}
    for name, value in read.items():
        person.body[name] = [] if value is None and name in {"phones", "emails"} else value
    person.body["custom_fields"] = {**person.body["custom_fields"], **customs}


def _read_codes(query: Mapping[str, str]) -> tuple[str, ...] | None:
    written = query.get("custom_fields")
    if not written:
        return None
    codes = tuple(written.split(","))
    if len(codes) > _MOST_CODES:
        raise bad_request(f"Validation failed: custom_fields: up to {_MOST_CODES} keys")
    return codes
