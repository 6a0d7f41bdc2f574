"""Notes, which only v1 has: flags are 0 or 1, times have a space, pages go by offset."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from connector.sandbox.pipedrive import inputs
from connector.sandbox.pipedrive.answers import Answer, bad_request, found, not_found
from connector.sandbox.pipedrive.company import USERS, Company
from connector.sandbox.pipedrive.inputs import Json, Reader
from connector.sandbox.pipedrive.listing import MOST, refuse_unknown
from connector.sandbox.pipedrive.sanitised import sanitise_note
from connector.sandbox.pipedrive.store import Query, SortField, Stored

KIND: Final = "notes"
_SORTS: Final[Mapping[str, SortField]] = {
    "id": "id",
    "add_time": "add_time",
    "update_time": "update_time",
}
_SORT: Final = re.compile(r"(id|add_time|update_time) (ASC|DESC)")
_TIME: Final = "%Y-%m-%d %H:%M:%S"


def create_note(company: Company, body: Any) -> Answer:
    """Make a note on a person or deal."""
    read = inputs.read_object(body, _readers(company))
    if not read.get("content"):
        raise bad_request("Validation failed: content is required")
    if read.get("person_id") is None and read.get("deal_id") is None:
        raise bad_request("Validation failed: one of lead_id, deal_id, person_id, org_id")
    now = company.now()
    added = read.pop("add_time", None) or now
    note = Stored(company.store.take_id(KIND), KIND, _blank(), None, added, now)
    _lay_over(company, note, read)
    company.store.insert([note])
    return found(show_note(note))


def update_note(company: Company, number: int, body: Any) -> Answer:
    """Change a note."""
    note = _load(company, number)
    read = inputs.read_object(body, _readers(company))
    note.added = read.pop("add_time", None) or note.added
    _lay_over(company, note, read)
    note.updated = company.now()
    company.store.update(note)
    return found(show_note(note))


def read_note(company: Company, number: int, query: Mapping[str, str]) -> Answer:
    """Return a note."""
    refuse_unknown(query, ())
    return found(show_note(_load(company, number)))


def list_notes(company: Company, query: Mapping[str, str]) -> Answer:
    """Return a page of notes."""
    refuse_unknown(query, {"person_id", "deal_id", "start", "limit", "sort", "updated_since"})
    numbers = {}
    for name, default in (("start", "0"), ("limit", "100"), ("person_id", ""), ("deal_id", "")):
        written = query.get(name, default)
        if written and not (written.isascii() and written.isdigit()):
            raise bad_request(f"Validation failed: {name}: expected integer")
        numbers[name] = int(written) if written else None
    start, limit = numbers["start"] or 0, min(numbers["limit"] or 100, MOST)
    sort = _SORT.fullmatch(query.get("sort", "id ASC"))
    if sort is None:
        raise bad_request("Validation failed: sort")
    since = query.get("updated_since")
    deal = numbers["deal_id"]
    asked = Query(
        person=numbers["person_id"],
        updated_since=None if since is None else inputs.moment(since, "updated_since"),
        matches=None if deal is None else {"deal_id": deal},
        sort_by=_SORTS[sort[1]],
        descending=sort[2] == "DESC",
    )
    records = company.store.live(KIND, asked, start + limit + 1)[start:]
    more = len(records) > limit
    pagination: Json = {"start": start, "limit": limit, "more_items_in_collection": more}
    if more:
        pagination["next_start"] = start + limit
    # v1 answers an empty list with null.
    data: Any = [show_note(each) for each in records[:limit]] or None
    return Answer(
        200, {"success": True, "data": data, "additional_data": {"pagination": pagination}}
    )


def delete_note(company: Company, number: int) -> Answer:
    """Delete a note."""
    note = _load(company, number)
    note.gone = "deleted"
    note.updated = company.now()
    company.store.update(note)
    return found(data=True)


def show_note(note: Stored) -> Json:
    """Return a note as v1 shows one."""
    return {
        "id": note.id,
        **note.body,
        "person_id": note.person,
        "active_flag": note.gone is None,
        "add_time": _spell(note.added),
        "update_time": _spell(note.updated),
        "last_update_user_id": USERS[0]["id"],
    }


def _load(company: Company, number: int) -> Stored:
    note = company.store.load(KIND, number)
    if note is None or note.gone is not None:
        raise not_found("Note")
    return note


def _readers(company: Company) -> Mapping[str, Reader]:
    return {
        "content": inputs.text(company.settings.note_limit),
        "person_id": inputs.integer,
        "deal_id": inputs.integer,
        "user_id": inputs.one_of({user["id"] for user in USERS}),
        "add_time": _read_time,
        "pinned_to_person_flag": inputs.flag,
        "pinned_to_deal_flag": inputs.flag,
    }


def _read_time(value: Any, name: str) -> int:
    try:
        parsed = datetime.strptime(inputs.text()(value, name), _TIME)  # noqa: DTZ007 - made UTC below
    except ValueError:
        raise bad_request(f"Validation failed: {name}: expected YYYY-MM-DD HH:MM:SS") from None
    return int(parsed.replace(tzinfo=UTC).timestamp())


def _spell(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIME)


def _lay_over(company: Company, note: Stored, read: Json) -> None:
    person = read.pop("person_id", None)
    if person is not None:
        held = company.store.load("persons", person)
        if held is None or held.gone is not None:
            raise not_found("Person")
        note.person = person
    if read.get("content"):
        read["content"] = sanitise_note(read["content"])
    note.body |= read


def _blank() -> Json:
    return {
        "content": "",
        "lead_id": None,
        "deal_id": None,
        "org_id": None,
        "user_id": USERS[0]["id"],
        "pinned_to_person_flag": False,
        "pinned_to_deal_flag": False,
    }
