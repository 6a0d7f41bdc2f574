"""A clock and rows that tests of the watch move by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from connector.ledger import schema
from connector.ledger.ledger import Ledger

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def boot(self) -> float:
        return self.moment.timestamp()

    def move(self, **by: float) -> None:
        self.moment += timedelta(**by)


Look = Callable[[], set[tuple[str, str | None]]]
"""Looks once and returns what fires."""


def make_due(ledger: Ledger, moment: datetime) -> None:
    """Make every lane due at a moment."""
    with ledger.engine.begin() as connection:
        connection.execute(update(schema.lane).values(due_at=moment))
