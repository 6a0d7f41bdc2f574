"""A record as a mapping makes it: what to write, when, and how to tell whether it changed."""

from collections.abc import Mapping
from dataclasses import dataclass
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

    def for_create(self) -> dict[str, FieldValue]:
        """Return what a new record holds: everything."""
        return dict(self.fields)

    def for_update(self, current: Mapping[str, JsonScalar] | None) -> dict[str, FieldValue]:
        """Return what to write into a record that holds ``current``.

        Where that is not known (``None``), no field is written that must not overwrite a value.
        """
        return {
            name: value
            for name, value in self.fields.items()
            if name not in self.create_only
            and (
                name not in self.if_empty or (current is not None and is_nothing(current.get(name)))
            )
        }

    def for_replacement(self, current: Mapping[str, JsonScalar] | None) -> dict[str, FieldValue]:
        """Return the whole record, for a CRM whose update replaces it.

        What must not overwrite a value is what ``current`` holds of it.
        """
        theirs = {
            name: value
            for name in self.create_only | self.if_empty
            if not is_nothing(value := (current or {}).get(name))
        }
        return {**self.fields, **theirs}


def _spell(value: object) -> Any:
    if isinstance(value, datetime):  # in a table of its own, so that no text is taken for a time
        return {"\0time": value.astimezone(UTC).isoformat()}
    raise TypeError(f"a field cannot hold a {type(value).__name__}")


_ENCODER: Final = JSONEncoder(sort_keys=True, separators=(",", ":"), default=_spell)


def hash_content(fields: Mapping[str, FieldValue], *, without: frozenset[str]) -> str:
    """Hash fields so that equal ones hash alike in every process and every order of fields."""
    counted = {name: value for name, value in fields.items() if name not in without}
    return blake2b(_ENCODER.encode(counted).encode("ascii"), digest_size=16).hexdigest()
