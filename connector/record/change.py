"""One change of a webhook, as the readers of its field get it."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connector.model.events import Parsed
from connector.record.payload import block, identifier, items
from connector.record.people import People

_BESIDE: Final = frozenset(
    {"messaging_product", "metadata", "contacts", "standby", "conversation_context"}
)
"""What stands beside the elements of a change, and is read with them or not at all."""


@dataclass(slots=True)
class Change:
    """What stands under one ``changes[]``, and where what is made of it goes."""

    field: str
    value: Mapping[str, Any]
    waba_id: str | None
    at: datetime | None
    """The entry's own time, which only account events have."""
    parsed: Parsed
    phone_number_id: str | None = dataclasses.field(init=False)
    """Our number, where the change names one."""
    our_phone: str | None = dataclasses.field(init=False)
    """Our number's digits, as they are displayed."""
    people: People = dataclasses.field(init=False)
    """The contact cards of this change."""

    def __post_init__(self) -> None:
        """Read what the elements share."""
        metadata = block(self.value.get("metadata"))
        self.phone_number_id = identifier(metadata.get("phone_number_id"))
        self.our_phone = digits(metadata.get("display_phone_number"))
        self.people = People(self.value.get("contacts"))

    def each(
        self,
        name: str,
        read: Callable[[Mapping[str, Any]], None],
        *,
        within: Mapping[str, Any] | None = None,
    ) -> None:
        """Read the elements of one array; what can not be read is kept and stops nothing."""
        found = (self.value if within is None else within).get(name)
        if found is None:
            return
        path = f"{self.field}/{name}"
        if not isinstance(found, list):
            self.parsed.keep("unparsable", self.field, path)
        for element in items(found):
            if not isinstance(element, dict):
                self.parsed.keep("unparsable", self.field, path)
                continue
            before = len(self.parsed.events)
            try:
                read(element)
            except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
                # No reader is known to raise; should one, its neighbours must not pay for it.
                del self.parsed.events[before:]
                self.parsed.keep("unparsable", self.field, path)

    def keep_unknown(self, *known: str) -> None:
        """Keep the arrays of elements that this version does not know."""
        for name, found in self.value.items():
            if name not in known and name not in _BESIDE and isinstance(found, list):
                for element in found:
                    if isinstance(element, dict):
                        self.parsed.keep("unknown", self.field, f"{self.field}/{harmless(name)}")


def digits(value: object) -> str | None:
    """Return the digits of a phone as it is displayed."""
    if not isinstance(value, str | int):
        return None
    return "".join(c for c in str(value)[:40] if c.isascii() and c.isdigit()) or None


def harmless(name: object) -> str:
    """Return a name that WhatsApp gave something, fit to be shown and counted."""
    text = name if isinstance(name, str) else type(name).__name__
    kept = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in text[:40])
    return kept or "_"
