"""Whether a SQLite ledger's files are still where they were when it was opened."""

from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url

from connector.clock import Clock, SystemClock

_FRESH: Final = 1.0
"""Seconds for which a look is believed."""


class LedgerPlace:
    """Notices that somebody moved, replaced or deleted the files of an open ledger.

    SQLite does not: it goes on with the open file, whatever its name is now, and all that it
    commits is gone with the process once the file or its write-ahead log has no name any more.
    """

    def __init__(self, url: str | URL, *, clock: Clock | None = None) -> None:
        """Remember which file it is now; it should be open already."""
        parsed = make_url(url)
        path = parsed.database if parsed.get_backend_name() == "sqlite" else None
        self._path = Path(path).absolute() if path and path != ":memory:" else None
        self._clock = clock or SystemClock()
        self._file = _identity(self._path) if self._path else None
        self._logged = False
        """Whether its write-ahead log was ever seen."""
        self._looked_at = float("-inf")
        self._kept = True

    @property
    def kept(self) -> bool:
        """Whether the files are in their place; a look is at most a second old."""
        if self._path is None or self._file is None:
            return True
        now = self._clock.boot()
        if now - self._looked_at >= _FRESH:
            self._looked_at = now
            logged = _identity(Path(f"{self._path}-wal")) is not None
            self._kept = _identity(self._path) == self._file and (logged or not self._logged)
            self._logged = self._logged or logged
        return self._kept


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
