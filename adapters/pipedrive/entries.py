"""What stands on a person's timeline: activities and notes, each with our mark in its text.

One of them is a message or, by default, a whole day's conversation, whose note is written anew each
time: that may be repeated at will, so that only the first write of a day needs a look when its
outcome is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from adapters.pipedrive.answers import Json, PipedriveRejectedError
from adapters.pipedrive.bodies import UnwritableError, reject, write_body
from adapters.pipedrive.calls import (
    ACTIVITIES,
    MOST_IDS,
    NOTES,
    PERSONS,
    Calls,
    Kind,
    is_gone,
    number_of,
)
from adapters.pipedrive.fields import Fields
from adapters.pipedrive.markers import (
    code_of,
    mark_subject,
    mark_text,
    marks_in,
    without_marks,
)
from adapters.pipedrive.owners import Owners
from adapters.pipedrive.people import People
from adapters.pipedrive.values import read_time, spell_moment, unspell
from connector.crm import (
    FieldValue,
    JsonScalar,
    Listed,
    Lookup,
    Outcome,
    Page,
    Record,
    Vanished,
    Written,
    gather_in_batches,
)

_READERS: Final = 4
"""Reads of single records under way at once."""

Ids = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Form:
    """How one kind of entry carries our mark and its links."""

    kind: Kind
    carrier: str
    """The field that our mark stands in."""


_FORMS: Final[Mapping[str, _Form]] = {
    "activities": _Form(ACTIVITIES, "subject"),
    "notes": _Form(NOTES, "content"),
}
KINDS: Final = tuple(_FORMS)


class Entries:
    """The activities or notes of one company."""

    def __init__(self, calls: Calls, people: People, owners: Owners, *, kind: str) -> None:
        self._calls = calls
        self._people = people
        self._owners = owners
        self._form = _FORMS[kind]
        self._kind = self._form.kind

    async def write(self, fields: Fields, record: Record) -> Outcome:
        """Make an entry with its links, or rewrite the one whose id is known."""
        try:
            body = await write_body(fields, self._marked(record), self._owners)
            if record.crm_id is None:
                return await self._create(record, body)
            changed = await self._calls.update(self._kind, number_of(record.crm_id), body)
            return Vanished() if is_gone(changed) else Written(record.crm_id)
        except UnwritableError as error:
            return error.outcome
        except PipedriveRejectedError as error:
            if error.gone and record.crm_id is not None:
                return Vanished()
            return reject(error, fields, record.fields)

    async def find(self, lookups: Sequence[Lookup]) -> list[Ids]:
        """Return the entries that carry each look-up's mark, oldest first, by lists only.

        Each page of what changed serves every look-up; where that is more pages than there are
        persons, each person's own list is read instead.
        """
        asked = [each for each in lookups if each.key is not None]
        if not asked:
            return [()] * len(lookups)
        persons = {each.contact_crm_id for each in asked}
        since = None
        if all(each.since is not None for each in asked):
            since = min(each.since for each in asked if each.since is not None)
        records: list[Json] | None = None
        if None in persons:
            records = await self._list(since=since)
        elif since is not None:
            records = await self._list(since=since, most_pages=len(persons))
        if records is None:
            records = []
            for person in sorted(filter(None, persons)):
                records += await self._list_of(number_of(person), since)
        by_code: dict[str, list[tuple[str, int]]] = {}
        for record in records:
            for code in marks_in(record.get(self._form.carrier)):
                age = str(record.get("add_time") or ""), int(record["id"])
                by_code.setdefault(code, []).append(age)
        return [
            () if each.key is None else _oldest_first(by_code.get(code_of(each.key), ()))
            for each in lookups
        ]

    async def read(
        self, fields: Fields, crm_ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, Mapping[str, JsonScalar]]:
        """Return the named fields of the entries that are there, without our mark."""
        numbers = [number_of(each) for each in dict.fromkeys(crm_ids)]
        records: list[Json] = []
        if self._kind is NOTES:
            found = await gather_in_batches(numbers, 1, self._read_one, concurrency=_READERS)
            records = [each for each in found if each is not None]
        else:
            for start in range(0, len(numbers), MOST_IDS):
                params = {"ids": ",".join(map(str, numbers[start : start + MOST_IDS]))}
                async for page in self._calls.pages(self._kind, params):
                    records += page.records
        return {str(each["id"]): self._pick(fields, each, names) for each in records}

    async def erase(self, crm_ids: Sequence[str]) -> None:
        """Delete entries; those that are gone are no error."""
        for crm_id in crm_ids:
            await self._calls.delete(self._kind, number_of(crm_id))

    async def page(self, fields: Fields, since: datetime, cursor: str | None) -> Page:
        """Return one page of the entries that changed; ``key`` is the end that our mark holds."""
        page = await self._calls.page(self._kind, self._changes(since), cursor)
        names = [name for name, info in fields.describe().items() if info.writable]
        records: list[Listed] = []
        for each in page.records:
            marks = marks_in(each.get(self._form.carrier))
            records.append(
                Listed(
                    crm_id=str(each["id"]),
                    key=min(marks) if marks else None,
                    fields=self._pick(fields, each, names),
                    changed_at=read_time(each.get("update_time")),
                )
            )
        return Page(records, page.cursor)

    async def _create(self, record: Record, body: dict[str, Any]) -> Outcome:
        contact = record.linked_crm_ids.get("contact")
        deal = record.linked_crm_ids.get("deal")
        if deal is not None:
            body["deal_id"] = number_of(deal)
        if contact is None:
            made = await self._calls.create(self._kind, body)
            return Written(str(made["id"]))
        person = number_of(contact)
        try:
            made = await self._calls.create(self._kind, {**body, **self._link(person)})
        except PipedriveRejectedError:
            # Which refusal a person that is gone brings is not documented, so look.
            if await self._calls.read(PERSONS, person) is not None:
                raise
            successor = await self._people.find_successor(person)
            if successor is None:
                return Vanished()
            made = await self._calls.create(self._kind, {**body, **self._link(successor)})
        return Written(str(made["id"]))

    def _link(self, person: int) -> dict[str, Any]:
        if self._kind is NOTES:
            return {"person_id": person}
        return {"participants": [{"person_id": person, "primary": True}]}

    def _marked(self, record: Record) -> Mapping[str, FieldValue]:
        """Return the fields with our mark; an update that leaves the carrier alone needs none."""
        carrier = self._form.carrier
        if carrier not in record.fields and record.crm_id is not None:
            return record.fields
        mark = mark_text if self._kind is NOTES else mark_subject
        return {
            **record.fields,
            carrier: mark(str(record.fields.get(carrier) or ""), record.key),
        }

    async def _list_of(self, person: int, since: datetime | None) -> list[Json]:
        """Return a person's entries, or those of who is left of one that people merged away."""
        records = await self._list(since=since, person=person)
        if not records and await self._calls.read(PERSONS, person) is None:
            successor = await self._people.find_successor(person)
            if successor is not None:
                records = await self._list(since=since, person=successor)
        return records or []

    async def _list(
        self, *, since: datetime | None, person: int | None = None, most_pages: int | None = None
    ) -> list[Json] | None:
        """Return entries; ``None`` where there are more than ``most_pages`` of them."""
        params = {} if since is None else self._changes(since)
        if person is not None:
            params["person_id"] = str(person)
        records: list[Json] = []
        pages = 0
        async for page in self._calls.pages(self._kind, params):
            records += page.records
            pages += 1
            if pages == most_pages and page.cursor is not None:
                return None
        return records

    def _changes(self, since: datetime) -> dict[str, str]:
        order = (
            {"sort": "update_time ASC"}
            if self._kind is NOTES
            else {"sort_by": "update_time", "sort_direction": "asc"}
        )
        return {"updated_since": spell_moment(since), **order}

    async def _read_one(self, numbers: Sequence[int]) -> Json | None:
        return await self._calls.read(self._kind, numbers[0])

    def _pick(self, fields: Fields, record: Json, names: Sequence[str]) -> Mapping[str, JsonScalar]:
        picked: dict[str, JsonScalar] = {}
        for name in names:
            field = fields.find(name)
            value = None if field is None else unspell(field, record.get(field.code))
            if name == self._form.carrier and isinstance(value, str):
                value = without_marks(value)
            picked[name] = value
        return picked


def _oldest_first(ages: Sequence[tuple[str, int]]) -> Ids:
    return tuple(str(number) for _, number in sorted(ages))
