"""Merges and erasures: what makes ids change and disappear."""

from typing import Any

from connector.sandbox.hubspot.inputs import read_id, read_object, read_text
from connector.sandbox.hubspot.object_types import OBJECT_TYPES, ObjectType
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.records import archive, find_targets
from connector.sandbox.hubspot.refusals import Answer, bad_request, not_found
from connector.sandbox.hubspot.store import SEARCHED, Claim, Stored
from connector.sandbox.hubspot.values import calculate
from connector.sandbox.hubspot.writing import every_property, show


def merge(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Merge two records as the API does."""
    keys = {"primaryObjectId", "objectIdToMerge"}
    read_object(body, allowed={*keys, "objectWriteTraceId"}, required=keys)
    primary, secondary = (
        read_id(body[each], each) for each in ("primaryObjectId", "objectIdToMerge")
    )
    merged = merge_records(portal, kind, primary, secondary)
    return Answer(200, show(kind, merged, dict(every_property(kind, merged))))


def merge_records(portal: Portal, kind: ObjectType, primary: int, secondary: int) -> Stored:
    """Make one record of two and return it, under a new id unless the portal keeps the primary's.

    The primary's values win. Both former ids lead to the new record, and a unique value of the
    secondary's is nobody's any more, but for an e-mail where the primary has none.
    """
    if not kind.mergeable:
        raise bad_request(f"Merging {kind.name} is not supported")
    found = portal.store.load(kind.name, [primary, secondary])
    if len(found) < 2 or found[primary].id == found[secondary].id:
        raise not_found("resource not found", ids=[str(primary), str(secondary)])
    winner, loser = found[primary], found[secondary]
    unique = {*portal.definitions.unique(kind.name)} - {"email"}
    properties = {
        **{name: value for name, value in loser.properties.items() if name not in unique},
        **winner.properties,
    }
    retired = [loser] if portal.settings.merge_keeps_primary_id else [winner, loser]
    former = [*_merged_before(winner), *_merged_before(loser), *(str(each.id) for each in retired)]
    properties["hs_merged_object_ids"] = ";".join(former)
    if kind.name == "contacts":
        moment = portal.now()
        properties["hs_calculated_merged_vids"] = ";".join(f"{each}:{moment}" for each in former)
    return _replace(portal, kind, winner, loser, properties)


def erase(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Delete a contact and its activities for good; an unknown e-mail is block-listed."""
    if kind.name != "contacts":
        raise bad_request(f"GDPR delete is not supported for {kind.name}")
    read_object(body, allowed={"objectId", "idProperty"}, required={"objectId"})
    asked = read_text(body["objectId"], "objectId")
    by_email = body.get("idProperty") == "email"
    if body.get("idProperty") not in {None, "email"}:
        raise bad_request("idProperty can only be email")
    target = find_targets(portal, kind, [asked], "email" if by_email else None).get(asked)
    if target is not None:
        erase_contact(portal, target)
    elif not by_email:
        raise not_found("resource not found", ids=[asked])
    return Answer(204)


def erase_contact(portal: Portal, contact: Stored) -> None:
    """Delete a contact and its activities for good."""
    for activity in (each for each in OBJECT_TYPES.values() if each.activity):
        links = portal.store.links([contact.id], activity.name).get(contact.id, [])
        ends = [link.end for link in links]
        archive(portal, activity, ends)
        portal.store.forget(ends)
    archive(portal, OBJECT_TYPES["contacts"], [contact.id])
    portal.store.forget([contact.id])


def _merged_before(record: Stored) -> list[str]:
    return [each for each in record.properties.get("hs_merged_object_ids", "").split(";") if each]


def _replace(
    portal: Portal,
    kind: ObjectType,
    winner: Stored,
    loser: Stored,
    properties: dict[str, str],
) -> Stored:
    store, now, indexed_at = portal.store, portal.now(), portal.indexed_at()
    calculate(kind.name, properties, properties, portal.settings.country)
    keep = portal.settings.merge_keeps_primary_id
    number = winner.id if keep else store.take_id()
    merged = Stored(number, kind.name, properties, min(winner.created, loser.created), now)
    former = [loser.id] if keep else [winner.id, loser.id]
    for old in former:
        for column in ("start", "end"):
            store.connection.execute(
                f"UPDATE OR IGNORE link SET {column} = ? WHERE {column} = ?",  # noqa: S608 - the two words above
                (number, old),
            )
        store.connection.execute("UPDATE moved SET new = ? WHERE new = ?", (number, old))
    store.archive(former, now, now)
    store.connection.executemany(
        "INSERT OR REPLACE INTO moved VALUES (?, ?)", [(old, number) for old in former]
    )
    if keep:
        store.update([merged], now, indexed_at)
    else:
        store.insert([merged], indexed_at)
    unique = portal.definitions.unique(kind.name)
    store.claim(
        kind.name, [Claim(name, properties[name], number) for name in unique if name in properties]
    )
    store.index([Claim(name, properties[name], number) for name in SEARCHED if name in properties])
    return merged
