"""The persons of a company in memory, by our key and by the ends of their phones."""

from collections.abc import Iterable, Sequence
from typing import Final

from adapters.pipedrive.person import TAIL, Person
from connector.crm import Lookup, national_spellings, same_phone

MOST: Final = 100_000
"""Persons that are kept; about 40 MB."""


class PersonIndex:
    """Remembers persons. Whether that is all of them is for its user to know."""

    def __init__(self) -> None:
        self._people: dict[int, Person] = {}
        self._by_key: dict[str, set[int]] = {}
        self._by_tail: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return len(self._people)

    def get(self, number: int) -> Person | None:
        """Return what is remembered of a person."""
        return self._people.get(number)

    def put(self, person: Person) -> None:
        """Remember a person as it is now. Beyond ``MOST`` the one longest unchanged is dropped."""
        self.drop(person.id)
        self._people[person.id] = person
        if person.key is not None:
            self._by_key.setdefault(person.key, set()).add(person.id)
        for tail in person.tails:
            self._by_tail.setdefault(tail, set()).add(person.id)
        if len(self._people) > MOST:
            self.drop(next(iter(self._people)))

    def drop(self, number: int) -> None:
        """Forget a person."""
        person = self._people.pop(number, None)
        if person is None:
            return
        if person.key is not None:
            _discard(self._by_key, person.key, number)
        for tail in person.tails:
            _discard(self._by_tail, tail, number)

    def clear(self) -> None:
        """Forget everybody."""
        self._people.clear()
        self._by_key.clear()
        self._by_tail.clear()

    def matches(self, lookup: Lookup) -> Sequence[int]:
        """Return the persons that carry a look-up's key or one of its phones."""
        found: set[int] = set()
        if lookup.key is not None:
            found |= self._by_key.get(lookup.key, set())
        for tail in search_tails(lookup):
            found |= {
                number
                for number in self._by_tail.get(tail, ())
                if has_phone(self._people[number].phones, lookup)
            }
        return sorted(found)


def search_tails(lookup: Lookup) -> Sequence[str]:
    """Return the ends of phones behind which a look-up's person may be.

    More than one only where a whole number is so short that its end reaches into the country code.
    """
    if not lookup.phones:
        return ()
    tails = {spelling[-TAIL:] for spelling in national_spellings(lookup.phones)}
    if any(len(tail) < TAIL for tail in tails):
        tails |= {phone[-TAIL:] for phone in lookup.phones}
    return sorted(tails, key=len)


def has_phone(phones: Iterable[str], lookup: Lookup) -> bool:
    """Say whether one of the phones that people typed is one of a look-up's."""
    return any(same_phone(phone, lookup.phones, country=lookup.country) for phone in phones)


def _discard(index: dict[str, set[int]], name: str, number: int) -> None:
    numbers = index.get(name)
    if numbers is not None:
        numbers.discard(number)
        if not numbers:
            del index[name]
