"""UPDATE of many rows, each with values of its own, in a few statements.

Not ``executemany``: on SQLite that gives up the interpreter lock at every row and, beside a busy
event loop, waits for it again each time.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    LargeBinary,
    Table,
    and_,
    cast,
    column,
    update,
    values,
)

_SIZES: Final = (256, 64, 16, 4, 1)
"""Rows of one statement. Only these, so that the database meets the same few texts again."""


def update_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str] = ("id",),
) -> None:
    """Set the other columns of each row where the ``keys`` fit. All rows name the same columns."""
    if not rows:
        return
    names = tuple(rows[0])
    for part in _slices(rows):
        statement = _statement(connection.dialect, table, names, tuple(keys), len(part))
        statement.run(connection, part)


def _slices(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    start = 0
    for size in _SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


class _Statement:
    """An UPDATE from a list of values, compiled once for a number of rows."""

    def __init__(
        self, dialect: Dialect, table: Table, names: Sequence[str], keys: Sequence[str], rows: int
    ) -> None:
        columns = [table.c[name] for name in names]
        given = (
            values(*[column(c.name, c.type) for c in columns], name="given")
            .data([(0,) * len(columns)] * rows)
            .cte("given")
        )
        compiled = (
            update(table)
            .where(and_(*[table.c[key] == given.c[key] for key in keys]))
            .values({name: _typed(given.c[name]) for name in names if name not in keys})
            .compile(dialect=dialect)
        )
        self._text = str(compiled)
        self._names = names
        self._binds = None if dialect.positional else list(compiled.bind_names.values())
        self._processors = [c.type.dialect_impl(dialect).bind_processor(dialect) for c in columns]

    def run(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Carry it out with these rows."""
        flat = [
            process(row[name]) if process else row[name]
            for row in rows
            for name, process in zip(self._names, self._processors, strict=True)
        ]
        connection.exec_driver_sql(
            self._text,
            tuple(flat) if self._binds is None else dict(zip(self._binds, flat, strict=True)),
        )


def _typed(given: ColumnElement[Any]) -> ColumnElement[Any]:
    """Tell PostgreSQL the type of bytes: a list of nothing but NULLs is text to it."""
    return cast(given, given.type) if isinstance(given.type, LargeBinary) else given


@functools.lru_cache(maxsize=256)
def _statement(
    dialect: Dialect, table: Table, names: tuple[str, ...], keys: tuple[str, ...], rows: int
) -> _Statement:
    return _Statement(dialect, table, names, keys, rows)
