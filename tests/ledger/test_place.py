"""The files of an open ledger, which somebody moves, replaces or deletes."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.ledger.ledger import Ledger
from connector.ledger.place import LedgerPlace


@dataclass
class HandClock:
    """A clock whose seconds since boot are moved by hand."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot(self) -> float:
        return self.seconds


def _move(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def _replace(path: Path) -> None:
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    copy.rename(path)


def _delete_the_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


@pytest.mark.parametrize("harm", [_move, _replace, Path.unlink, _delete_the_log])
def test_a_file_that_is_not_in_its_place_any_more_is_noticed(
    sqlite_ledger: Ledger, harm: Callable[[Path], None]
) -> None:
    clock = HandClock()
    assert len(sqlite_ledger.key) == 32  # a write, so that there is a log
    place = LedgerPlace(sqlite_ledger.engine.url, clock=clock)
    assert place.kept

    harm(Path(str(sqlite_ledger.engine.url.database)))
    clock.seconds += 0.9
    assert place.kept, "looked at once a second"

    clock.seconds += 0.1
    assert not place.kept


def test_a_file_that_comes_back_is_in_its_place_again(sqlite_ledger: Ledger) -> None:
    clock = HandClock()
    path = Path(str(sqlite_ledger.engine.url.database))
    place = LedgerPlace(sqlite_ledger.engine.url, clock=clock)
    path.rename(path.with_name("elsewhere.db"))
    assert not place.kept

    path.with_name("elsewhere.db").rename(path)
    clock.seconds += 1
    assert place.kept


def test_a_server_and_a_ledger_in_memory_have_no_place() -> None:
    assert LedgerPlace("postgresql+psycopg://localhost/connector").kept
    assert LedgerPlace("sqlite://").kept
