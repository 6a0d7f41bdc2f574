"""What parsing makes of a webhook: events that the ledger takes in, and elements kept raw.

An event names our number by WhatsApp's ``phone_number_id``; whether that number is ours is decided
when it is recorded. Times are aware and in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connector.model.identity import Identity
from connector.model.message import Direction

KeptReason = Literal["unparsable", "unknown", "unrouted"]


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


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """How far an outbound message has come."""

    phone_number_id: str | None
    wamid: str
    status: str
    at: datetime
    person: Identity
    details: Mapping[str, Any] = field(default_factory=dict)
    """Parts of the message's content: ``failure``, ``pricing``."""
    field: str = "messages"


Event = MessageEvent | StatusEvent


@dataclass(slots=True)
class Parsed:
    """One webhook's events and leavings, in the order in which they stood."""

    events: list[Event] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    error: str | None = None
    """Why the body as a whole could not be read; then there are no events."""

    def keep(self, reason: KeptReason, field_: str, path: str) -> None:
        """Note an element that became no event."""
        self.kept.append(Kept(reason, field_, path))
