"""Finding persons: by our key, by phone, and who is left of one that is gone.

Three ways, by what they cost and what they see:

* a list by ``updated_since``: every write at once. Doubtful creates are looked up this way only.
* an index in memory of every person's phones: 10 tokens per 500 persons to read, 10 to bring up to
  date for any number of look-ups.
* a search: 20 tokens for each phone, and blind for some seconds. It serves only to adopt records
  that others made.

The index is read where it costs no more than the searches that were and will be needed without it;
how many persons there are is told by the newest one's id, since ids count from 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.pipedrive.calls import LIST_COST, MOST_IDS, MOST_LISTED, PERSONS, SEARCH_COST, Calls
from adapters.pipedrive.person import Person, read_person
from adapters.pipedrive.person_index import MOST, PersonIndex, has_phone, search_tails
from adapters.pipedrive.values import spell_moment
from connector.crm import Clock, Lookup, gather_in_batches

_MARGIN: Final = timedelta(seconds=60)
"""How much earlier than the moment of a read the next one starts, by the CRM's own clock."""
_FRESH: Final = timedelta(hours=1)
"""How far back a look-up by key alone reads the list beside the search, which lags."""
_SEARCHES_AT_ONCE: Final = 3
_CHEAPER_ONE_BY_ONE: Final = 5
"""Persons up to which reading each costs less than a list."""

Ids = tuple[str, ...]


class People:
    """The persons of one company."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._index = PersonIndex()
        self._complete = False
        self._read_until: datetime | None = None
        self._credit = 0
        self._count: int | None = None
        self._key_code: str | None = None

    def know_key_by(self, code: str) -> None:
        """Take note of the code of the field that carries our key; what was read by another is not.

        The field may be made anew, with another code, while we run.
        """
        if code != self._key_code:
            self._key_code = code
            self._index.clear()
            self._complete = False

    def remember(self, record: Mapping[str, object]) -> Person:
        """Take note of a person that was written or read."""
        person = read_person(record, self._key_code)
        self._index.put(person)
        return person

    async def find(self, lookups: Sequence[Lookup]) -> list[Ids]:
        """Return for each look-up the person that carries its key, else those with its phone."""
        doubtful = [place for place, each in enumerate(lookups) if each.key and each.since]
        others = [place for place in range(len(lookups)) if place not in set(doubtful)]
        found: list[Ids] = [()] * len(lookups)
        for places, find in ((doubtful, self._find_made), (others, self._find_known)):
            if places:
                answers = await find([lookups[place] for place in places])
                for place, ids in zip(places, answers, strict=True):
                    found[place] = ids
        return found

    async def read(self, numbers: Iterable[int]) -> dict[int, Mapping[str, object]]:
        """Return the records of those persons that are there, by id."""
        wanted = list(dict.fromkeys(numbers))
        found: dict[int, Mapping[str, object]] = {}
        if len(wanted) <= _CHEAPER_ONE_BY_ONE:
            for number in wanted:
                record = await self._calls.read(PERSONS, number)
                if record is not None:
                    found[number] = record
        else:
            for start in range(0, len(wanted), MOST_IDS):
                part = wanted[start : start + MOST_IDS]
                params = {"ids": ",".join(map(str, part))}
                async for page in self._calls.pages(PERSONS, params):
                    found |= {int(each["id"]): each for each in page.records}
        for record in found.values():
            self.remember(record)
        return found

    async def find_successor(
        self, gone: int, *, key: str | None = None, phones: Sequence[str] = ()
    ) -> int | None:
        """Return the one person who is left of a gone one, by our key, then by whole phones.

        Pipedrive leads from a merged person nowhere, so this is a search for somebody who looks
        like it; several are nobody.
        """
        known = self._index.get(gone)
        if known is not None:
            key = key or known.key
            phones = (*phones, *known.whole_phones)
        lookups = [
            *([Lookup(key=key)] if key else ()),
            *([Lookup(phones=tuple(dict.fromkeys(phones)))] if phones else ()),
        ]
        for lookup in lookups:
            [hits] = await self.find([lookup])
            left = [hit for hit in hits if hit != str(gone)]
            if left:
                return int(left[0]) if len(left) == 1 else None
        return None

    async def _find_made(self, lookups: Sequence[Lookup]) -> list[Ids]:
        """Look up creates of unknown outcome in the list of what changed since."""
        since = min(each.since for each in lookups if each.since is not None)
        by_key: dict[str, list[Person]] = {}
        for person in await self._changed_since(since):
            if person.key is not None:
                by_key.setdefault(person.key, []).append(person)
        return [_ids(by_key.get(str(each.key), ())) for each in lookups]

    async def _find_known(self, lookups: Sequence[Lookup]) -> list[Ids]:
        if await self._make_ready(len(lookups)):
            candidates = [set(self._index.matches(each)) for each in lookups]
        else:
            candidates = await gather_in_batches(
                lookups, 1, self._search, concurrency=_SEARCHES_AT_ONCE
            )
        there = await self.read(number for each in candidates for number in each)
        people = {number: read_person(record, self._key_code) for number, record in there.items()}
        return [
            _choose(lookup, [people[number] for number in numbers if number in people])
            for lookup, numbers in zip(lookups, candidates, strict=True)
        ]

    async def _search(self, lookups: Sequence[Lookup]) -> set[int]:
        """Search for one look-up's person.

        Of a person sought by both, the key is searched only if somebody has the phone: to know that
        nobody has it either costs as much as finding somebody.
        """
        [lookup] = lookups
        found: set[int] = set()
        for tail in search_tails(lookup):
            for item in await self._calls.search_phones(tail):
                phones = item.get("phones")
                number = item.get("id")
                typed = phones if isinstance(phones, list) else []
                if isinstance(number, int) and has_phone(map(str, typed), lookup):
                    found.add(number)
        if lookup.key is not None and self._key_code is not None and (found or not lookup.phones):
            found |= set(await self._calls.search_field(self._key_code, lookup.key))
        if lookup.key is not None and not lookup.phones:
            recent = await self._changed_since(self._clock.now() - _FRESH)
            found |= {person.id for person in recent if person.key == lookup.key}
        return found

    async def _make_ready(self, lookups: int) -> bool:
        """Say whether the index knows everybody, having read what it lacks if that is cheaper."""
        self._credit += lookups * SEARCH_COST
        if self._complete:
            await self._catch_up()
        elif self._count is None or self._is_worth_reading():
            await self._read_everybody()
        return self._complete

    def _is_worth_reading(self) -> bool:
        count = self._count or 0
        cost = -(-count // MOST_LISTED) * LIST_COST
        return count <= MOST and cost <= self._credit

    async def _read_everybody(self) -> None:
        """Read every person, newest first; after the first page, only if the rest is worth it."""
        self._credit -= LIST_COST
        params = {"sort_by": "id", "sort_direction": "desc", **self._with_key()}
        first = True
        async for page in self._calls.pages(PERSONS, params):
            if first:
                self._count = max((int(each["id"]) for each in page.records), default=0)
                self._read_until = page.answered_at or self._clock.now()
                if page.cursor is not None and not self._is_worth_reading():
                    return
                self._index.clear()
            else:
                self._credit -= LIST_COST
            first = False
            for record in page.records:
                self.remember(record)
        self._complete = True

    async def _catch_up(self) -> None:
        """Read what changed since the index was last read."""
        since = (self._read_until or datetime.min.replace(tzinfo=UTC)) - _MARGIN
        started: datetime | None = None
        async for page in self._calls.pages(PERSONS, self._changes(since)):
            started = started or page.answered_at or self._clock.now()
            for record in page.records:
                self.remember(record)
        self._read_until = started
        if len(self._index) >= MOST:
            self._complete, self._count = False, MOST + 1

    async def _changed_since(self, since: datetime) -> list[Person]:
        people: list[Person] = []
        async for page in self._calls.pages(PERSONS, self._changes(since)):
            people += [self.remember(record) for record in page.records]
        return people

    def _changes(self, since: datetime) -> dict[str, str]:
        return {
            "updated_since": spell_moment(since),
            "sort_by": "update_time",
            "sort_direction": "asc",
            **self._with_key(),
        }

    def _with_key(self) -> dict[str, str]:
        """Ask for our own custom field and no other."""
        return {} if self._key_code is None else {"custom_fields": self._key_code}


def _choose(lookup: Lookup, people: Sequence[Person]) -> Ids:
    if lookup.key is not None:
        ours = [person for person in people if person.key == lookup.key]
        if ours:
            return _ids(ours)
    return _ids([person for person in people if has_phone(person.phones, lookup)])


def _ids(people: Iterable[Person]) -> Ids:
    return tuple(str(person.id) for person in sorted(people, key=lambda each: each.age))
