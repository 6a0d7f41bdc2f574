"""How much room the ledger has left on its disk, and how large it is."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select
from sqlalchemy.engine import URL, make_url

from connector.clock import Clock, SystemClock

_FRESH: Final = 1.0
"""Seconds for which a look at the disk is believed."""


@dataclass(frozen=True, slots=True)
class LedgerSize:
    """Bytes the ledger takes; ``wal`` is SQLite's write-ahead log and 0 on PostgreSQL."""

    database: int
    wal: int


class DiskSpace:
    """The disk that holds a SQLite ledger. A PostgreSQL's disk is its operator's to watch."""

    def __init__(self, url: str | URL, *, min_free: int, clock: Clock | None = None) -> None:
        """Watch the ledger at ``url``; ``min_free`` is in bytes."""
        parsed = make_url(url)
        path = parsed.database if parsed.get_backend_name() == "sqlite" else None
        self._path = Path(path).absolute() if path and path != ":memory:" else None
        self._min_free = min_free
        self._clock = clock or SystemClock()
        self._looked_at = float("-inf")
        self._free: int | None = None
        self._enough = True

    @property
    def free_bytes(self) -> int | None:
        """What this user may still write, at most a second old; ``None`` where it is not known."""
        self._look()
        return self._free

    @property
    def enough(self) -> bool:
        """Whether new webhooks may be taken: ``min_free`` is there, and twice the log's size."""
        self._look()
        return self._enough

    def _look(self) -> None:
        if self._path is None:
            return
        now = self._clock.boot()
        if now - self._looked_at < _FRESH:
            return
        self._looked_at = now
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            self._free, self._enough = None, False
            return
        self._free = disk.f_bavail * disk.f_frsize
        self._enough = self._free >= max(self._min_free, 2 * _file_bytes(f"{self._path}-wal"))


def measure_ledger(connection: Connection) -> LedgerSize:
    """Return how large the ledger is."""
    if connection.dialect.name == "postgresql":
        size = connection.execute(
            select(func.pg_database_size(func.current_database()))
        ).scalar_one()
        return LedgerSize(database=size, wal=0)
    path = connection.engine.url.database
    return LedgerSize(database=_file_bytes(str(path)), wal=_file_bytes(f"{path}-wal"))


def _file_bytes(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0
