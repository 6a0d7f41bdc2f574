"""Connections to PostgreSQL kept for single statements: each is its own transaction.

A pool asks the server whether a connection is alive whenever it lends one: a round trip before
each commit of the intake. One that is kept is found out to be dead by the statement itself.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")


class KeptConnections:
    """One connection for each thread that asks, made by the engine and apart from its pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mine = threading.local()
        self._all: set[psycopg.Connection] = set()

    def run(self, work: Callable[[psycopg.Connection], T]) -> T:
        """Run ``work``, which executes one statement that may be executed twice.

        After an error its connection is not used again: it may have died, or the server may have
        become one that only reads. What died before the answer came is tried once more.
        """
        connection = self._connection()
        try:
            with _errors():
                return work(connection)
        except DBAPIError:
            died = connection.closed
            self._drop(connection)
            if not died:
                raise
        connection = self._connection()
        try:
            with _errors():
                return work(connection)
        except DBAPIError:
            self._drop(connection)
            raise

    def close(self) -> None:
        """Close all of them; no thread may be using one."""
        for connection in list(self._all):
            self._drop(connection)

    def _connection(self) -> psycopg.Connection:
        found: psycopg.Connection | None = getattr(self._mine, "connection", None)
        if found is None or found.closed:
            with _errors():
                lent = self._engine.raw_connection()
                found = cast("psycopg.Connection", lent.driver_connection)
                lent.detach()  # it is ours to close
                found.autocommit = True
            self._mine.connection = found
            self._all.add(found)
        return found

    def _drop(self, connection: psycopg.Connection) -> None:
        self._all.discard(connection)
        connection.close()


@contextmanager
def _errors() -> Iterator[None]:
    """Let errors of the driver look as they do where SQLAlchemy spoke to it."""
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError.instance("", None, error, psycopg.Error, hide_parameters=True) from error
