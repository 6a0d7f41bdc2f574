"""A WhatsApp message, as the ledger holds one, and the order of its statuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

Direction = Literal["in", "out"]

UNSEEN: Final = "unseen"
"""The kind of a message of which only statuses have come: kept, but not counted or delivered."""

STATUS_RANK: Final[Mapping[str, int]] = {
    "sent": 1,
    "failed": 2,
    "delivered": 3,
    "read": 4,
    "played": 5,
}
"""How far a status says a message has come. ``failed`` yields only to proof of delivery, and
``sent`` that arrives late does not undo it. A status not listed here ranks 0."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``content`` is what ``record`` understood of it; its keys are listed there."""

    id: int
    wamid: str | None
    """WhatsApp's id; holds the phone, so it never leaves for logs. ``None`` once erased."""
    wamid_hash: str
    number: str
    """The operator's name for our number."""
    contact_id: int
    conversation: str
    direction: Direction
    kind: str
    """WhatsApp's message type: ``text``, ``image`` ..."""
    content: Mapping[str, Any]
    sent_at: datetime
    status: str | None = None
    status_at: datetime | None = None
    deleted_at: datetime | None = None
    purged: bool = False
    """Whether its content was dropped for its age: what a CRM holds of it stays as it is."""


def advances(status: str, *, over: str | None) -> bool:
    """Say whether a status moves a message forward from the one it has."""
    return over is None or STATUS_RANK.get(status, 0) > STATUS_RANK.get(over, 0)
