"""The calls on links between records, in bulk."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.sandbox.hubspot.inputs import Json, read_id, read_inputs, read_object
from connector.sandbox.hubspot.object_types import LINK_TYPES, ObjectType, link_type
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.records import read_link_types
from connector.sandbox.hubspot.refusals import Answer, bad_request, not_found
from connector.sandbox.hubspot.store import Link, Stored
from connector.sandbox.hubspot.writing import add_links, answer_batch

MOST_CREATED: Final = 2_000
MOST_READ: Final = 1_000
MOST_ARCHIVED: Final = 100
"""Distinct records whose links one call may remove."""


def create_links(portal: Portal, start: ObjectType, end: ObjectType, body: Any) -> Answer:
    """Link pairs of records by the numbers of the link types. A link that exists is no error."""
    keys = {"from", "to", "types"}
    inputs = read_inputs(body, most=MOST_CREATED, allowed=keys, required=keys)
    numbers: list[list[int]] = []
    for each in inputs:
        types = read_link_types(start, each["types"])
        if any(to.name != end.name for to, _ in types):
            raise bad_request(f"An association type does not lead to {end.name}")
        numbers.append([number for _, number in types])
    return _create(portal, start, end, inputs, numbers)


def create_default_links(portal: Portal, start: ObjectType, end: ObjectType, body: Any) -> Answer:
    """Link pairs of records in the way that HubSpot defines for their kinds."""
    keys = {"from", "to"}
    inputs = read_inputs(body, most=MOST_CREATED, allowed=keys, required=keys)
    number = link_type(start, end)
    return _create(portal, start, end, inputs, [[number]] * len(inputs))


def create_default_link(
    portal: Portal, start: ObjectType, start_id: str, end: ObjectType, end_id: str
) -> Answer:
    """Link two records."""
    pair = {"from": {"id": start_id}, "to": {"id": end_id}}
    answer = create_default_links(portal, start, end, {"inputs": [pair]})
    if answer.status == 207:
        raise not_found("resource not found")
    return Answer(200, answer.body)


def read_links_of(portal: Portal, start: ObjectType, end: ObjectType, body: Any) -> Answer:
    """Return the links of records; a record without any is an error of a 207."""
    link_type(start, end)
    inputs = read_inputs(body, most=MOST_READ, allowed={"id", "after"}, required={"id"})
    asked = {read_id(each["id"]): _read_after(each) for each in inputs}
    found = portal.store.load(start.name, asked)
    links = portal.store.links({each.id for each in found.values()}, end.name)
    results: list[Json] = []
    errors: list[Json] = []
    for number, after in asked.items():
        record = found.get(number)
        own = links.get(record.id, []) if record else []
        if own:
            results.append(_show_links(portal, number, own, after))
        else:
            errors.append(_without_links(start, end, number))
    return answer_batch(portal, results, errors, status=200)


def archive_links(portal: Portal, start: ObjectType, end: ObjectType, body: Any) -> Answer:
    """Remove every link between pairs of records."""
    inputs = read_inputs(body, most=MOST_CREATED, allowed={"from", "to"}, required={"from", "to"})
    pairs: set[tuple[int, int]] = set()
    for each in inputs:
        if not isinstance(each["to"], list):
            raise bad_request("Invalid input JSON: 'to' must be a list")
        pairs |= {(_read_end(each["from"]), _read_end(to)) for to in each["to"]}
    _check_starts(pairs)
    _remove(portal, start, end, dict.fromkeys(pairs))
    return Answer(204)


def archive_labels(portal: Portal, start: ObjectType, end: ObjectType, body: Any) -> Answer:
    """Remove the links of certain numbers between pairs of records."""
    keys = {"from", "to", "types"}
    inputs = read_inputs(body, most=MOST_CREATED, allowed=keys, required=keys)
    numbers: dict[tuple[int, int], set[int] | None] = {}
    for each in inputs:
        pair = _read_end(each["from"]), _read_end(each["to"])
        numbers[pair] = {number for _, number in read_link_types(start, each["types"])}
    _check_starts(numbers)
    _remove(portal, start, end, numbers)
    return Answer(204)


def list_labels(start: ObjectType, end: ObjectType) -> Answer:
    """Return the link types from one kind to another."""
    number = link_type(start, end)
    label = {"category": "HUBSPOT_DEFINED", "typeId": number, "label": None}
    return Answer(200, {"results": [label]})


def _create(
    portal: Portal,
    start: ObjectType,
    end: ObjectType,
    inputs: Sequence[Json],
    numbers: Sequence[Sequence[int]],
) -> Answer:
    pairs = [(_read_end(each["from"]), _read_end(each["to"])) for each in inputs]
    starts = portal.store.load(start.name, {pair[0] for pair in pairs})
    ends = portal.store.load(end.name, {pair[1] for pair in pairs})
    links: list[Link] = []
    results: list[Json] = []
    errors: list[Json] = []
    for pair, types in zip(pairs, numbers, strict=True):
        first, last = starts.get(pair[0]), ends.get(pair[1])
        if first is None or last is None:
            errors.append(_missing_end(start, end, pair, first))
            continue
        links += [Link(first.id, end.name, last.id, number) for number in types]
        results.append(
            {
                "fromObjectTypeId": start.type_id,
                "fromObjectId": str(first.id),
                "toObjectTypeId": end.type_id,
                "toObjectId": str(last.id),
                "labels": [],
            }
        )
    add_links(portal, start, links)
    return answer_batch(portal, results, errors, status=201)


def _remove(
    portal: Portal,
    start: ObjectType,
    end: ObjectType,
    numbers: Mapping[tuple[int, int], set[int] | None],
) -> None:
    """Remove links in both directions; ``None`` stands for every number."""
    starts = portal.store.load(start.name, {pair[0] for pair in numbers})
    ends = portal.store.load(end.name, {pair[1] for pair in numbers})
    gone: list[Link] = []
    for pair, which in numbers.items():
        first, last = starts.get(pair[0]), ends.get(pair[1])
        if first is None or last is None:
            continue
        number = LINK_TYPES[start.name, end.name]
        if which is None or number in which:
            gone.append(Link(first.id, end.name, last.id, number))
            back = LINK_TYPES[end.name, start.name]
            gone.append(Link(last.id, start.name, first.id, back))
    portal.store.unlink(gone)


def _read_end(value: Any) -> int:
    return read_id(read_object(value, allowed={"id"}, required={"id"}, what="an end")["id"])


def _read_after(each: Json) -> int:
    after = each.get("after", "0")
    if not isinstance(after, str) or not after.isdigit():
        raise bad_request("'after' must be the cursor of a former answer")
    return int(after)


def _check_starts(pairs: Mapping[tuple[int, int], object] | set[tuple[int, int]]) -> None:
    if len({first for first, _ in pairs}) > MOST_ARCHIVED:
        raise bad_request(f"At most {MOST_ARCHIVED} distinct 'from' records are allowed")


def _show_links(portal: Portal, asked: int, links: Sequence[Link], after: int) -> Json:
    size = portal.settings.association_page
    beyond = [link for link in links if link.end > after]
    page = beyond[:size]
    shown: Json = {
        "from": {"id": str(asked)},
        "to": [
            {
                "toObjectId": str(link.end),
                "associationTypes": [
                    {"category": "HUBSPOT_DEFINED", "typeId": link.number, "label": None}
                ],
            }
            for link in page
        ],
    }
    if len(beyond) > size:
        shown["paging"] = {"next": {"after": str(page[-1].end), "link": "?after"}}
    return shown


def _without_links(start: ObjectType, end: ObjectType, number: int) -> Json:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {end.singular} is associated with {start.singular} {number}.",
        "context": {
            "fromObjectId": [str(number)],
            "fromObjectType": [start.singular],
            "toObjectType": [end.singular],
        },
    }


def _missing_end(
    start: ObjectType, end: ObjectType, pair: tuple[int, int], first: Stored | None
) -> Json:
    kind, number = (start, pair[0]) if first is None else (end, pair[1])
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"{kind.singular} {number} does not exist",
        "context": {"fromObjectId": [str(pair[0])], "toObjectId": [str(pair[1])]},
    }
