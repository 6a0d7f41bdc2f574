"""What people do to records in HubSpot's own pages, and what a test wants to see of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from connector.sandbox.hubspot.merging import erase_contact
from connector.sandbox.hubspot.object_types import OBJECT_TYPES, ObjectType, link_type, object_type
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.records import archive
from connector.sandbox.hubspot.refusals import not_found
from connector.sandbox.hubspot.store import Link, Stored
from connector.sandbox.hubspot.writing import Draft, every_property, write

Json = dict[str, Any]


def create_record(
    portal: Portal,
    kind: ObjectType,
    properties: Mapping[str, str | None],
    links: Sequence[tuple[str, int]] = (),
) -> int:
    """Make a record and link it to others, given by type and id. Returns its id."""
    ends = [(object_type(name), number) for name, number in links]
    found: list[Link] = []
    for end, number in ends:
        record = _load(portal, end, number)
        found.append(Link(0, end.name, record.id, link_type(kind, end)))
    draft = Draft(_texts(properties), links=found)
    write(portal, kind, [draft], traced=False, status=201)
    if draft.after is None:
        raise ValueError("the record was not written")
    return draft.after.id


def edit_record(
    portal: Portal, kind: ObjectType, number: int, properties: Mapping[str, str | None]
) -> int:
    """Change values of a record; returns the id it lives under."""
    record = _load(portal, kind, number)
    write(portal, kind, [Draft(_texts(properties), record)], traced=False, status=200)
    return record.id


def delete_record(portal: Portal, kind: ObjectType, number: int, *, erase: bool) -> None:
    """Delete a record, or erase a contact with all its activities."""
    record = _load(portal, kind, number)
    if erase and kind.name == "contacts":
        erase_contact(portal, record)
    else:
        archive(portal, kind, [record.id])


def index_everything(portal: Portal) -> None:
    """Let searches see every record as it is now."""
    portal.store.connection.execute("UPDATE object SET indexed_at = 0, old = NULL")


def show_state(portal: Portal, kinds: Sequence[str]) -> Json:
    """Return how many records there are, and the records of some kinds whole, with their links."""
    counts = portal.store.counts()
    return {
        "counts": {name: counts.get(name, 0) for name in OBJECT_TYPES},
        **{name: _show_all(portal, OBJECT_TYPES[name]) for name in kinds},
    }


def _show_all(portal: Portal, kind: ObjectType) -> list[Json]:
    records = portal.store.live(kind.name)
    ids = [each.id for each in records]
    linked: dict[int, dict[str, list[str]]] = {number: {} for number in ids}
    for end in OBJECT_TYPES:
        for number, links in portal.store.links(ids, end).items():
            linked[number][end] = [str(link.end) for link in links]
    return [
        {
            "id": str(each.id),
            "properties": every_property(kind, each),
            "links": linked[each.id],
        }
        for each in records
    ]


def _load(portal: Portal, kind: ObjectType, number: int) -> Stored:
    record = portal.store.load(kind.name, [number]).get(number)
    if record is None:
        raise not_found(f"{kind.singular} {number} does not exist")
    return record


def _texts(properties: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value or "" for name, value in properties.items()}
