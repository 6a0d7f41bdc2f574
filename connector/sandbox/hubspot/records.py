"""The calls on records: create, read, update, upsert and archive, by the batch and one by one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.sandbox.hubspot.inputs import (
    Json,
    read_id,
    read_inputs,
    read_object,
    read_properties,
    read_text,
    read_texts,
    read_traces,
    refuse_repeats,
    traced_throughout,
)
from connector.sandbox.hubspot.object_types import ObjectType, link_end
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.refusals import Answer, RefusalError, bad_request, not_found
from connector.sandbox.hubspot.store import Link, Stored
from connector.sandbox.hubspot.writing import (
    Draft,
    answer_batch,
    every_property,
    show,
    show_written,
    write,
)

MOST: Final = 100
"""Inputs that one batch may have."""


def create_batch(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Make records, with links to others that exist."""
    required = {"properties", "associations"} if portal.settings.full_form else {"properties"}
    inputs = read_inputs(
        body,
        most=MOST,
        allowed={"properties", "associations", "objectWriteTraceId"},
        required=required,
    )
    traces = read_traces(inputs)
    traced = traced_throughout(traces)
    drafts: list[Draft] = []
    failed: list[Json] = []
    for each, trace in zip(inputs, traces, strict=True):
        properties = read_properties(each["properties"])
        try:
            links = read_links(portal, kind, each.get("associations", []))
        except RefusalError as refusal:
            if not traced or refusal.answer.status != 404:
                raise
            failed.append(_untraceable(refusal.body, trace))
        else:
            drafts.append(Draft(properties, trace=trace, links=links))
    return write(portal, kind, drafts, traced=traced, status=201, failed=failed)


def create_one(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Make one record."""
    required = {"properties", "associations"} if portal.settings.full_form else {"properties"}
    each = read_object(
        body, allowed={"properties", "associations", "objectWriteTraceId"}, required=required
    )
    links = read_links(portal, kind, each.get("associations", []))
    draft = Draft(read_properties(each["properties"]), links=links)
    write(portal, kind, [draft], traced=False, status=201)
    return Answer(201, show_written(kind, draft))


def update_batch(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Change records by their ids, or by a unique property other than ``email``."""
    inputs = read_inputs(
        body,
        most=MOST,
        allowed={"id", "idProperty", "properties", "objectWriteTraceId"},
        required={"id", "properties"},
    )
    traces = read_traces(inputs)
    ids = [read_text(each["id"], "id") for each in inputs]
    refuse_repeats(ids, "Duplicate IDs found in batch input")
    id_property = _one_id_property(inputs)
    if id_property == "email":
        raise _not_unique(kind, id_property)
    targets = find_targets(portal, kind, ids, id_property)
    refuse_repeats([each.id for each in targets.values()], "Duplicate IDs found in batch input")
    drafts: list[Draft] = []
    failed: list[Json] = []
    for each, asked, trace in zip(inputs, ids, traces, strict=True):
        properties = read_properties(each["properties"])
        if asked in targets:
            drafts.append(Draft(properties, targets[asked], trace))
        else:
            failed.append(_missing(kind, asked))
    return write(portal, kind, drafts, traced=traced_throughout(traces), status=200, failed=failed)


def update_one(
    portal: Portal, kind: ObjectType, record_id: str, body: Any, id_property: str | None
) -> Answer:
    """Change one record."""
    each = read_object(body, allowed={"properties", "objectWriteTraceId"}, required={"properties"})
    target = find_targets(portal, kind, [record_id], id_property).get(record_id)
    properties = read_properties(each["properties"])
    if target is None:
        raise not_found("resource not found")
    draft = Draft(properties, target)
    write(portal, kind, [draft], traced=False, status=200)
    return Answer(200, show_written(kind, draft))


def upsert_batch(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Change the records that carry a unique value and make those that none carries yet."""
    inputs = read_inputs(
        body,
        most=MOST,
        allowed={"id", "idProperty", "properties", "objectWriteTraceId"},
        required={"id", "idProperty", "properties"},
    )
    traces = read_traces(inputs)
    id_property = read_text(_one_id_property(inputs), "idProperty")
    keys = [read_text(each["id"], "id") for each in inputs]
    refuse_repeats([key.lower() for key in keys], "Duplicate IDs found in batch input")
    targets = find_targets(portal, kind, keys, id_property)
    drafts = [
        Draft(
            {id_property: key, **read_properties(each["properties"])},
            targets.get(key),
            trace,
            new=key not in targets,
        )
        for each, key, trace in zip(inputs, keys, traces, strict=True)
    ]
    return write(portal, kind, drafts, traced=traced_throughout(traces), status=200)


def read_batch(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Return records by id or unique value; the missing ones are errors of a 207."""
    beside = {"properties", "propertiesWithHistory", "idProperty"}
    inputs = read_inputs(body, most=MOST, allowed={"id"}, required={"id"}, beside=beside)
    required = {"inputs"}
    if portal.settings.full_form:
        required |= {"properties", "propertiesWithHistory"}
    read_object(body, allowed={"inputs", *beside}, required=required)
    wanted = read_texts(body.get("properties", []), "properties")
    ids = [read_text(each["id"], "id") for each in inputs]
    targets = find_targets(portal, kind, ids, body.get("idProperty"))
    found = {each.id: each for each in targets.values()}
    results = [show_wanted(portal, kind, each, wanted) for each in found.values()]
    missing = [each for each in ids if each not in targets]
    errors = [_missing(kind, *missing)] if missing else []
    return answer_batch(portal, results, errors, status=200)


def read_one(portal: Portal, kind: ObjectType, record_id: str, query: Mapping[str, str]) -> Answer:
    """Return one record."""
    targets = find_targets(portal, kind, [record_id], query.get("idProperty"))
    if record_id not in targets:
        raise not_found("resource not found")
    wanted = [name for name in query.get("properties", "").split(",") if name]
    return Answer(200, show_wanted(portal, kind, targets[record_id], wanted))


def list_records(portal: Portal, kind: ObjectType, query: Mapping[str, str]) -> Answer:
    """Return one page of all records, in the order in which they were made."""
    limit, after = query.get("limit", "10"), query.get("after", "0")
    if not limit.isdigit() or not 1 <= int(limit) <= MOST or not after.isdigit():
        raise bad_request(f"limit must be 1 to {MOST}, after the cursor of a former answer")
    records = portal.store.live(kind.name, int(after), int(limit) + 1)
    wanted = [name for name in query.get("properties", "").split(",") if name]
    page = records[: int(limit)]
    body: Json = {"results": [show_wanted(portal, kind, each, wanted) for each in page]}
    if len(records) > len(page):
        body["paging"] = {"next": {"after": str(page[-1].id)}}
    return Answer(200, body)


def archive_batch(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Put records into the recycle bin; one that is not there is no error."""
    inputs = read_inputs(body, most=MOST, allowed={"id"}, required={"id"})
    archive(portal, kind, [read_id(each["id"]) for each in inputs])
    return Answer(204)


def archive(portal: Portal, kind: ObjectType, ids: Sequence[int]) -> None:
    """Put the live ones of these records into the recycle bin; their links go."""
    found = {each.id for each in portal.store.load(kind.name, ids).values()}
    portal.store.archive(found, portal.now(), portal.indexed_at())


def find_targets(
    portal: Portal, kind: ObjectType, ids: Sequence[str], id_property: str | None
) -> dict[str, Stored]:
    """Return the live records by the id, or the unique value, by which each was asked for."""
    if id_property is None:
        numbers = {each: read_id(each) for each in ids}
        found = portal.store.load(kind.name, numbers.values())
        return {each: found[number] for each, number in numbers.items() if number in found}
    definition = portal.definitions.of(kind.name).get(id_property)
    if definition is None or not definition.unique:
        raise _not_unique(kind, id_property)
    owners = portal.store.owners(kind.name, id_property, ids)
    found = portal.store.load(kind.name, owners.values())
    return {each: found[owners[each.lower()]] for each in ids if owners.get(each.lower()) in found}


def read_links(portal: Portal, kind: ObjectType, associations: Any) -> list[Link]:
    """Read the links of a record to be made. Their ends must be live records."""
    if not isinstance(associations, list):
        raise bad_request("Invalid input JSON: 'associations' must be a list")
    links: list[Link] = []
    for each in associations:
        read_object(each, allowed={"to", "types"}, required={"to", "types"}, what="an association")
        to = read_object(each["to"], allowed={"id"}, required={"id"}, what="'to'")
        asked = read_id(to["id"], "to.id")
        for end, number in read_link_types(kind, each["types"]):
            found = portal.store.load(end.name, [asked]).get(asked)
            if found is None:
                raise not_found(f"{end.singular} {asked} does not exist", ids=[str(asked)])
            links.append(Link(0, end.name, found.id, number))
    return links


def read_link_types(start: ObjectType, types: Any) -> list[tuple[ObjectType, int]]:
    """Read the types of a link: HubSpot's own numbers, each of which leads to one kind."""
    if not isinstance(types, list) or not types:
        raise bad_request("Invalid input JSON: 'types' must be a list that is not empty")
    read: list[tuple[ObjectType, int]] = []
    for each in types:
        keys = {"associationCategory", "associationTypeId"}
        read_object(each, allowed=keys, required=keys, what="an association type")
        number = each["associationTypeId"]
        end = None
        if each["associationCategory"] == "HUBSPOT_DEFINED" and type(number) is int:
            end = link_end(start, number)
        if end is None:
            raise bad_request(f"No association type {number!r} starts at {start.name}")
        read.append((end, number))
    return read


def show_wanted(portal: Portal, kind: ObjectType, record: Stored, wanted: Sequence[str]) -> Json:
    """Return a record with the properties asked for; one without a value is null."""
    known = portal.definitions.of(kind.name)
    values = every_property(kind, record)
    return show(kind, record, {name: values.get(name) for name in wanted if name in known})


def _one_id_property(inputs: Sequence[Json]) -> str | None:
    names = {each.get("idProperty") for each in inputs}
    if len(names) > 1:
        raise bad_request("All inputs of a batch must use the same idProperty")
    name = names.pop()
    return None if name is None else read_text(name, "idProperty")


def _not_unique(kind: ObjectType, name: str) -> RefusalError:
    return bad_request(
        f"Unable to perform update/upsert by non-unique {kind.type_id} property {name}"
    )


def _missing(kind: ObjectType, *ids: str) -> Json:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {kind.singular.upper()} objects, they may be deleted or"
        " not exist. Check that ids are valid.",
        "context": {"ids": list(ids)},
    }


def _untraceable(body: Json, trace: str | None) -> Json:
    return {
        "status": "error",
        "category": body["category"],
        "message": body["message"],
        "context": {**body.get("context", {}), "objectWriteTraceId": [trace]},
    }
