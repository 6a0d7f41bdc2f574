"""Activities: what happened with a person, with a subject, a type and a note in HTML."""

from collections.abc import Mapping
from typing import Any, Final

from connector.sandbox.pipedrive import inputs
from connector.sandbox.pipedrive.answers import Answer, bad_request, found, not_found, page_of
from connector.sandbox.pipedrive.company import USERS, Company
from connector.sandbox.pipedrive.inputs import Json, Reader, spell_moment
from connector.sandbox.pipedrive.listing import list_records, refuse_unknown
from connector.sandbox.pipedrive.sanitised import sanitise_note
from connector.sandbox.pipedrive.store import Stored

KIND: Final = "activities"


def create_activity(company: Company, body: Any) -> Answer:
    """Make an activity, even one that is there already."""
    read = inputs.read_object(body, _readers(company))
    now = company.now()
    activity = Stored(company.store.take_id(KIND), KIND, _blank(), None, now, now)
    if not read.get("subject"):
        read["subject"] = read.get("type") or "Call"
    _lay_over(company, activity, read)
    company.store.insert([activity])
    return found(show_activity(activity))


def update_activity(company: Company, number: int, body: Any) -> Answer:
    """Change an activity."""
    activity = _load(company, number)
    _lay_over(company, activity, inputs.read_object(body, _readers(company)))
    activity.updated = company.now()
    company.store.update(activity)
    return found(show_activity(activity))


def read_activity(company: Company, number: int, query: Mapping[str, str]) -> Answer:
    """Return an activity."""
    refuse_unknown(query, {"include_fields"})
    return found(show_activity(_load(company, number)))


def list_activities(company: Company, query: Mapping[str, str]) -> Answer:
    """Return a page of activities; ``person_id`` means their primary participant."""
    records, cursor = list_records(
        company.store,
        KIND,
        query,
        filters=("ids", "owner_id", "deal_id", "person_id", "org_id", "done"),
        sorts=("id", "update_time", "add_time", "due_date"),
        also=("include_fields",),
    )
    return page_of([show_activity(each) for each in records], cursor)


def delete_activity(company: Company, number: int) -> Answer:
    """Delete an activity."""
    activity = _load(company, number)
    activity.gone = "deleted"
    activity.updated = company.now()
    company.store.update(activity)
    return found({"id": number})


def show_activity(activity: Stored) -> Json:
    """Return an activity as v2 shows one."""
    return {
        "id": activity.id,
        **activity.body,
        "person_id": activity.person,
        "due_date": activity.due or None,
        "add_time": spell_moment(activity.added),
        "update_time": spell_moment(activity.updated),
        "is_deleted": activity.gone is not None,
    }


def _load(company: Company, number: int) -> Stored:
    activity = company.store.load(KIND, number)
    if activity is None or activity.gone is not None:
        raise not_found("Activity")
    return activity


def _readers(company: Company) -> Mapping[str, Reader]:
    settings = company.settings
    types = {each["key_string"] for each in company.activity_types() if each["active_flag"]}
    return {
        "subject": inputs.text(settings.subject_limit),
        "type": inputs.one_of(types),
        "owner_id": inputs.one_of({user["id"] for user in USERS}),
        "deal_id": inputs.integer,
        "org_id": inputs.integer,
        "due_date": inputs.day,
        "due_time": inputs.clock_time,
        "duration": inputs.clock_time,
        "busy": inputs.boolean,
        "done": inputs.boolean,
        "participants": _participants,
        "public_description": inputs.text(settings.note_limit),
        "priority": inputs.integer,
        "note": inputs.text(settings.note_limit),
    }


def _participants(value: Any, name: str) -> list[Json]:
    if not isinstance(value, list):
        raise bad_request(f"Validation failed: {name}: expected array")
    read = [
        inputs.read_object(each, {"person_id": inputs.integer, "primary": inputs.boolean})
        for each in value
    ]
    if sum(bool(each.get("primary")) for each in read) > 1:
        raise bad_request(f"Validation failed: {name}: more than one is primary")
    primaries = any(each.get("primary") for each in read)
    return [
        {
            "person_id": each["person_id"],
            "primary": bool(each.get("primary")) if primaries else place == 0,
        }
        for place, each in enumerate(read)
    ]


def _lay_over(company: Company, activity: Stored, read: Json) -> None:
    if "due_date" in read:
        activity.due = read.pop("due_date") or ""
    if read.get("note"):
        read["note"] = sanitise_note(read["note"])
    participants = read.get("participants")
    if participants is not None:
        for each in participants:
            person = company.store.load("persons", each["person_id"])
            if person is None or person.gone is not None:
                raise bad_request("Validation failed: participants: person not found")
        primary = next((each["person_id"] for each in participants if each["primary"]), None)
        activity.person = primary
    if read.get("deal_id") is not None:
        deal = company.store.load("deals", read["deal_id"])
        if deal is None or deal.gone is not None:
            raise bad_request("Validation failed: deal_id: deal not found")
    activity.body |= read


def _blank() -> Json:
    return {
        "subject": "",
        "type": "call",
        "owner_id": USERS[0]["id"],
        "creator_user_id": USERS[0]["id"],
        "deal_id": None,
        "lead_id": None,
        "org_id": None,
        "project_id": None,
        "due_time": None,
        "duration": None,
        "busy": None,
        "done": False,
        "participants": [],
        "public_description": None,
        "priority": None,
        "note": None,
    }
