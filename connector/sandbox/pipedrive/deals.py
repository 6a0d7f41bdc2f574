"""Deals: just enough of them to link conversations to."""

from collections.abc import Mapping
from typing import Any, Final

from connector.sandbox.pipedrive import inputs
from connector.sandbox.pipedrive.answers import Answer, bad_request, found, not_found, page_of
from connector.sandbox.pipedrive.company import USERS, Company
from connector.sandbox.pipedrive.inputs import Json, Reader, spell_moment
from connector.sandbox.pipedrive.listing import list_records, refuse_unknown
from connector.sandbox.pipedrive.store import Stored

KIND: Final = "deals"
_STATUSES: Final = ("open", "won", "lost")
_READERS: Final[Mapping[str, Reader]] = {
    "title": inputs.text(empty=False),
    "person_id": inputs.integer,
    "owner_id": inputs.one_of({user["id"] for user in USERS}),
    "pipeline_id": inputs.integer,
    "stage_id": inputs.integer,
    "value": inputs.number,
    "currency": inputs.text(3),
    "status": inputs.one_of(_STATUSES),
    "add_time": inputs.moment,
}


def create_deal(company: Company, body: Any) -> Answer:
    """Make a deal."""
    read = inputs.read_object(body, _READERS)
    if not read.get("title"):
        raise bad_request("Validation failed: title is required")
    now = company.now()
    added = read.pop("add_time", None) or now
    deal = Stored(company.store.take_id(KIND), KIND, _blank(company), None, added, now)
    deal.person = read.pop("person_id", None)
    deal.body |= read
    company.store.insert([deal])
    return found(show_deal(deal))


def update_deal(company: Company, number: int, body: Any) -> Answer:
    """Change a deal."""
    deal = _load(company, number)
    read = inputs.read_object(body, _READERS)
    read.pop("add_time", None)
    if "person_id" in read:
        deal.person = read.pop("person_id")
    deal.body |= read
    deal.updated = company.now()
    company.store.update(deal)
    return found(show_deal(deal))


def read_deal(company: Company, number: int, query: Mapping[str, str]) -> Answer:
    """Return a deal."""
    refuse_unknown(query, {"include_fields", "custom_fields"})
    return found(show_deal(_load(company, number)))


def list_deals(company: Company, query: Mapping[str, str]) -> Answer:
    """Return a page of deals."""
    if query.get("status", "open") not in _STATUSES:
        raise bad_request("Validation failed: status")
    records, cursor = list_records(
        company.store,
        KIND,
        query,
        filters=("ids", "owner_id", "person_id", "org_id", "pipeline_id", "stage_id", "status"),
        also=("include_fields", "custom_fields"),
    )
    return page_of([show_deal(each) for each in records], cursor)


def delete_deal(company: Company, number: int) -> Answer:
    """Delete a deal."""
    deal = _load(company, number)
    deal.gone = "deleted"
    deal.updated = company.now()
    company.store.update(deal)
    return found({"id": number})


def show_deal(deal: Stored) -> Json:
    """Return a deal as v2 shows one."""
    return {
        "id": deal.id,
        **deal.body,
        "person_id": deal.person,
        "add_time": spell_moment(deal.added),
        "update_time": spell_moment(deal.updated),
        "is_deleted": deal.gone is not None,
    }


def _load(company: Company, number: int) -> Stored:
    deal = company.store.load(KIND, number)
    if deal is None or deal.gone is not None:
        raise not_found("Deal")
    return deal


def _blank(company: Company) -> Json:
    return {
        "title": "",
        "owner_id": USERS[0]["id"],
        "org_id": None,
        "pipeline_id": 1,
        "stage_id": 1,
        "value": 0,
        "currency": company.settings.currency,
        "status": "open",
        "custom_fields": {},
    }
