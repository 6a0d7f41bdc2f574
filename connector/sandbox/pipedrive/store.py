"""Records of one company, in SQLite.

Every call of the API is one transaction, so a refused call leaves nothing behind. ``term`` holds
what searches find, from ``seen_from`` until ``seen_until``: a search lags behind what is written.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from connector.sandbox.database import Database

Json = dict[str, Any]
SortField = Literal["id", "update_time", "add_time", "due_date"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS record (
  kind TEXT NOT NULL, id INTEGER NOT NULL, body TEXT NOT NULL, person INTEGER,
  added INTEGER NOT NULL, updated INTEGER NOT NULL, due TEXT NOT NULL DEFAULT '',
  gone TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_updated ON record (kind, updated);
CREATE INDEX IF NOT EXISTS record_person ON record (kind, person);
CREATE TABLE IF NOT EXISTS term (
  person INTEGER NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, digits TEXT NOT NULL,
  seen_from INTEGER NOT NULL, seen_until INTEGER);
CREATE INDEX IF NOT EXISTS term_person ON term (person);
CREATE INDEX IF NOT EXISTS term_value ON term (field, value);
"""

_COLUMNS: Final = "id, kind, body, person, added, updated, due, gone"
_SORTED_BY: Final[Mapping[SortField, str]] = {
    "id": "id",
    "update_time": "updated",
    "add_time": "added",
    "due_date": "due",
}


@dataclass(slots=True)
class Stored:
    """One record. Times are epoch seconds, as coarse as the API tells them."""

    id: int
    kind: str
    body: Json
    person: int | None
    added: int
    updated: int
    due: str = ""
    gone: str | None = None
    """``deleted``, ``merged`` or, for a person, the id it was merged into."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of a list starts: at the record with this value and id."""

    value: int | str
    id: int


@dataclass(frozen=True, slots=True)
class Query:
    """Which live records a list asks for, and in which order."""

    ids: Sequence[int] | None = None
    person: int | None = None
    updated_since: int | None = None
    updated_until: int | None = None
    matches: Mapping[str, Any] | None = None
    """Values of the body."""
    sort_by: SortField = "id"
    descending: bool = False
    start: Position | None = None


class Store(Database):
    """The records of one company."""

    def __init__(self, path: str = ":memory:") -> None:
        super().__init__(path, _SCHEMA)
        rows = self.connection.execute("SELECT kind, max(id) FROM record GROUP BY kind")
        self._highest: dict[str, int] = dict(rows.fetchall())

    def take_id(self, kind: str) -> int:
        """Return the next id of a kind: ids start at 1 in every company. None is used twice."""
        self._highest[kind] = self._highest.get(kind, 0) + 1
        return self._highest[kind]

    def insert(self, records: Iterable[Stored]) -> None:
        """Add records."""
        self.connection.executemany(
            f"INSERT INTO record ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - ours
            [
                (r.id, r.kind, _dump(r.body), r.person, r.added, r.updated, r.due, r.gone)
                for r in records
            ],
        )

    def update(self, record: Stored) -> None:
        """Replace what a record holds."""
        self.connection.execute(
            "UPDATE record SET body = ?, person = ?, updated = ?, due = ?, gone = ?"
            " WHERE kind = ? AND id = ?",
            (
                *(_dump(record.body), record.person, record.updated, record.due, record.gone),
                *(record.kind, record.id),
            ),
        )

    def load(self, kind: str, number: int) -> Stored | None:
        """Return a record, gone or not."""
        row = self.connection.execute(
            f"SELECT {_COLUMNS} FROM record WHERE kind = ? AND id = ?",  # noqa: S608 - ours
            (kind, number),
        ).fetchone()
        return None if row is None else _stored(row)

    def live(self, kind: str, query: Query, limit: int = -1) -> list[Stored]:
        """Return live records in the order asked for; -1 means all."""
        where = ["kind = ?", "gone IS NULL"]
        values: list[Any] = [kind]
        order = _SORTED_BY[query.sort_by]
        for condition, value in (
            ("person = ?", query.person),
            ("updated >= ?", query.updated_since),
            ("updated < ?", query.updated_until),
        ):
            if value is not None:
                where.append(condition)
                values.append(value)
        if query.ids is not None:
            where.append("id IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(query.ids)))
        for name, value in (query.matches or {}).items():
            where.append("json_extract(body, ?) = ?")
            values += [f"$.{name}", value]
        sign, direction = ("<", "DESC") if query.descending else (">", "ASC")
        if query.start is not None:
            where.append(f"({order}, id) {sign}= (?, ?)")
            values += [query.start.value, query.start.id]
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM record WHERE {' AND '.join(where)}"  # noqa: S608 - ours
            f" ORDER BY {order} {direction}, id {direction} LIMIT ?",
            (*values, limit),
        )
        return [_stored(row) for row in rows]

    def move(self, old: int, new: int, now: int) -> None:
        """Give everything of one person to another."""
        for record in [
            each
            for kind in ("activities", "notes", "deals")
            for each in self.live(kind, Query(person=old))
        ]:
            record.person, record.updated = new, now
            for participant in record.body.get("participants", ()):
                if participant["person_id"] == old:
                    participant["person_id"] = new
            self.update(record)

    def index(
        self, person: int, terms: Iterable[tuple[str, str, str]], now: int, visible_at: int
    ) -> None:
        """Let searches find a person by these (field, value, digits) from ``visible_at`` on.

        Until then they find what they found before. Times are epoch milliseconds.
        """
        self.connection.execute(
            "DELETE FROM term WHERE person = ? AND (seen_from > ? OR seen_until <= ?)",
            (person, now, now),
        )
        self.connection.execute(
            "UPDATE term SET seen_until = ? WHERE person = ?", (visible_at, person)
        )
        self.connection.executemany(
            "INSERT INTO term (person, field, value, digits, seen_from) VALUES (?, ?, ?, ?, ?)",
            [(person, *term, visible_at) for term in terms],
        )

    def index_all(self) -> None:
        """Let searches see everything as it is."""
        self.connection.execute("DELETE FROM term WHERE seen_until IS NOT NULL")
        self.connection.execute("UPDATE term SET seen_from = 0")

    def search_digits(self, digits: str, now: int) -> list[int]:
        """Return the persons one of whose phones holds these digits, as searches see them."""
        return self._search("field = 'phone' AND digits LIKE ?", (f"%{digits}%",), now)

    def search_value(self, field: str, value: str, now: int) -> list[int]:
        """Return the persons one of whose values of a field is exactly this."""
        return self._search("field = ? AND value = ?", (field, value), now)

    def _search(self, condition: str, values: tuple[str, ...], now: int) -> list[int]:
        rows = self.connection.execute(
            f"SELECT DISTINCT person FROM term WHERE {condition} AND seen_from <= ?"  # noqa: S608 - ours
            " AND (seen_until IS NULL OR seen_until > ?) ORDER BY person",
            (*values, now, now),
        )
        return [row[0] for row in rows]

    def counts(self) -> Mapping[str, int]:
        """Return how many live records there are of each kind."""
        rows = self.connection.execute(
            "SELECT kind, count(*) FROM record WHERE gone IS NULL GROUP BY kind"
        )
        return dict(rows.fetchall())

    def clear(self, kinds: Sequence[str]) -> None:
        """Forget every record of these kinds, and what searches know."""
        for kind in kinds:
            self.connection.execute("DELETE FROM record WHERE kind = ?", (kind,))
        self.connection.execute("DELETE FROM term")


def _dump(body: Json) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _stored(row: Sequence[Any]) -> Stored:
    return Stored(row[0], row[1], json.loads(row[2]), *row[3:])
