"""Records, links and unique values of one portal, in SQLite.

Every call of the API is one transaction, so a refused call leaves nothing behind. ``object.old`` is
what a search still sees of a record until ``indexed_at``. ``moved`` keeps the ids that merges
retired; ``claim`` holds the unique values; ``term`` the values by which searches find candidates,
which may be out of date and are checked against the record.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from connector.sandbox.database import Database

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS object (
  id INTEGER PRIMARY KEY, type TEXT NOT NULL, properties TEXT NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, archived INTEGER NOT NULL DEFAULT 0,
  indexed_at INTEGER NOT NULL, old TEXT);
CREATE INDEX IF NOT EXISTS object_updated ON object (type, updated);
CREATE TABLE IF NOT EXISTS moved (old INTEGER PRIMARY KEY, new INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS claim (
  type TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, object INTEGER NOT NULL,
  PRIMARY KEY (type, name, value)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claim_object ON claim (object);
CREATE TABLE IF NOT EXISTS term (
  name TEXT NOT NULL, value TEXT NOT NULL, object INTEGER NOT NULL,
  PRIMARY KEY (name, value, object)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS link (
  start INTEGER NOT NULL, end_type TEXT NOT NULL, end INTEGER NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (start, end_type, end, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS link_end ON link (end);
CREATE TABLE IF NOT EXISTS definition (
  type TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, archived INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (type, name));
CREATE TABLE IF NOT EXISTS property_group (
  type TEXT NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL, PRIMARY KEY (type, name));
CREATE TABLE IF NOT EXISTS token (
  token TEXT PRIMARY KEY, app TEXT NOT NULL, scopes TEXT, expires_at REAL, oauth INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS oauth_app (
  refresh_token TEXT PRIMARY KEY, client_id TEXT NOT NULL, client_secret TEXT NOT NULL,
  scopes TEXT);
"""

_FIRST_ID: Final = 33_451

SEARCHED: Final = frozenset(
    {
        "hs_searchable_calculated_phone_number",
        "hs_searchable_calculated_mobile_number",
        "hs_searchable_calculated_international_phone_number",
        "hs_searchable_calculated_international_mobile_number",
        "email",
    }
)
"""Properties with a term each; unique ones are found by their claims."""


@dataclass(slots=True)
class Stored:
    """One live record. Times are epoch milliseconds."""

    id: int
    type: str
    properties: dict[str, str]
    created: int
    updated: int


class Link(NamedTuple):
    """One direction of a link between two records."""

    start: int
    end_type: str
    end: int
    number: int


class Claim(NamedTuple):
    """A unique value and who holds it. Values are compared without regard to case."""

    name: str
    value: str
    object: int


class Store(Database):
    """The records of one portal."""

    def __init__(self, path: str = ":memory:") -> None:
        super().__init__(path, _SCHEMA)
        highest = self.connection.execute("SELECT max(id) FROM object").fetchone()[0]
        self._next_id = _FIRST_ID if highest is None else highest + 1

    def take_id(self) -> int:
        """Return an id no record ever had. A rolled back one is not used again."""
        taken = self._next_id
        self._next_id += 1
        return taken

    def resolve(self, ids: Iterable[int]) -> dict[int, int]:
        """Return, for each id, the one under which the record lives after merges."""
        wanted = list(ids)
        rows = self.connection.execute(
            "SELECT old, new FROM moved WHERE old IN (SELECT value FROM json_each(?))",
            (json.dumps(wanted),),
        )
        moved: dict[int, int] = dict(rows.fetchall())
        return {each: moved.get(each, each) for each in wanted}

    def load(self, kind: str, ids: Iterable[int]) -> dict[int, Stored]:
        """Return the live records by the id that was asked, which a merge may have retired."""
        current = self.resolve(ids)
        rows = self.connection.execute(
            "SELECT id, type, properties, created, updated FROM object"
            " WHERE id IN (SELECT value FROM json_each(?)) AND type = ? AND archived = 0",
            (json.dumps(list(set(current.values()))), kind),
        )
        found = {row[0]: _stored(row) for row in rows}
        return {asked: found[new] for asked, new in current.items() if new in found}

    def owners(self, kind: str, name: str, values: Iterable[str]) -> dict[str, int]:
        """Return who holds which unique value, by the value in lower case."""
        wanted = json.dumps([value.lower() for value in values])
        rows = self.connection.execute(
            "SELECT value, object FROM claim WHERE type = ? AND name = ?"
            " AND value IN (SELECT value FROM json_each(?))",
            (kind, name, wanted),
        )
        return dict(rows.fetchall())

    def insert(self, records: Sequence[Stored], indexed_at: int) -> None:
        """Add records."""
        self.connection.executemany(
            "INSERT INTO object (id, type, properties, created, updated, indexed_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                (each.id, each.type, _dump(each.properties), each.created, each.updated, indexed_at)
                for each in records
            ],
        )

    def update(self, records: Sequence[Stored], now: int, indexed_at: int) -> None:
        """Replace what records hold; a search sees the former until ``indexed_at``."""
        self.connection.executemany(
            "UPDATE object SET old = CASE WHEN indexed_at <= ?1 THEN properties ELSE old END,"
            " properties = ?2, updated = ?3, indexed_at = ?4 WHERE id = ?5",
            [(now, _dump(each.properties), each.updated, indexed_at, each.id) for each in records],
        )

    def archive(self, ids: Iterable[int], now: int, indexed_at: int) -> None:
        """Take records away: links, unique values, and with the lag their place in searches."""
        gone = json.dumps(list(ids))
        self.connection.execute(
            "UPDATE object SET old = CASE WHEN indexed_at <= ?1 THEN properties ELSE old END,"
            " archived = 1, updated = ?1, indexed_at = ?2"
            " WHERE id IN (SELECT value FROM json_each(?3)) AND archived = 0",
            (now, indexed_at, gone),
        )
        for statement in (
            "DELETE FROM claim WHERE object IN (SELECT value FROM json_each(?))",
            "DELETE FROM link WHERE start IN (SELECT value FROM json_each(?))",
            "DELETE FROM link WHERE end IN (SELECT value FROM json_each(?))",
        ):
            self.connection.execute(statement, (gone,))

    def forget(self, ids: Iterable[int]) -> None:
        """Leave nothing of archived records but their ids."""
        self.connection.execute(
            "UPDATE object SET properties = '{}', old = NULL"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )

    def touch(self, ids: Iterable[int], now: int) -> None:
        """Note that records changed without a property of theirs changing."""
        self.connection.execute(
            "UPDATE object SET updated = ? WHERE id IN (SELECT value FROM json_each(?))",
            (now, json.dumps(list(ids))),
        )

    def claim(self, kind: str, claims: Iterable[Claim]) -> None:
        """Give unique values to records, which must be free or theirs already."""
        self.connection.executemany(
            "INSERT INTO claim (type, name, value, object) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (type, name, value) DO UPDATE SET object = excluded.object",
            [(kind, each.name, each.value.lower(), each.object) for each in claims],
        )

    def release(self, kind: str, claims: Iterable[Claim]) -> None:
        """Free unique values."""
        self.connection.executemany(
            "DELETE FROM claim WHERE type = ? AND name = ? AND value = ? AND object = ?",
            [(kind, each.name, each.value.lower(), each.object) for each in claims],
        )

    def index(self, terms: Iterable[Claim]) -> None:
        """Let searches find records by these values."""
        self.connection.executemany(
            "INSERT OR IGNORE INTO term (name, value, object) VALUES (?, ?, ?)",
            [(each.name, each.value.lower(), each.object) for each in terms],
        )

    def link(self, links: Iterable[Link]) -> None:
        """Add links; one that exists already stays as it is."""
        self.connection.executemany("INSERT OR IGNORE INTO link VALUES (?, ?, ?, ?)", links)

    def unlink(self, links: Iterable[Link]) -> None:
        """Remove links."""
        self.connection.executemany(
            "DELETE FROM link WHERE start = ? AND end_type = ? AND end = ? AND number = ?", links
        )

    def links(self, starts: Iterable[int], end_type: str) -> dict[int, list[Link]]:
        """Return the links from records to one kind, by start, in order of their ends."""
        rows = self.connection.execute(
            "SELECT start, end_type, end, number FROM link"
            " WHERE start IN (SELECT value FROM json_each(?)) AND end_type = ?"
            " ORDER BY start, end",
            (json.dumps(list(starts)), end_type),
        )
        found: dict[int, list[Link]] = {}
        for row in rows:
            link = Link(*row)
            found.setdefault(link.start, []).append(link)
        return found

    def live(self, kind: str, after: int = 0, limit: int = -1) -> list[Stored]:
        """Return live records in order of their ids, those beyond ``after``; -1 means all."""
        rows = self.connection.execute(
            "SELECT id, type, properties, created, updated FROM object"
            " WHERE type = ? AND archived = 0 AND id > ? ORDER BY id LIMIT ?",
            (kind, after, limit),
        )
        return [_stored(row) for row in rows]

    def counts(self) -> Mapping[str, int]:
        """Return how many live records there are of each kind."""
        rows = self.connection.execute(
            "SELECT type, count(*) FROM object WHERE archived = 0 GROUP BY type"
        )
        return dict(rows.fetchall())

    def clear(self) -> None:
        """Forget every record and link; definitions and tokens stay."""
        for table in ("object", "moved", "claim", "term", "link"):
            self.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above


def _dump(properties: Mapping[str, str]) -> str:
    return json.dumps(properties, ensure_ascii=False, separators=(",", ":"))


def _stored(row: tuple[int, str, str, int, int]) -> Stored:
    return Stored(row[0], row[1], json.loads(row[2]), row[3], row[4])
