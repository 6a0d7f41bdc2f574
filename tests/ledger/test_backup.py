"""Copies of a SQLite ledger are whole, private and checked."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from connector.errors import LedgerError
from connector.ledger.backup import copy_ledger, find_damage


@pytest.fixture
def path(sqlite_template: bytes, tmp_path: Path) -> Path:
    """Return an empty ledger's file."""
    file = tmp_path / "ledger.db"
    file.write_bytes(sqlite_template)
    return file


def test_a_copy_holds_what_was_committed_while_somebody_else_writes(
    path: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("INSERT INTO installation (id, key) VALUES (1, x'00')")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO lease (name) VALUES ('uncommitted')")
        size = copy_ledger(path, tmp_path / "copy.db")
        writer.execute("COMMIT")
    copy = tmp_path / "copy.db"
    assert size == copy.stat().st_size
    with closing(sqlite3.connect(copy)) as reader:
        assert reader.execute("SELECT id FROM installation").fetchall() == [(1,)]
        assert reader.execute("SELECT name FROM lease").fetchall() == []


def test_only_its_owner_may_read_a_copy(path: Path, tmp_path: Path) -> None:
    copy_ledger(path, tmp_path / "copy.db")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_a_file_that_exists_is_left_as_it_is(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    with pytest.raises(LedgerError, match="exists already"):
        copy_ledger(path, copy)
    assert copy.read_text() == "mine"


def test_a_copy_that_fails_leaves_nothing(path: Path, tmp_path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(LedgerError, match=r"damaged|can not read"):
        copy_ledger(path, tmp_path / "copy.db")
    assert [found.name for found in tmp_path.iterdir() if "copy" in found.name] == []


def test_a_copy_is_one_file(path: Path, tmp_path: Path) -> None:
    copy_ledger(path, tmp_path / "copy.db")
    assert [found.name for found in tmp_path.iterdir() if "copy" in found.name] == ["copy.db"]


def test_a_folder_that_is_not_there_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="No such file or directory"):
        copy_ledger(path, tmp_path / "nowhere" / "copy.db")


def test_a_sound_file_has_no_damage(path: Path) -> None:
    assert find_damage(path) == []


def test_a_row_that_refers_to_nothing_is_damage(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("INSERT INTO lane (destination, contact_id) VALUES ('hubspot', 7)")
    found = find_damage(path)
    assert "a row of lane refers to a row of contact that is not there" in found


def test_what_is_no_database_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database at all" * 300)
    with pytest.raises(LedgerError, match="not a database"):
        find_damage(tmp_path / "ledger.db")
