"""Persons read back: by id, and all that changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.pipedrive.answers import Json
from adapters.pipedrive.calls import PERSONS, Calls, number_of
from adapters.pipedrive.fields import Fields
from adapters.pipedrive.people import People
from adapters.pipedrive.values import read_time, spell_moment, unspell
from connector.crm import JsonScalar, Listed, Page


async def read_persons(
    people: People, fields: Fields, crm_ids: Sequence[str], names: Sequence[str]
) -> Mapping[str, Mapping[str, JsonScalar]]:
    """Return the named fields of the persons that are there, by the id that was asked.

    A person that is gone is looked for only where it is still known what it was like.
    """
    numbers = [number_of(each) for each in dict.fromkeys(crm_ids)]
    there = await people.read(numbers)
    found = {str(number): _pick(fields, record, names) for number, record in there.items()}
    for number in numbers:
        if number in there:
            continue
        successor = await people.find_successor(number)
        if successor is None:
            continue
        records = there if successor in there else await people.read([successor])
        if successor in records:
            picked = _pick(fields, records[successor], names)
            found[str(number)] = {**picked, "crm_id": str(successor)}
    return found


async def list_persons(
    calls: Calls, people: People, fields: Fields, since: datetime, cursor: str | None
) -> Page:
    """Return one page of the persons that changed at or after ``since``."""
    order = {"sort_by": "update_time", "sort_direction": "asc"}
    params = {"updated_since": spell_moment(since), **order}
    page = await calls.page(PERSONS, params, cursor)
    names = [name for name, info in fields.describe().items() if info.writable]
    records = [
        Listed(
            crm_id=str(each["id"]),
            key=people.remember(each).key,
            fields=_pick(fields, each, names),
            changed_at=read_time(each.get("update_time")),
        )
        for each in page.records
    ]
    return Page(records, page.cursor)


def _pick(fields: Fields, record: Json, names: Sequence[str]) -> Mapping[str, JsonScalar]:
    customs = record.get("custom_fields")
    customs = customs if isinstance(customs, dict) else {}
    picked: dict[str, JsonScalar] = {}
    for name in names:
        field = fields.find(name)
        if field is None:
            picked[name] = None
        else:
            held = customs if field.custom else record
            picked[name] = unspell(field, held.get(field.code))
    return picked
