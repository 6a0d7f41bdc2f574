"""Which records in HubSpot a look-up means: by our key, by phone, or by the contact they belong to.

Look-ups by key and by contact read records and see every write at once. Phones are searched, and
the search index lags; it serves only to adopt contacts that others made.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.hubspot.calls import Calls
from adapters.hubspot.errors import Json
from adapters.hubspot.objects import kind_of
from connector.crm import Lookup, gather_in_batches, national_spellings, same_phone

_LONGEST_SEARCH: Final = 3_000
"""Characters that the body of a search may have."""
_MOST_VALUES: Final = 100
"""Values of one IN filter."""
_SEARCHED: Final = (
    "hs_searchable_calculated_phone_number",
    "hs_searchable_calculated_mobile_number",
)
"""Calculated properties that hold area code and local number."""
_PHONES: Final = ("phone", "mobilephone", "hs_whatsapp_phone_number")
_SEARCHES_AT_ONCE: Final = 3

Ids = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    crm_id: str
    made_at: str
    phones: tuple[str, ...]


async def find_by_key(
    calls: Calls, kind: str, keys: Sequence[str], *, key: str | None
) -> Mapping[str, str]:
    """Return the record ids of those keys that a record carries in the unique property ``key``."""
    if key is None or not keys:
        return {}
    answer = await calls.read(kind, keys, [key], id_property=key)
    by_key = {
        str((result.get("properties") or {}).get(key)).lower(): str(result.get("id"))
        for result in answer.results
    }
    return {each: by_key[each.lower()] for each in keys if each.lower() in by_key}


def match_keys(lookups: Sequence[Lookup], by_key: Mapping[str, str]) -> list[Ids]:
    """Return for each look-up the record that carries its key, if there is one."""
    found = (None if each.key is None else by_key.get(each.key) for each in lookups)
    return [() if crm_id is None else (crm_id,) for crm_id in found]


async def find_contacts(calls: Calls, lookups: Sequence[Lookup], *, key: str | None) -> list[Ids]:
    """Return the contact that carries each look-up's key, else those with one of its phones.

    Where nobody has the phone, the key is not asked for.
    """
    places = [place for place, each in enumerate(lookups) if each.phones]
    by_phone = await _find_by_phone(calls, [lookups[place] for place in places])
    found: list[Ids] = [()] * len(lookups)
    for place, ids in zip(places, by_phone, strict=True):
        found[place] = ids
    asked = [
        each
        for each, ids in zip(lookups, found, strict=True)
        if each.key and (ids or not each.phones)
    ]
    by_key = await find_by_key(calls, "contacts", [str(each.key) for each in asked], key=key)
    keyed = match_keys(lookups, by_key)
    return [ours or theirs for ours, theirs in zip(keyed, found, strict=True)]


async def _find_by_phone(calls: Calls, lookups: Sequence[Lookup]) -> list[Ids]:
    """Return the contacts with one of the phones of each look-up, oldest first.

    One search serves as many look-ups as its body holds; every hit is compared in full, since the
    search knows neither country codes nor ninth digits.
    """
    numbers = [national_spellings(lookup.phones) for lookup in lookups]
    groups = list(_group(numbers))

    async def search(places: Sequence[Sequence[int]]) -> list[tuple[int, Ids]]:
        found: list[tuple[int, Ids]] = []
        for group in places:
            wanted = [number for place in group for number in numbers[place]]
            results = await calls.search("contacts", _search_body(wanted))
            candidates = [_read_candidate(result) for result in results]
            found += [(place, _choose(lookups[place], candidates)) for place in group]
        return found

    answers = await gather_in_batches(groups, 1, search, concurrency=_SEARCHES_AT_ONCE)
    chosen = dict(pair for answer in answers for pair in answer)
    return [chosen.get(place, ()) for place in range(len(lookups))]


def _group(numbers: Sequence[Sequence[str]]) -> Iterator[list[int]]:
    """Put as many look-ups into one search as its body holds."""
    longest = {**_search_body([]), "limit": 200, "after": "10000"}
    room = _LONGEST_SEARCH - len(json.dumps(longest, separators=(",", ":")))
    group: list[int] = []
    size = values = 0
    for place, wanted in enumerate(numbers):
        if not wanted:
            continue
        more = len(_SEARCHED) * sum(len(number) + 3 for number in wanted)
        if group and (size + more > room or values + len(wanted) > _MOST_VALUES):
            yield group
            group, size, values = [], 0, 0
        group.append(place)
        size += more
        values += len(wanted)
    if group:
        yield group


def _search_body(numbers: Sequence[str]) -> dict[str, Any]:
    distinct = list(dict.fromkeys(numbers))
    return {
        "filterGroups": [
            {"filters": [{"propertyName": name, "operator": "IN", "values": distinct}]}
            for name in _SEARCHED
        ],
        "properties": list(_PHONES),
        "sorts": [],
    }


def _read_candidate(result: Json) -> _Candidate:
    properties = result.get("properties") or {}
    return _Candidate(
        crm_id=str(result.get("id")),
        made_at=str(result.get("createdAt") or ""),
        phones=tuple(value for name in _PHONES if isinstance(value := properties.get(name), str)),
    )


def _choose(lookup: Lookup, candidates: Sequence[_Candidate]) -> Ids:
    fitting = {
        each.crm_id: each
        for each in candidates
        if any(same_phone(phone, lookup.phones, country=lookup.country) for phone in each.phones)
    }
    return tuple(each.crm_id for each in sorted(fitting.values(), key=_age))


def _age(candidate: _Candidate) -> tuple[str, int, str]:
    return (candidate.made_at, *_numeric(candidate.crm_id))


def _numeric(crm_id: str) -> tuple[int, str]:
    """Return what sorts ids in the order in which they were given."""
    return len(crm_id), crm_id


async def find_messages(
    calls: Calls, kind: str, lookups: Sequence[Lookup], *, key: str | None
) -> list[Ids]:
    """Return the records of each look-up's contact that carry its key, in ``key`` or in the body.

    All records of the contact are read: ids promise no order, and a record that is overlooked would
    be written a second time.
    """
    contacts = {each.contact_crm_id for each in lookups if each.contact_crm_id and each.key}
    by_contact = await calls.linked("contacts", kind, sorted(contacts))
    ids = [each for found in by_contact.values() for each in found]
    carrier = key or kind_of(kind).body
    if carrier is None or not ids:
        return [()] * len(lookups)
    answer = await calls.read(kind, ids, [carrier])
    texts: Mapping[str, tuple[str, str]] = {
        str(result.get("id")): (
            str(result.get("createdAt") or ""),
            str((result.get("properties") or {}).get(carrier) or ""),
        )
        for result in answer.results
    }
    found: list[Ids] = []
    for lookup in lookups:
        theirs = dict.fromkeys(by_contact.get(lookup.contact_crm_id or "", ()))
        hits = [
            (texts[each][0], *_numeric(each))
            for each in theirs
            if lookup.key
            and each in texts
            and _carries(texts[each][1], lookup.key, whole=bool(key))
        ]
        found.append(tuple(hit[-1] for hit in sorted(hits)))
    return found


def _carries(text: str, key: str, *, whole: bool) -> bool:
    return text.lower() == key.lower() if whole else key in text


async def find_open(calls: Calls, kind: str, lookups: Sequence[Lookup]) -> list[Ids]:
    """Return the open deals or tickets of each look-up's contact, oldest first."""
    contacts = {each.contact_crm_id for each in lookups if each.contact_crm_id}
    by_contact = await calls.linked("contacts", kind, sorted(contacts))
    ids = [each for found in by_contact.values() for each in found]
    if not ids:
        return [()] * len(lookups)
    answer = await calls.read(kind, ids, ["hs_is_closed", "closed_date"])
    open_since = {
        str(result.get("id")): str(result.get("createdAt") or "")
        for result in answer.results
        if not _is_closed(result.get("properties") or {})
    }
    found: list[Ids] = []
    for lookup in lookups:
        theirs = dict.fromkeys(by_contact.get(lookup.contact_crm_id or "", ()))
        ages = [(open_since[each], *_numeric(each)) for each in theirs if each in open_since]
        found.append(tuple(age[-1] for age in sorted(ages)))
    return found


def _is_closed(properties: Mapping[str, Any]) -> bool:
    """Say whether a deal or ticket is closed.

    ``hs_is_closed`` is documented for deals; that tickets have it in every portal is not, so a
    ticket without it counts as closed once it has a ``closed_date``.
    """
    closed = properties.get("hs_is_closed")
    return bool(properties.get("closed_date")) if closed is None else str(closed).lower() == "true"
