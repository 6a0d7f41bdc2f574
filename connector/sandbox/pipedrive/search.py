"""Searches, which lag behind what is written and compare phones by their digits."""

import re
from collections.abc import Mapping
from typing import Final

from connector.sandbox.pipedrive.answers import Answer, bad_request, found
from connector.sandbox.pipedrive.company import Company
from connector.sandbox.pipedrive.fields import searchable_codes
from connector.sandbox.pipedrive.inputs import Json
from connector.sandbox.pipedrive.listing import read_flag, refuse_unknown
from connector.sandbox.pipedrive.persons import KIND
from connector.sandbox.pipedrive.store import Stored

_MOST: Final = 500
_DEFAULT: Final = 100


def search_persons(company: Company, query: Mapping[str, str]) -> Answer:
    """Find persons by phone: the digits of the term, anywhere in the digits of a phone."""
    refuse_unknown(query, {"term", "fields", "exact_match", "organization_id", "limit", "cursor"})
    exact = bool(read_flag(query, "exact_match"))
    term = _read_term(query, shortest=1 if exact else 2)
    if query.get("fields") != "phone":
        raise bad_request("This sandbox searches persons by fields=phone only")
    now = company.milliseconds()
    if exact:
        ids = company.store.search_value("phone", term, now)
    else:
        digits = re.sub(r"\D", "", term)
        ids = company.store.search_digits(digits, now) if digits else []
    page, cursor = _page(query, ids)
    items = [
        {"result_score": 0.5, "item": _show_item(person)}
        for person in (company.store.load(KIND, number) for number in page)
        if person is not None
    ]
    return found({"items": items}, {"next_cursor": cursor})


def search_field(company: Company, query: Mapping[str, str]) -> Answer:
    """Find persons by the exact value of a custom field."""
    refuse_unknown(query, {"term", "entity_type", "match", "field", "limit", "cursor"})
    term = _read_term(query, shortest=1)
    if query.get("entity_type") != "person" or query.get("match", "exact") != "exact":
        raise bad_request("This sandbox searches fields of persons, by exact match only")
    field = query.get("field", "")
    if field not in searchable_codes(company):
        raise bad_request("Validation failed: field: no such field, or of no searchable type")
    ids, cursor = _page(query, company.store.search_value(field, term, company.milliseconds()))
    people = [company.store.load(KIND, number) for number in ids]
    data = [{"id": each.id, "name": each.body["name"]} for each in people if each is not None]
    return Answer(200, {"success": True, "data": data, "additional_data": {"next_cursor": cursor}})


def _show_item(person: Stored) -> Json:
    return {
        "id": person.id,
        "type": "person",
        "name": person.body["name"],
        "phones": [each["value"] for each in person.body["phones"]],
        "emails": [each["value"] for each in person.body["emails"]],
        "visible_to": person.body["visible_to"],
        "owner": {"id": person.body["owner_id"]},
        "organization": None,
        "custom_fields": [],
        "notes": [],
    }


def _read_term(query: Mapping[str, str], *, shortest: int) -> str:
    term = query.get("term", "").strip()
    if len(term) < shortest:
        raise bad_request(f"Validation failed: term: at least {shortest} characters")
    return term


def _page(query: Mapping[str, str], ids: list[int]) -> tuple[list[int], str | None]:
    limit, start = query.get("limit", str(_DEFAULT)), query.get("cursor", "0")
    if not (limit.isdigit() and 1 <= int(limit) <= _MOST and start.isdigit()):
        raise bad_request("Validation failed: limit or cursor")
    following = int(start) + int(limit)
    return ids[int(start) : following], str(following) if following < len(ids) else None
