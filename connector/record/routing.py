"""Which destinations take what, and when something they hold has to be looked at again."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from connector.model.identity import Alias, classify, subscriber_spellings


@dataclass(frozen=True, slots=True)
class NumberConfig:
    """One of our numbers, as the operator configured it."""

    name: str
    country: str | None = None
    waba_id: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """What one destination takes, and what of it its mapping reads."""

    destination: str
    numbers: frozenset[str] | None
    """Names of the numbers it takes; ``None`` for all."""
    granularity: Literal["message", "conversation"]
    contact_uses: frozenset[str]
    """The attributes of ``contact`` in its mapping, such as ``display_name``, ``phone.e164``, and
    the first part of each."""
    message_uses: frozenset[str]
    """The attributes of ``message`` or ``conversation`` in its mapping."""

    def takes(self, number: str) -> bool:
        """Whether messages of a number go to this destination."""
        return self.numbers is None or number in self.numbers


_NAMES: Final = ("display_name", "first_name", "last_name")
_SHOWN_IN: Final[Mapping[str, tuple[str, ...]]] = {
    "phone": ("phone", "country", *_NAMES),
    "wa_id": ("whatsapp_id", "phone", "country", *_NAMES),
    "user_id": ("user_id", "country", *_NAMES),
    "username": ("username", *_NAMES),
    "profile_name": _NAMES,
    "book_name": _NAMES,
    "first_seen_at": ("first_seen_at",),
    "last_inbound_at": ("last_message_at",),
    "last_outbound_at": ("last_message_at",),
    "marketing_opt_out_at": ("marketing_opt_out",),
    "labels": ("labels",),
    "referral": ("referral",),
}
"""The attributes of a template's ``contact`` that each attribute of ours shows in. Rather one too
many: a record that turns out unchanged costs no call."""


def shows(changed: Iterable[str], uses: Collection[str]) -> bool:
    """Say whether a change of a contact's attributes can show in what a mapping makes of it."""
    return any(name in uses for attribute in changed for name in _SHOWN_IN.get(attribute, ()))


class Blocklist:
    """The people whom ``[privacy] block`` keeps out of every CRM."""

    def __init__(self, people: Iterable[str]) -> None:
        self._values: set[str] = set()
        for person in people:
            match classify(person):
                case ("wa_id", digits):
                    self._values.update(subscriber_spellings(digits))
                case (_, value):
                    self._values.add(value)
                case None:
                    continue

    def holds(self, aliases: Iterable[Alias]) -> bool:
        """Whether somebody with these aliases is blocked."""
        return bool(self._values) and any(alias.value in self._values for alias in aliases)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator configured that decides what becomes of an event."""

    portfolio: str
    routes: Sequence[Route]
    time_zone: ZoneInfo
    max_event_age: timedelta
    block: Blocklist
    keyed_hash: Callable[[str], str]
    fetch_media: bool = False
    """Whether files that come with messages are wanted."""
