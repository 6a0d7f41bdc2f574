"""A consistent copy of a SQLite ledger while a daemon writes to it, and what SQLite finds wrong."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from connector.errors import LedgerError


def copy_ledger(path: Path, target: Path) -> int:
    """Copy the ledger at ``path`` to ``target``, which must not exist; return its bytes.

    The copy is whole: it is made in one reading transaction, checked, and only then given its
    name. It holds people and secrets, so only its owner may read it.
    """
    if target.exists():
        raise LedgerError(f"{target} exists already", remedy="name a file that does not exist")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with _opened(path) as connection:
            connection.execute("VACUUM INTO ?", (str(draft),))
        found = find_damage(draft, still=True)
        if found:
            raise LedgerError(
                f"the copy is damaged: {found[0]}", remedy="check the disk, then copy again"
            )
        _flush(draft)
        draft.rename(target)
        _flush(target.parent)
    except OSError as error:
        raise LedgerError(
            f"{target} can not be written: {error.strerror}",
            remedy="name a file in a folder that this user may write to, with room for the ledger",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def find_damage(path: Path, *, still: bool = False) -> list[str]:
    """Return what SQLite's own checks find wrong with a file; nothing where it is whole.

    ``still`` where nobody writes to it: then nothing is written beside it either.
    """
    with _opened(path, still=still) as connection:
        broken = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        dangling = [
            f"a row of {table} refers to a row of {parent} that is not there"
            for table, _row, parent, _key in connection.execute("PRAGMA foreign_key_check")
        ]
    return broken + sorted(set(dangling))


@contextmanager
def _opened(path: Path, *, still: bool = False) -> Iterator[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if still else ''}"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as opened:
            opened.execute("PRAGMA busy_timeout=5000")
            yield opened
    except sqlite3.Error as error:
        raise LedgerError(
            f"SQLite can not read {path} as a whole: {error}",
            remedy="check the disk, then restore a backup",
        ) from error


def _flush(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
