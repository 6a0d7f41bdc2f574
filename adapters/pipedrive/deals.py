"""The open deals of persons, to which conversations may be linked."""

from collections.abc import Sequence
from typing import Final

from adapters.pipedrive.answers import Json
from adapters.pipedrive.calls import DEALS, Calls, number_of
from connector.crm import Lookup

_OPEN: Final = {"status": "open"}


async def find_open(calls: Calls, lookups: Sequence[Lookup]) -> list[tuple[str, ...]]:
    """Return the open deals of each look-up's person, oldest first.

    All the company's open deals are read where that is no more pages than there are persons; else
    each person's own.
    """
    persons = sorted({each.contact_crm_id for each in lookups if each.contact_crm_id})
    if not persons:
        return [()] * len(lookups)
    deals = await _list(calls, most_pages=len(persons))
    if deals is None:
        deals = []
        for person in persons:
            deals += await _list(calls, person=person) or ()
    by_person: dict[str, list[tuple[str, int]]] = {}
    for deal in deals:
        age = str(deal.get("add_time") or ""), int(deal["id"])
        by_person.setdefault(str(deal.get("person_id")), []).append(age)
    return [
        tuple(str(number) for _, number in sorted(by_person.get(each.contact_crm_id or "", ())))
        for each in lookups
    ]


async def _list(
    calls: Calls, *, person: str | None = None, most_pages: int | None = None
) -> list[Json] | None:
    """Return open deals; ``None`` where there are more than ``most_pages`` of them."""
    params = _OPEN if person is None else {**_OPEN, "person_id": str(number_of(person))}
    deals: list[Json] = []
    pages = 0
    async for page in calls.pages(DEALS, params):
        deals += page.records
        pages += 1
        if pages == most_pages and page.cursor is not None:
            return None
    return deals
