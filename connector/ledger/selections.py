"""Which deliveries a person means: by time, contact and number, a slice of the table at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from connector.ledger.schema import delivery, lane, message
from connector.ledger.sweeps import HELD_COLUMNS, HELD_ROWS, Held
from connector.model.message import UNSEEN

_DAY: Final = timedelta(days=1)
FIRST: Final = datetime(2009, 1, 1, tzinfo=UTC)
"""Before any WhatsApp message."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is meant; what is ``None`` does not narrow."""

    since: datetime | None = None
    """Messages sent at or after this ..."""
    until: datetime | None = None
    """... and before this."""
    contact_id: int | None = None
    numbers: frozenset[str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "contact_id": self.contact_id,
            "numbers": None if self.numbers is None else sorted(self.numbers),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Selection":
        """Read what ``to_json`` wrote."""
        since, until, numbers = value["since"], value["until"], value["numbers"]
        return cls(
            since=datetime.fromisoformat(since) if since else None,
            until=datetime.fromisoformat(until) if until else None,
            contact_id=value["contact_id"],
            numbers=None if numbers is None else frozenset(numbers),
        )

    def takes(self, number: str, sent_at: datetime) -> bool:
        """Say whether a message is meant, as far as that shows in the message itself."""
        return (
            (self.since is None or sent_at >= self.since)
            and (self.until is None or sent_at < self.until)
            and (self.numbers is None or number in self.numbers)
        )

    def condition(self) -> ColumnElement[bool]:
        """Return what narrows deliveries. Of messages, the number is left to ``takes``."""
        parts: list[ColumnElement[bool]] = []
        if self.contact_id is not None:
            parts.append(lane.c.contact_id == self.contact_id)
        if (self.since, self.until, self.numbers) != (None, None, None):
            parts.append(
                or_(
                    and_(delivery.c.record == "contact", self._has_message()),
                    and_(delivery.c.record != "contact", *self._positions()),
                )
            )
        return and_(True, *parts)

    def _has_message(self) -> ColumnElement[bool]:
        wanted = [message.c.contact_id == lane.c.contact_id, message.c.kind != UNSEEN]
        if self.since is not None:
            wanted.append(message.c.sent_at >= self.since)
        if self.until is not None:
            wanted.append(message.c.sent_at < self.until)
        if self.numbers is not None:
            wanted.append(message.c.number.in_(sorted(self.numbers)))
        return select(message.c.id).where(*wanted).correlate(lane).exists()

    def _positions(self) -> list[ColumnElement[bool]]:
        """Narrow by the time of a message, or of the first one of a day's conversation."""
        bounds: list[ColumnElement[bool]] = []
        if self.since is not None:
            bounds.append(delivery.c.position >= _milliseconds(self.since - _DAY))
        if self.until is not None:
            bounds.append(delivery.c.position < _milliseconds(self.until))
        return bounds


def selected_deliveries(
    connection: Connection, destination: str, selection: Selection, *, after: int, upto: int
) -> list[Held]:
    """Return what is meant among the deliveries whose id is in ``(after, upto]``, by id.

    Those that are parked, skipped, erased or deleted by people are not: other commands are for
    them.
    """
    rows = connection.execute(
        select(*HELD_COLUMNS)
        .select_from(HELD_ROWS)
        .where(
            delivery.c.id > after,
            delivery.c.id <= upto,
            delivery.c.destination == destination,
            delivery.c.state.in_(("synced", "pending", "in_flight")),
            delivery.c.gone_at.is_(None),
            selection.condition(),
        )
        .order_by(delivery.c.id)
    )
    return [Held(*tuple(row)) for row in rows]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
