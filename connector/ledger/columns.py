"""What our columns hold: moments, words of our own, documents, ids."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Dialect,
    Integer,
    String,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC: ``timestamptz`` on PostgreSQL, microseconds since 1970 on SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the database at hand."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a naive time rather than guess its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was given to the ledger")
        if dialect.name == "postgresql":
            return value
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return an aware time in UTC."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            aware: datetime = value.astimezone(UTC)
            return aware
        return _EPOCH + timedelta(microseconds=value)


class Word(TypeDecorator[str]):
    """One of our own few words, which a comparison spells out instead of binding it.

    SQLite decides on a plan before it sees parameters: with ``state IN (?, ?)`` no partial index
    fits, and a claim among a million deliveries read them all. PostgreSQL's generic plans do the
    same. What is stored is bound as ever.
    """

    impl = String
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[str]):
        """Spells out the words it is compared with."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            """Compare as ever, with the words in the statement itself."""
            return super().operate(op, *map(_spelt_out, other), **kwargs)

    comparator_factory = Comparator


def _spelt_out(other: Any) -> Any:
    if isinstance(other, str):
        if not other.isidentifier():
            raise ValueError("only words of our own are spelt out in a statement")
        return literal_column(f"'{other}'", String)
    if isinstance(other, list | tuple | set | frozenset):
        return [_spelt_out(word) for word in other]
    return other


Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Id = BigInteger().with_variant(Integer, "sqlite")
