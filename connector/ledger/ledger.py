"""The ledger as the rest of the program holds it: an engine and the threads it runs in.

A transaction is a plain function whose first argument is a connection; nothing can be awaited
while it holds locks. ``write`` and ``read`` run one from async code in a thread, ``transact`` and
``query`` from synchronous code.
"""

import asyncio
import functools
import hmac
import secrets
import sqlite3
from base64 import b32encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, cast

import tenacity
from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from connector import metrics
from connector.clock import Clock, ClockWatch, SystemClock
from connector.errors import LedgerError, LedgerRefusedError
from connector.ledger.engine import READ_ONLY, sqlite_transaction
from connector.ledger.schema import installation

if TYPE_CHECKING:
    import psycopg

    from connector.ledger.alone import KeptConnections

P = ParamSpec("P")
T = TypeVar("T")

_PASSING_STATES: Final = frozenset(
    {"40001", "40P01", "55P03"}
)  # serialization, deadlock, lock wait
_AT_ONCE: Final = 0.5
"""Seconds within which two clocks count as read at the same moment."""
_WRITE_SECONDS: Final = metrics.DB_TRANSACTION_SECONDS.labels("write")
_READ_SECONDS: Final = metrics.DB_TRANSACTION_SECONDS.labels("read")


class Ledger:
    """The tables of one installation, and how transactions on them are run."""

    def __init__(self, engine: Engine, *, clock: Clock | None = None, threads: int = 8) -> None:
        self.engine = engine
        self.clock: Clock = clock or SystemClock()
        self.dialect: str = engine.dialect.name
        self._alone = _kept_connections(engine) if self.dialect == "postgresql" else None
        self.server_time = clock is None and self.dialect == "postgresql"
        """Whether the database's clock decides, and not this machine's."""
        self.clocks: Final = ClockWatch()
        self._threads = ThreadPoolExecutor(
            max_workers=1 if self.dialect == "sqlite" else threads, thread_name_prefix="ledger"
        )
        self._key: bytes | None = None
        self._closed = False

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``work`` in a transaction that may write; committed when this returns."""
        return await self._in_thread(functools.partial(self.transact, work, *args, **kwargs))

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``work`` in a transaction that only reads."""
        return await self._in_thread(functools.partial(self.query, work, *args, **kwargs))

    def run_soon(self, job: Callable[[], T], then: Callable[[T | Exception], None]) -> None:
        """Run a job in a thread for transactions, and tell this event loop how it ended.

        For whoever does it so often that a task and futures would cost more than the transaction.
        """
        loop = asyncio.get_running_loop()

        def run() -> None:
            ended: T | Exception
            try:
                ended = job()
            except Exception as error:  # noqa: BLE001 - handed on, whatever it is
                ended = error
            loop.call_soon_threadsafe(then, ended)

        self._threads.submit(run)

    async def _in_thread(self, job: Callable[[], T]) -> T:
        # Shielded: a cancelled caller must not leave a transaction half awaited; it ends by itself.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._threads, job))

    def transact(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``work`` in a transaction that may write, again if it lost a deadlock or a lock wait.

        ``work`` must therefore be repeatable. Raises ``LedgerError`` when the database can not.
        """
        started = perf_counter()
        try:
            return self._run(lambda connection: work(connection, *args, **kwargs))
        except (DBAPIError, PoolTimeoutError) as error:
            raise as_ledger_error(error) from error
        finally:
            _WRITE_SECONDS.observe(perf_counter() - started)

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            return self._run_once(work)
        except DBAPIError as error:
            if not _is_passing(error):
                raise
        return cast("T", _AGAIN(self._run_once, work))

    def _run_once(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)

    def execute_alone(self, work: "Callable[[sqlite3.Connection | psycopg.Connection], T]") -> T:
        """Run ``work``, which executes a single statement, with nothing around it but its commit.

        For what happens so often that the rest of ``transact`` would double its CPU; ``work`` gets
        the driver's own connection. Its statement may be executed twice.
        """
        started = perf_counter()
        try:
            if self._alone is not None:
                return self._alone.run(work)
            with sqlite_transaction(self.engine) as driver:
                return work(driver)
        except (DBAPIError, PoolTimeoutError) as error:
            raise as_ledger_error(error) from error
        finally:
            _WRITE_SECONDS.observe(perf_counter() - started)

    def query(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``work`` in a transaction that only reads."""
        started = perf_counter()
        try:
            with (
                self.engine.connect().execution_options(**{READ_ONLY: True}) as connection,
                connection.begin(),
            ):
                return work(connection, *args, **kwargs)
        except (DBAPIError, PoolTimeoutError) as error:
            raise as_ledger_error(error) from error
        finally:
            _READ_SECONDS.observe(perf_counter() - started)

    def now(self, connection: Connection) -> datetime:
        """Return the time that decides: the server's on PostgreSQL, else this machine's."""
        before = self.clock.boot()
        moment = self._read_time(connection)
        after = self.clock.boot()
        if after - before < _AT_ONCE:  # else nobody knows when within that it was
            self.clocks.note(moment, after)
        return moment

    def _read_time(self, connection: Connection) -> datetime:
        if self.server_time:
            moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return moment
        return self.clock.now()

    @property
    def key(self) -> bytes:
        """The random key of this installation, made at first use and the same ever after."""
        if self._key is None:
            self._key = self.transact(_installation_key)
        return self._key

    def keyed_hash(self, text: str) -> str:
        """Return 26 lower-case letters and digits that only this installation can derive."""
        digest = hmac.digest(self.key, text.encode("utf-8", "surrogatepass"), sha256)
        return b32encode(digest)[:26].decode("ascii").lower()

    def close(self) -> None:
        """Let running transactions end, then close every connection."""
        self._closed = True
        self._threads.shutdown(wait=True)
        if self._alone is not None:
            self._alone.close()
        self.engine.dispose()

    @property
    def alive(self) -> bool:
        """Whether there are threads to run transactions in."""
        return not self._closed


def _kept_connections(engine: Engine) -> "KeptConnections":
    from connector.ledger.alone import KeptConnections  # noqa: PLC0415 - it loads PostgreSQL's driver

    return KeptConnections(engine)


def _is_passing(error: BaseException) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    if getattr(error.orig, "sqlstate", None) in _PASSING_STATES:
        metrics.DB_ERRORS.labels("deadlock").inc()
        return True
    return False


_AGAIN: Final = tenacity.Retrying(
    stop=tenacity.stop_after_attempt(2) | tenacity.stop_after_delay(5),
    wait=tenacity.wait_random_exponential(multiplier=0.02, max=0.5),
    retry=tenacity.retry_if_exception(_is_passing),
    reraise=True,
)
"""Two more attempts, after a first one that was only unlucky."""


def _installation_key(connection: Connection) -> bytes:
    found: bytes | None = connection.execute(select(installation.c.key)).scalar_one_or_none()
    if found is not None:
        return bytes(found)
    made = secrets.token_bytes(32)
    connection.execute(insert(installation).values(id=1, key=made))
    return made


def as_ledger_error(error: SQLAlchemyError) -> LedgerError:
    """Say what is wrong with the database without repeating a statement's values."""
    original: Any = getattr(error, "orig", None) or error
    text = str(original).splitlines()[0] if str(original) else type(original).__name__
    kind, remedy = "gone", "check that the database runs and that ledger.url is right"
    if "locked" in text or "busy" in text:
        kind, remedy = "busy", "another program holds the database file; close it"
    elif "full" in text:
        kind, remedy = "full", "free some disk space; the connector goes on by itself"
    elif "readonly" in text or "read-only" in text:
        kind, remedy = "io", "make the database writable for this user"
    elif "disk I/O" in text or "malformed" in text:
        kind, remedy = "io", "check the disk, then restore a backup (see the runbook)"
    elif "not a database" in text:
        kind, remedy = "io", "name another file in ledger.url, or restore a backup there"
    elif "FATAL" in text and ("does not exist" in text or "password" in text):
        remedy = "name a user and a database that there are in ledger.url, and PGPASSWORD if needed"
    elif "no such table" in text or "does not exist" in text or "no such column" in text:
        kind, remedy = "schema", "run `connector db upgrade`"
    metrics.DB_ERRORS.labels(kind).inc()
    if getattr(original, "sqlstate", None) in {"23505", "23514", "23503", "23502"} or isinstance(
        original, sqlite3.IntegrityError
    ):
        text = _constraint_text(original)
    if isinstance(error, DataError | IntegrityError):
        return LedgerRefusedError(f"the ledger refused a value: {text}")
    return LedgerError(f"the ledger failed: {text}", remedy=remedy)


def _constraint_text(original: Any) -> str:
    diag = getattr(original, "diag", None)
    name = getattr(diag, "constraint_name", None)
    if name:
        return f"constraint {name} was violated"
    return str(original).split(":")[0] + " was violated"
