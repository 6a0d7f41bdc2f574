"""What parsing makes of a webhook: events that the ledger takes in, and elements kept raw.

An event names our number by WhatsApp's ``phone_number_id``; whether that number is ours is decided
when it is recorded. Times are aware and in UTC. ``about`` is the wamid of the message an event adds
to, which need not have arrived.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from connector.model.identity import Identity
from connector.model.message import Direction

KeptReason = Literal["unparsable", "unknown", "unrouted"]
NoticeLevel = Literal["info", "warning", "danger"]


@dataclass(frozen=True, slots=True)
class Kept:
    """An element that became no event; its bytes stay in the webhook."""

    reason: KeptReason
    field: str
    """The webhook field it came in, such as ``messages``."""
    path: str
    """Where in the field it stood, such as ``messages/poll``. Holds no value of a person."""


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """One message, inbound or outbound."""

    phone_number_id: str | None
    wamid: str
    direction: Direction
    kind: str
    """WhatsApp's message type, as it came."""
    content: Mapping[str, Any]
    """What was understood of it, in the words listed in ``connector.record.message_types``."""
    at: datetime
    """When it was sent."""
    person: Identity
    """The customer: who sent it, or to whom we did."""
    field: str = "messages"
    backfill: bool = False
    """History: older than any live event may be, and in no hurry."""

    @property
    def about(self) -> str:
        """Return the message's own wamid."""
        return self.wamid


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """How far an outbound message has come."""

    phone_number_id: str | None
    about: str
    status: str
    at: datetime
    person: Identity
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Parts of the message's content: ``failure``, ``pricing``."""
    participant: str | None = None
    """Who in a group it is about: a user id or phone."""
    field: str = "messages"
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class EditEvent:
    """The words of a message were changed by whoever wrote it."""

    phone_number_id: str | None
    about: str
    direction: Direction
    content: Mapping[str, Any]
    at: datetime
    person: Identity
    field: str = "messages"
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class RevokeEvent:
    """A message was deleted for everybody by whoever wrote it."""

    phone_number_id: str | None
    about: str
    direction: Direction
    at: datetime
    person: Identity
    field: str = "messages"
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class ReactionEvent:
    """What a reaction does to the message it belongs to; it is a message of its own as well."""

    phone_number_id: str | None
    about: str
    direction: Direction
    emoji: str | None
    """``None`` where the reaction was taken back."""
    at: datetime
    person: Identity
    in_group: bool = False
    field: str = "messages"
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """WhatsApp says that identifiers are one person's: a changed phone or user id."""

    phone_number_id: str | None
    at: datetime
    person: Identity
    """As the person is known from now on."""
    former_user_ids: tuple[str, ...] = ()
    former_wa_ids: tuple[str, ...] = ()
    field: str = "messages"

    @property
    def about(self) -> None:
        """Return ``None``: this adds to no message."""


@dataclass(frozen=True, slots=True)
class LearnEvent:
    """Something about a person that comes without a message."""

    phone_number_id: str | None
    at: datetime
    person: Identity
    book_name: str | None = None
    """The name in the business phone's address book."""
    in_book: bool | None = None
    """Whether the address book has the person now; ``None`` where the event says nothing of it."""
    marketing: bool | None = None
    """Whether the person wants marketing; ``None`` where the event says nothing of it."""
    field: str = "messages"

    @property
    def about(self) -> None:
        """Return ``None``: this adds to no message."""


@dataclass(frozen=True, slots=True)
class NoticeEvent:
    """Something that WhatsApp says of an account, a number or a template of ours."""

    field: str
    subject: str
    """What it is about: a number, an account, a template. Ours, never a customer's."""
    word: str
    """What happened, in WhatsApp's own word, such as ``DISABLED_UPDATE``."""
    level: NoticeLevel
    at: datetime | None
    """``None`` where the webhook names no time: then it is when we received it."""
    waba_id: str | None = None
    phone_number_id: str | None = None
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)


MessagePart = MessageEvent | StatusEvent | EditEvent | RevokeEvent | ReactionEvent
"""Events that add to a message."""
Event = MessagePart | LinkEvent | LearnEvent
"""Events about customers; notices are about ourselves."""


@dataclass(slots=True)
class Parsed:
    """One webhook's events and leavings, in the order in which they stood."""

    events: list[Event] = dataclasses.field(default_factory=list)
    notices: list[NoticeEvent] = dataclasses.field(default_factory=list)
    kept: list[Kept] = dataclasses.field(default_factory=list)
    error: str | None = None
    """Why the body as a whole could not be read; then there are no events."""

    def keep(self, reason: KeptReason, field_: str, path: str) -> None:
        """Note an element that became no event."""
        self.kept.append(Kept(reason, field_, path))
