"""The room on the ledger's disk, and the ledger's own size."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from connector.ledger.ledger import Ledger
from connector.ledger.space import DiskSpace, measure_ledger


@dataclass
class HandClock:
    """A clock whose seconds since boot are moved by hand."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot(self) -> float:
        return self.seconds


def test_there_is_room_while_more_than_the_minimum_is_free(sqlite_ledger: Ledger) -> None:
    space = DiskSpace(sqlite_ledger.engine.url, min_free=1)

    assert space.enough
    assert space.free_bytes is not None
    assert space.free_bytes > 0


def test_there_is_no_room_with_less_than_the_minimum(sqlite_ledger: Ledger) -> None:
    assert not DiskSpace(sqlite_ledger.engine.url, min_free=1 << 62).enough


def test_there_is_no_room_with_less_than_twice_the_write_ahead_log(tmp_path: Path) -> None:
    with (tmp_path / "ledger.db-wal").open("wb") as file:
        os.truncate(file.fileno(), 1 << 42)  # sparse: it takes no room itself

    assert not DiskSpace(f"sqlite:///{tmp_path}/ledger.db", min_free=1).enough


def test_the_disk_is_looked_at_once_a_second_at_most(tmp_path: Path) -> None:
    clock = HandClock()
    folder = tmp_path / "ledger"
    folder.mkdir()
    space = DiskSpace(f"sqlite:///{folder}/ledger.db", min_free=1, clock=clock)
    assert space.enough
    folder.rmdir()

    clock.seconds += 0.9
    assert space.enough

    clock.seconds += 0.1
    assert not space.enough
    assert space.free_bytes is None


def test_the_disk_of_a_server_is_not_ours_to_watch() -> None:
    space = DiskSpace("postgresql+psycopg://localhost/connector", min_free=1 << 62)

    assert space.enough
    assert space.free_bytes is None


def test_the_size_of_a_ledger_grows_with_what_is_in_it(ledger: Ledger) -> None:
    def fill(connection: Connection) -> None:
        connection.execute(
            text(
                "INSERT INTO run (job, actor, state, started_at, error) VALUES (:j, '', :s, :t, :e)"
            ),
            {
                "j": "test",
                "s": "done",
                "t": 0 if ledger.dialect == "sqlite" else datetime.now(UTC),
                "e": os.urandom(500_000).hex(),
            },
        )

    before = ledger.query(measure_ledger)
    ledger.transact(fill)
    after = ledger.query(measure_ledger)

    assert before.database > 0
    assert after.database + after.wal >= before.database + before.wal + 500_000
