"""Checks of the ledger: its schema, its disk, its SQLite, and who may read it and the secrets."""

import sqlite3
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from connector.config.models import Config
from connector.config.secret import Secret
from connector.errors import LedgerError
from connector.ledger import migrate
from connector.ledger.ledger import Ledger
from connector.ledger.space import DiskSpace
from connector.runtime.finding import Finding
from connector.runtime.upkeep import sqlite_file

_RISKY: Final = ((3, 7, 0), (3, 51, 2))
"""SQLite releases with the WAL-reset bug, first and last (sqlite.org/wal.html#walresetbug)."""
_MENDED: Final = ((3, 44, 6), (3, 50, 7))
"""Older lines in which it was mended."""


def check_ledger(
    config: Config, ledger: Ledger | None, trouble: LedgerError | None
) -> Iterator[Finding]:
    """Look at the ledger; ``trouble`` is why there is none to look at."""
    if ledger is not None:
        yield Finding("ledger.schema", "ok", f"{ledger.dialect}, revision {migrate.head()}")
    elif trouble is not None:
        path = sqlite_file(config)
        fresh = path is not None and not path.exists()
        yield Finding(
            "ledger.schema",
            "warn" if fresh else "fail",
            "there is none yet; `connector run` makes it" if fresh else str(trouble),
            None if fresh else trouble.remedy,
        )
    yield from _check_disk(config)
    if sqlite_file(config) is not None:
        yield judge_sqlite(sqlite3.sqlite_version_info)
    yield from check_files(config)


def _check_disk(config: Config) -> Iterator[Finding]:
    space = DiskSpace(config.ledger.url, min_free=config.ledger.min_free)
    free = space.free_bytes
    if free is None:
        return
    detail = f"{free / 2**30:.1f} GiB free"
    if space.enough:
        yield Finding("ledger.disk", "ok", detail)
    else:
        yield Finding(
            "ledger.disk",
            "fail",
            f"{detail}, less than [ledger] min_free: webhooks would be answered 503",
            "free some room, or move the ledger",
        )


def judge_sqlite(version: tuple[int, ...]) -> Finding:
    """Say whether a release of SQLite is one to be warned of."""
    text = ".".join(map(str, version))
    first, last = _RISKY
    mended = any(version[:2] == each[:2] and version >= each for each in _MENDED)
    if not first <= version <= last or mended:
        return Finding("ledger.sqlite", "ok", f"SQLite {text}")
    return Finding(
        "ledger.sqlite",
        "warn",
        f"SQLite {text} has the WAL-reset bug: very rarely a write is lost when two connections "
        "write and tidy up at the same instant. The daemon has only one, but a command that "
        "changes something beside it is a second",
        "use a Python with SQLite 3.51.3 or newer where you can, or PostgreSQL",
    )


def check_files(config: Config) -> Iterator[Finding]:
    """Complain of secrets, and a ledger, that others on this machine can read."""
    files = sorted({str(secret.file) for secret in _secrets(config) if secret.file is not None})
    path = sqlite_file(config)
    if path is not None and path.exists():
        files.append(str(path))
    open_ones = [name for name in files if Path(name).stat().st_mode & stat.S_IRWXO]
    if open_ones:
        yield Finding(
            "config.files",
            "warn",
            f"everybody on this machine may read {', '.join(open_ones)}",
            f"chmod o= {' '.join(open_ones)}",
        )
    elif files:
        yield Finding("config.files", "ok", "secrets and ledger are closed to others")


def _secrets(value: Any) -> Iterator[Secret]:
    """Yield every secret in a part of the configuration."""
    match value:
        case Secret():
            yield value
        case BaseModel():
            for _, each in value:
                yield from _secrets(each)
        case dict():
            for each in value.values():
                yield from _secrets(each)
        case list() | tuple():
            yield from _each(value)
        case _:
            return


def _each(values: Iterable[Any]) -> Iterator[Secret]:
    for value in values:
        yield from _secrets(value)
