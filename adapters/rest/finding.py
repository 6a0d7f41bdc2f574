"""Look-ups: by our key, by phone with every candidate verified here, and reading by id."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.rest.calls import Calls, refused_question
from adapters.rest.pointers import ABSENT, Pointer, identity, is_none, texts_in
from adapters.rest.sections import Search, Section
from connector.crm import Lookup, gather_in_batches, national_spellings, same_phone
from connector.crm.templates import Roots

_LAST: Final = 8
"""Digits at a phone's end that nearly every way to write it has in common."""
_UNBROKEN: Final = 4
"""Digits at a phone's end that hardly anybody writes a space or hyphen between."""


class Finder:
    """Looks for records of one kind."""

    def __init__(self, calls: Calls, section: Section, *, concurrency: int) -> None:
        self._calls = calls
        self._section = section
        self._concurrency = concurrency

    async def find(self, lookups: Sequence[Lookup]) -> list[tuple[str, ...]]:
        """Return the ids that fit each look-up, oldest first."""
        found = await gather_in_batches(lookups, 1, self._find_one, concurrency=self._concurrency)
        return list(found)

    async def read(
        self, crm_ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        """Return the named fields of the records that exist, by the id that was asked."""

        async def one(ids: Sequence[str]) -> tuple[str, dict[str, Any] | None]:
            record = await self._read_one(ids[0])
            if record is None:
                return ids[0], None
            values = {name: record[1][name] for name in fields if name in record[1]}
            if record[0] != ids[0]:
                values["crm_id"] = record[0]
            return ids[0], values

        found = await gather_in_batches(crm_ids, 1, one, concurrency=self._concurrency)
        return {crm_id: values for crm_id, values in found if values is not None}

    async def find_by_key(self, lookup: Lookup) -> tuple[str, ...]:
        """Return the records that carry our key."""
        search, key = self._section.lookup, lookup.key
        if key is None:
            return ()
        if search is None:
            known = self._section.key_is_id and self._section.read is not None
            return (key,) if known and await self._read_one(key) else ()
        if search.request.reads_any("contact") and lookup.contact_crm_id is None:
            return ()
        roots: Roots = {
            "key": key,
            "since": lookup.since,
            "contact": {"crm_id": lookup.contact_crm_id},
        }
        hits = [
            record
            for record in await self._records(search, roots)
            if search.marker is not None and carries(search.marker.of(record), key)
        ]
        return _oldest_first(hits, search)

    async def _find_one(self, lookups: Sequence[Lookup]) -> tuple[str, ...]:
        """Find by phone; our key is asked for only where somebody has the phone.

        Otherwise each new contact would cost a request more, to learn that nobody is there. A
        look-up by key alone always asks.
        """
        lookup = lookups[0]
        if not lookup.phones:
            return await self.find_by_key(lookup)
        for search in self._section.finds:
            candidates = await self._candidates(search, lookup)
            if not candidates:
                continue
            if lookup.key is not None and (ours := await self.find_by_key(lookup)):
                return ours
            return _oldest_first(candidates, search)
        return ()

    async def _candidates(self, search: Search, lookup: Lookup) -> list[Any]:
        """Return the records whose phone is one of the look-up's, each once."""
        spellings = [_spell(phone) for phone in lookup.phones]
        together = {
            name: list(dict.fromkeys(each[name] for each in spellings)) for name in spellings[0]
        }
        each_alone = search.request.reads_any("phone")
        found: dict[str, Any] = {}
        for phone in _once_each(spellings, search) if each_alone else [None]:
            roots: Roots = {"phone": phone, "phones": together, "key": lookup.key}
            for record in await self._records(search, roots):
                crm_id = identity(search.id.of(record))
                if crm_id is None or crm_id in found:
                    continue
                if await self._has_phone(search, crm_id, record, lookup):
                    found[crm_id] = record
        return list(found.values())

    async def _has_phone(self, search: Search, crm_id: str, record: Any, lookup: Lookup) -> bool:
        pointers = search.phones
        if not pointers:
            read = self._section.read
            whole = await self._read_one(crm_id)
            if read is None or whole is None:
                return False
            record, pointers = whole[1], read.phones
        return any(
            same_phone(text, lookup.phones, country=lookup.country)
            for pointer in pointers
            if (value := pointer.of(record)) is not ABSENT
            for text in texts_in(value)
        )

    async def _read_one(self, crm_id: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return a record and the id that it has; ``None`` where it is not there."""
        read = self._section.read
        if read is None:
            return None
        answer = await self._calls.send(
            read.request, {"crm_id": crm_id}, call=f"{self._section.kind}.read"
        )
        if answer.meaning == "gone":
            return None
        if answer.meaning != "ok":
            raise refused_question(answer, read.request)
        found = read.record.items(answer.payload)
        record = found[0] if found else None
        if found is None or (record is not None and not isinstance(record, dict)):
            raise refused_question(answer, read.request)
        if record is None or is_none(record):
            return None
        told = None if read.id is None else identity(read.id.of(answer.payload))
        return told or crm_id, record

    async def _records(self, search: Search, roots: Roots) -> list[Any]:
        found: list[Any] = []
        call = f"{self._section.kind}.{search.request.verb}"
        async for page in self._calls.pages(
            search.request, roots, records=search.records, paging=search.paging, call=call
        ):
            found += page
        return found


def carries(value: Any, key: str) -> bool:
    """Say whether a value is our key or contains it."""
    return value is not ABSENT and any(key in text for text in texts_in(value))


def _once_each(spellings: Sequence[Mapping[str, str]], search: Search) -> list[Mapping[str, str]]:
    """Leave out spellings that would make the same request again."""
    names = [path.partition(".")[2] for path in search.request.reads if path.startswith("phone.")]
    distinct = {tuple(each[name] for name in names): each for each in reversed(spellings)}
    return list(distinct.values())[::-1]


def _spell(digits: str) -> dict[str, str]:
    return {
        "e164": f"+{digits}",
        "digits": digits,
        "national": national_spellings((digits,))[0],
        "last8": digits[-_LAST:],
        "last4": digits[-_UNBROKEN:],
    }


def _oldest_first(records: Sequence[Any], search: Search) -> tuple[str, ...]:
    """Return the ids of records: by when they were made if that is told, else by number."""
    ids = {
        crm_id: record
        for record in records
        if (crm_id := identity(search.id.of(record))) is not None
    }
    order = list(ids)
    if search.created is not None:
        made: Pointer = search.created
        order.sort(key=lambda crm_id: str(made.of(ids[crm_id])))
    elif all(crm_id.isdecimal() for crm_id in order):
        order.sort(key=int)
    return tuple(order)
