"""What is remembered of a person in Pipedrive: enough to know a contact by."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adapters.pipedrive.answers import Json, records_of

TAIL: Final = 8
"""Digits at the end of a phone that are the same however its beginning is written: without country
code, area code or Brazil's ninth digit."""

_BETWEEN: Final = re.compile(r"[^\d\s().+\-]+")
_WHOLE: Final = re.compile(r"\+[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class Person:
    """One person."""

    id: int
    key: str | None
    """Ours, if it carries one."""
    phones: tuple[str, ...]
    """As people typed them."""
    added_at: str
    updated_at: str

    @property
    def age(self) -> tuple[str, int]:
        """Return what sorts persons in the order in which they were made."""
        return self.added_at, self.id

    @property
    def whole_phones(self) -> tuple[str, ...]:
        """Return the digits of those phones that are written with their country code."""
        plain = (re.sub(r"[\s().\-]", "", each) for each in self.phones)
        return tuple(each[1:] for each in plain if _WHOLE.fullmatch(each))

    @property
    def tails(self) -> frozenset[str]:
        """Return the ends of all its phones."""
        return frozenset(tail for phone in self.phones for tail in tails_of(phone))


def read_person(record: Json, key_code: str | None) -> Person:
    """Read a person as v2 shows one; ``key_code`` is the code of our key's field."""
    customs = record.get("custom_fields")
    key = customs.get(key_code) if isinstance(customs, dict) and key_code else None
    phones = (str(each["value"]) for each in records_of(record.get("phones")) if each.get("value"))
    return Person(
        id=int(record["id"]),
        key=str(key) if key else None,
        phones=tuple(phones),
        added_at=str(record.get("add_time") or ""),
        updated_at=str(record.get("update_time") or ""),
    )


def tails_of(phone: str) -> Iterator[str]:
    """Yield the end of each number in a phone field, which may hold several."""
    for part in _BETWEEN.split(phone):
        digits = re.sub(r"\D", "", part)
        if digits:
            yield digits[-TAIL:]
