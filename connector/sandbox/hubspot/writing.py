"""Writes drafts of records: checks each, refuses alone or together, and answers in any order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.sandbox.hubspot.inputs import Json
from connector.sandbox.hubspot.object_types import LINK_TYPES, ObjectType
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.refusals import (
    Answer,
    Invalid,
    RefusalError,
    bad_request,
    invalid_values,
    missing_by_portal_rule,
    taken_value,
)
from connector.sandbox.hubspot.store import SEARCHED, Claim, Link, Stored
from connector.sandbox.hubspot.values import accept, calculate, iso, overlay


@dataclass(slots=True)
class Draft:
    """One record as an input asks for it."""

    properties: dict[str, str]
    target: Stored | None = None
    """The record to change; ``None`` makes one."""
    trace: str | None = None
    links: list[Link] = field(default_factory=list)
    """Links to make with a new record; their start is not known yet and stands as 0."""
    new: bool | None = None
    """What an upsert says of itself; other calls say nothing."""
    after: Stored | None = None
    """The record once written."""


def write(
    portal: Portal,
    kind: ObjectType,
    drafts: Sequence[Draft],
    *,
    traced: bool,
    status: int,
    failed: Sequence[Json] = (),
) -> Answer:
    """Write what can be written; ``failed`` are errors of inputs that made no draft.

    With ``traced`` inputs each bad one fails alone and the answer is a 207; otherwise the first bad
    one refuses the whole call.
    """
    errors = list(failed)
    accepted: list[Draft] = []
    owners = _unique_owners(portal, kind, drafts)
    for draft in drafts:
        try:
            draft.properties = _checked(portal, kind, draft)
            _claim_values(portal, kind, draft, owners)
        except RefusalError as refusal:
            if not traced:
                raise
            errors.append(_entry(portal, refusal, draft.trace))
        else:
            accepted.append(draft)
    store_drafts(portal, kind, accepted)
    results = [show_written(kind, draft) for draft in accepted]
    return answer_batch(portal, results, errors, status=status)


def store_drafts(portal: Portal, kind: ObjectType, drafts: Sequence[Draft]) -> None:
    """Write checked drafts: records, unique values, search terms and links."""
    now, indexed_at, country = portal.now(), portal.indexed_at(), portal.settings.country
    unique = set(portal.definitions.unique(kind.name))
    made: list[Stored] = []
    changed: list[Stored] = []
    claims: list[Claim] = []
    released: list[Claim] = []
    terms: list[Claim] = []
    links: list[Link] = []
    for draft in drafts:
        target = draft.target
        if target is None:
            properties = overlay({}, draft.properties)
            properties |= _SOURCE
            after = Stored(portal.store.take_id(), kind.name, properties, now, now)
            made.append(after)
            before: Mapping[str, str] = {}
        else:
            before = target.properties
            properties = overlay(before, draft.properties)
            after = Stored(target.id, kind.name, properties, target.created, target.updated)
        calculate(kind.name, properties, draft.properties, country)
        if target is not None and properties != before:
            after.updated = now
            changed.append(after)
        draft.after = after
        for name in unique & draft.properties.keys():
            if before.get(name) and before[name] != properties.get(name):
                released.append(Claim(name, before[name], after.id))
            if name in properties:
                claims.append(Claim(name, properties[name], after.id))
        terms += [
            Claim(name, properties[name], after.id)
            for name in SEARCHED & properties.keys()
            if before.get(name) != properties[name]
        ]
        links += [each._replace(start=after.id) for each in draft.links]
    store = portal.store
    store.insert(made, indexed_at)
    store.update(changed, now, indexed_at)
    store.release(kind.name, released)
    store.claim(kind.name, claims)
    store.index(terms)
    add_links(portal, kind, links)


def add_links(portal: Portal, start: ObjectType, links: Sequence[Link]) -> None:
    """Store links in both directions; an activity touches the contacts it is linked to."""
    if not links:
        return
    backward = [
        Link(each.end, start.name, each.start, LINK_TYPES[each.end_type, start.name])
        for each in links
    ]
    portal.store.link([*links, *backward])
    if start.activity:
        touched = {each.end for each in links if each.end_type == "contacts"}
        portal.store.touch(touched, portal.now())


def show_written(kind: ObjectType, draft: Draft) -> Json:
    """Return a written record as the answer shows it: what was written, and its times."""
    after = draft.after
    if after is None:
        raise ValueError("a draft that was not written has nothing to show")
    written = {name: after.properties.get(name) for name in draft.properties}
    shown = show(kind, after, written)
    if draft.trace is not None:
        shown["objectWriteTraceId"] = draft.trace
    if draft.new is not None:
        shown["new"] = draft.new
    return shown


def every_property(kind: ObjectType, record: Stored) -> dict[str, str]:
    """Return all a record holds, with the properties that its row keeps beside them."""
    created, updated = iso(record.created), iso(record.updated)
    return {
        **record.properties,
        "hs_object_id": str(record.id),
        "createdate": created,
        "hs_createdate": created,
        "hs_lastmodifieddate": updated,
        kind.modified: updated,
    }


def show(kind: ObjectType, record: Stored, properties: Mapping[str, str | None]) -> Json:
    """Return a record with some of its properties and those that always come along."""
    created, updated = iso(record.created), iso(record.updated)
    return {
        "id": str(record.id),
        "properties": {
            **properties,
            "hs_object_id": str(record.id),
            kind.created: created,
            kind.modified: updated,
        },
        "createdAt": created,
        "updatedAt": updated,
        "archived": False,
    }


def answer_batch(
    portal: Portal, results: list[Json], errors: Sequence[Json], *, status: int
) -> Answer:
    """Return the answer of a batch: 207 where something failed, results in any order."""
    if portal.settings.shuffle:
        portal.random.shuffle(results)
    moment = iso(portal.now())
    body: Json = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": moment,
        "completedAt": moment,
    }
    if errors:
        body |= {"numErrors": len(errors), "errors": list(errors)}
    return Answer(207 if errors else status, body)


def _checked(portal: Portal, kind: ObjectType, draft: Draft) -> dict[str, str]:
    definitions = portal.definitions.of(kind.name)
    owners = portal.owner_ids
    values: dict[str, str] = {}
    invalid: list[Invalid] = []
    for name, value in draft.properties.items():
        definition = definitions.get(name)
        if definition is None:
            text = f'Property "{name}" does not exist'
            invalid.append(Invalid(name, "PROPERTY_DOESNT_EXIST", text))
            continue
        taken = accept(definition, value, owners)
        if isinstance(taken, Invalid):
            invalid.append(taken)
        else:
            values[name] = taken
    if invalid:
        raise invalid_values(invalid)
    if draft.target is None:
        _require(portal, kind, values)
    return values


def _require(portal: Portal, kind: ObjectType, values: Mapping[str, str]) -> None:
    missing = [name for name in kind.required if not values.get(name)]
    if missing:
        raise bad_request(
            f"Error creating {kind.singular.upper()}. Some required properties were not set.",
            properties=missing,
        )
    by_rule = portal.settings.required_properties.get(kind.name, ())
    missing = [name for name in by_rule if not values.get(name)]
    if missing:
        raise missing_by_portal_rule(missing)


Owners = dict[tuple[str, str], int]
"""Who holds a unique value, by property and value in lower case; 0 is new in this batch."""


def _unique_owners(portal: Portal, kind: ObjectType, drafts: Sequence[Draft]) -> Owners:
    owners: Owners = {}
    for name in portal.definitions.unique(kind.name):
        values = [draft.properties[name] for draft in drafts if draft.properties.get(name)]
        if values:
            found = portal.store.owners(kind.name, name, values)
            owners |= {(name, value): owner for value, owner in found.items()}
    return owners


def _claim_values(portal: Portal, kind: ObjectType, draft: Draft, owners: Owners) -> None:
    own = draft.target.id if draft.target else 0
    wanted = [
        (name, draft.properties[name].lower())
        for name in portal.definitions.unique(kind.name)
        if draft.properties.get(name)
    ]
    for each in wanted:
        owner = owners.get(each)
        if owner is not None and (owner == 0 or owner != own):
            status = portal.settings.unique_clash_status
            raise taken_value(status, kind.singular, each[0], owner)
    owners.update(dict.fromkeys(wanted, own))


def _entry(portal: Portal, refusal: RefusalError, trace: str | None) -> Json:
    """Return one entry of a 207, in the form of the documented example."""
    entry: Json = {
        "status": "error",
        "category": refusal.body["category"],
        "message": refusal.body["message"],
        "context": {**refusal.body.get("context", {}), "objectWriteTraceId": [trace]},
    }
    portal_rule = any(
        each["code"].startswith("MISSING_") for each in refusal.body.get("errors", ())
    )
    if portal_rule or portal.settings.nested_errors:
        entry["errors"] = refusal.body.get("errors", [])
    return entry


_SOURCE: Mapping[str, Any] = {
    "hs_object_source": "INTEGRATION",
    "hs_object_source_id": "1160452",
    "hs_object_source_label": "INTEGRATION",
}
