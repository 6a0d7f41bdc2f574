"""Messages, read and written for a whole batch in a handful of statements.

A status may come before its message, and the message may never come: software that sends through
the API makes statuses and nothing else. What is known of such a message is kept as a row of the
kind ``unseen`` (``content`` holds the parts the status brought). It has no delivery, is counted
nowhere as a message and shown nowhere; when the message itself arrives, the row is filled and
becomes one like any other. A table of statuses that wait would have to be joined at every message;
this costs a look-up that is made anyway.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from connector.ledger.contacts import RaceLostError
from connector.ledger.insertion import insert_new
from connector.ledger.schema import message
from connector.ledger.updates import update_rows
from connector.model.message import UNSEEN, Direction

_STORED: Final = (
    "webhook_id",
    "wamid",
    "number",
    "contact_id",
    "conversation",
    "direction",
    "kind",
    "content",
    "sent_at",
    "status",
    "status_at",
    "deleted_at",
)


@dataclass(slots=True, eq=False)
class MessageRow:
    """A message as the ledger has it and as it becomes."""

    wamid_hash: str
    wamid: str | None
    """``None`` where the person was erased: the row only remembers not to come back."""
    number: str
    contact_id: int
    conversation: str
    direction: Direction
    sent_at: datetime
    kind: str = UNSEEN
    content: Mapping[str, Any] | None = None
    id: int | None = None
    """``None`` until it is stored."""
    webhook_id: int | None = None
    status: str | None = None
    status_at: datetime | None = None
    deleted_at: datetime | None = None
    purged_at: datetime | None = None
    changed: set[str] = field(default_factory=set)
    """Attributes that differ from what is stored."""
    changes: int = 0
    """How often an attribute has changed: tells whether an event said anything new."""

    def set(self, name: str, value: Any) -> None:
        """Give an attribute a value, noting whether that changes it."""
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.changed.add(name)
            self.changes += 1

    @property
    def seen(self) -> bool:
        """Whether the message itself has arrived."""
        return self.kind != UNSEEN

    @property
    def erased(self) -> bool:
        """Whether nothing may be added any more."""
        return self.wamid is None


_READ: Final = ("id", "wamid_hash", *_STORED, "purged_at")


def find_messages(connection: Connection, hashes: Collection[str]) -> dict[str, MessageRow]:
    """Return the messages of these ``wamid_hash`` that there are, locked, by hash."""
    if not hashes:
        return {}
    rows = connection.execute(
        select(*(message.c[name] for name in _READ))
        .where(message.c.wamid_hash.in_(sorted(hashes)))
        .order_by(message.c.id)
        .with_for_update(key_share=True)
    )
    return {row.wamid_hash: MessageRow(**row._mapping) for row in rows}  # noqa: SLF001 - its public name


def store_messages(connection: Connection, rows: Sequence[MessageRow]) -> None:
    """Write down messages as they have become; new ones get their ``id``.

    Raises ``RaceLostError`` if another process stored one of the new ones first.
    """
    new = sorted((row for row in rows if row.id is None), key=lambda row: row.wamid_hash)
    made = insert_new(
        connection,
        message,
        [
            {"wamid_hash": row.wamid_hash, **{name: getattr(row, name) for name in _STORED}}
            for row in new
        ],
        returning=[message.c.id, message.c.wamid_hash],
    )
    if len(made) < len(new):
        raise RaceLostError("another process stored one of these messages first")
    ids = {row.wamid_hash: row.id for row in made}
    _update_messages(connection, [row for row in rows if row.id is not None and row.changed])
    for row in new:
        row.id = ids[row.wamid_hash]


def _update_messages(connection: Connection, rows: Sequence[MessageRow]) -> None:
    """Write down what changed, the rows that changed alike together: most change in status only."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row.id or 0):
        names = tuple(sorted(row.changed))
        alike.setdefault(names, []).append(
            {"id": row.id, **{name: getattr(row, name) for name in names}}
        )
    for names in sorted(alike):
        update_rows(connection, message, alike[names])
