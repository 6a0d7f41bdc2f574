"""Rows that ledger tests start from."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

import pytest
from sqlalchemy import event, insert

from connector.ledger.destinations import register_destinations
from connector.ledger.ledger import Ledger
from connector.ledger.schema import contact
from tests.ledger.book import Book

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.fixture
def start() -> datetime:
    """Return the moment at which these tests begin."""
    return START


@pytest.fixture
def new_contacts(ledger: Ledger) -> Callable[[int], list[int]]:
    """Return a function that makes so many contacts and a destination ``hubspot``."""

    def make(count: int) -> list[int]:
        with ledger.engine.begin() as connection:
            register_destinations(connection, {"hubspot": "hubspot"})
            rows = [{"key": f"wc_{n}", "first_seen_at": START} for n in range(count)]
            return [
                connection.execute(
                    insert(contact).values(**row).returning(contact.c.id)
                ).scalar_one()
                for row in rows
            ]

    return make


class Statements:
    """Counts what is sent to the database between two moments."""

    def __init__(self, ledger: Ledger) -> None:
        self.count = 0
        self._ledger = ledger

    def __enter__(self) -> Self:
        event.listen(self._ledger.engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._ledger.engine, "before_cursor_execute", self._note)

    def _note(self, *_: object) -> None:
        self.count += 1


@pytest.fixture
def count_statements() -> Callable[[Ledger], Statements]:
    """Return what counts the statements of a ledger inside a ``with``."""
    return Statements


@pytest.fixture
def book(ledger: Ledger, new_contacts: Callable[[int], list[int]]) -> Book:
    """Return a book of two contacts in a ledger."""
    ledger.keyed_hash("")  # reads the key, which can not be done within a transaction
    return Book(ledger, new_contacts(2))
