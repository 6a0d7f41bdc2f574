"""Records of one account, in SQLite. Every call is one transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.sandbox.database import Database

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS record (
  kind TEXT NOT NULL, id INTEGER NOT NULL, ref TEXT, contact INTEGER, digits TEXT,
  fields TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, gone INTEGER NOT NULL
  DEFAULT 0, moved_to INTEGER, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_ref ON record (kind, ref);
CREATE INDEX IF NOT EXISTS record_contact ON record (kind, contact);
CREATE INDEX IF NOT EXISTS record_updated ON record (kind, updated);
CREATE TABLE IF NOT EXISTS remembered (
  key TEXT PRIMARY KEY, body TEXT NOT NULL, status INTEGER NOT NULL, answer TEXT NOT NULL,
  at REAL NOT NULL);
"""
_COLUMNS: Final = "kind, id, ref, contact, digits, fields, created, updated, gone, moved_to"


@dataclass(slots=True)
class Stored:
    """One record. Times are epoch seconds."""

    kind: str
    id: int
    ref: str | None
    contact: int | None
    digits: str | None
    """Of the phone, for searches."""
    fields: dict[str, Any]
    created: float
    updated: float
    gone: bool = False
    moved_to: int | None = None


class Store(Database):
    """The records of one account."""

    def __init__(self, path: str = ":memory:") -> None:
        super().__init__(path, _SCHEMA)
        rows = self.connection.execute("SELECT kind, max(id) FROM record GROUP BY kind")
        self._highest: dict[str, int] = dict(rows.fetchall())

    def take_id(self, kind: str) -> int:
        """Return an id that no record of this kind ever had."""
        self._highest[kind] = self._highest.get(kind, 1000) + 1
        return self._highest[kind]

    def save(self, record: Stored) -> None:
        """Add a record, or replace what is known of it."""
        self.connection.execute(
            f"INSERT OR REPLACE INTO record ({_COLUMNS})"  # noqa: S608 - ours
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(record.kind, record.id, record.ref, record.contact, record.digits),
                json.dumps(record.fields, ensure_ascii=False),
                *(record.created, record.updated, record.gone, record.moved_to),
            ),
        )

    def load(self, kind: str, number: int) -> Stored | None:
        """Return a record, gone or not."""
        found = self._select("kind = ? AND id = ?", (kind, number))
        return found[0] if found else None

    def live(
        self, kind: str, where: str = "1", values: Sequence[Any] = (), *, limit: int = -1
    ) -> list[Stored]:
        """Return the live records that fit a condition, oldest change first."""
        return self._select(
            f"kind = ? AND gone = 0 AND {where} ORDER BY updated, id LIMIT ?",
            (kind, *values, limit),
        )

    def counts(self) -> dict[str, int]:
        """Return how many live records there are of each kind."""
        rows = self.connection.execute(
            "SELECT kind, count(*) FROM record WHERE gone = 0 GROUP BY kind"
        )
        return dict(rows.fetchall())

    def clear(self) -> None:
        """Forget every record and answer."""
        self.connection.execute("DELETE FROM record")
        self.connection.execute("DELETE FROM remembered")

    def remembered(self, key: str, since: float) -> tuple[str, int, str] | None:
        """Return body, status and answer of an earlier call with this idempotency key."""
        found: tuple[str, int, str] | None = self.connection.execute(
            "SELECT body, status, answer FROM remembered WHERE key = ? AND at > ?", (key, since)
        ).fetchone()
        return found

    def remember(self, key: str, body: str, status: int, answer: str, at: float) -> None:
        """Keep an answer by its idempotency key."""
        self.connection.execute(
            "INSERT OR REPLACE INTO remembered VALUES (?, ?, ?, ?, ?)",
            (key, body, status, answer, at),
        )

    def _select(self, where: str, values: Sequence[Any]) -> list[Stored]:
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM record WHERE {where}",  # noqa: S608 - conditions are ours
            tuple(values),
        )
        return [_stored(row) for row in rows]


def _stored(row: Sequence[Any]) -> Stored:
    return Stored(
        kind=row[0],
        id=row[1],
        ref=row[2],
        contact=row[3],
        digits=row[4],
        fields=json.loads(row[5]),
        created=row[6],
        updated=row[7],
        gone=bool(row[8]),
        moved_to=row[9],
    )
