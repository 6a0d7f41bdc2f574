"""A record as a mapping makes it: what to write, when, and how to tell whether it changed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from json import JSONEncoder
from typing import Any, Final

from connector.model.record import FieldValue, JsonScalar
from connector.template.filters import is_nothing


@dataclass(frozen=True, slots=True)
class Rendered:
    """One record. A field that renders to nothing is not among ``fields``."""

    fields: dict[str, FieldValue]
    create_only: frozenset[str]
    """Fields written into a new record and never again; of the whole mapping, rendered or not."""
    if_empty: frozenset[str]
    """Fields written only where the CRM has no value."""
    required: frozenset[str]
    """Fields without which, in the CRM, nothing is sent."""
    content_hash: str
    """32 hex digits over the fields, types included and create-only ones not."""
    stand_ins: Callable[[], Iterable[Mapping[str, FieldValue]]] = field(
        default=tuple, compare=False
    )
    """Makes the fields as they were while less was known, such as a phone in place of a name."""

    def for_create(self) -> dict[str, FieldValue]:
        """Return what a new record holds: everything."""
        return dict(self.fields)

    def for_update(self, current: Mapping[str, JsonScalar] | None) -> dict[str, FieldValue]:
        """Return what to write into a record that holds ``current``.

        Where that is not known (``None``), no field is written that must not overwrite a value.
        """
        kept = self.create_only | (self.if_empty - self._open(current))
        return {name: value for name, value in self.fields.items() if name not in kept}

    def for_replacement(self, current: Mapping[str, JsonScalar] | None) -> dict[str, FieldValue]:
        """Return the whole record, for a CRM whose update replaces it.

        What must not overwrite a value is what ``current`` holds of it.
        """
        theirs = {
            name: value
            for name in self.create_only | (self.if_empty - self._open(current))
            if not is_nothing(value := (current or {}).get(name))
        }
        return {**self.fields, **theirs}

    def _open(self, current: Mapping[str, JsonScalar] | None) -> frozenset[str]:
        """Return the fields that may be filled: those that are empty, or hold a stand-in of ours.

        Such a value was put there by us for want of a better one, so nobody's word is lost with it.
        """
        if current is None:
            return frozenset()
        there = {name: current.get(name) for name in self.if_empty & self.fields.keys()}
        empty = {name for name, value in there.items() if is_nothing(value)}
        other = {name for name in there.keys() - empty if there[name] != self.fields[name]}
        ours = {
            name
            for fields in (self.stand_ins() if other else ())
            for name in other
            if fields.get(name) == there[name]
        }
        return frozenset(empty | ours)


def _spell(value: object) -> Any:
    if isinstance(value, datetime):  # in a table of its own, so that no text is taken for a time
        return {"\0time": value.astimezone(UTC).isoformat()}
    raise TypeError(f"a field cannot hold a {type(value).__name__}")


_ENCODER: Final = JSONEncoder(sort_keys=True, separators=(",", ":"), default=_spell)


def hash_content(fields: Mapping[str, FieldValue], *, without: frozenset[str]) -> str:
    """Hash fields so that equal ones hash alike in every process and every order of fields."""
    counted = {name: value for name, value in fields.items() if name not in without}
    return blake2b(_ENCODER.encode(counted).encode("ascii"), digest_size=16).hexdigest()
