"""INSERT that keeps what is already there, in the words of both databases."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    returning: Sequence[Column[Any]] = (),
) -> list[Row[Any]]:
    """Insert rows, leaving out those that a unique index says exist already.

    Returns, in no order, ``returning`` (the primary key, if nothing is named) of the rows that are
    new. Asking for that also makes it one statement: ``executemany`` on SQLite gives up the
    interpreter lock at every row, which beside a busy event loop took 400 ms for 500 rows.
    """
    if not rows:
        return []
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).on_conflict_do_nothing()
    columns = returning or tuple(table.primary_key)
    return list(connection.execute(statement.returning(*columns), list(rows)))
