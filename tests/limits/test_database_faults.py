"""A database that is locked, full, gone, read-only, closed to us or of another schema.

A real receiver takes webhooks meanwhile. While the database is broken none is answered 200, each is
answered within five seconds and told when to come again, and the process says that it is not ready,
with the reason. Once the database is well the process goes on by itself. Afterwards every webhook
that was answered 200 is in the ledger.

All kinds take minutes and are run with ``-m campaign``; two of them are among the everyday tests.
"""

import contextlib
import os
import resource
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from connector.ledger import migrate
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.schema import webhook
from connector.runtime.trial import Trial, wait_until
from faults.database import EVERYBODY, Database
from tests.limits.posting import bodies, post_once, readiness

pytestmark = pytest.mark.timeout(300)
NewTrial = Callable[..., Trial]
Record = Callable[[str, object], None]
POSTS = 100
PASSWORD = "secret"
ANSWERED_WITHIN = 5.0
LEEWAY = 1.0
"""Seconds that a busy machine may take on top."""
NOT_WRITABLE = "nothing could be written to the ledger lately"


def hold_up(
    trial: Trial, url: str, broken: AbstractContextManager[Any], record: Record, *, reason: str
) -> None:
    """Break the database, post, mend it, post, and see that the promise was kept."""
    process = trial.start("--only", "receive", env={"PGPASSWORD": PASSWORD})
    trial.wait_until_ready(process, seconds=60)
    stored = post_once(trial, bodies(20, seed=1)).stored
    assert len(stored) == 20
    with broken:
        posts = post_once(trial, bodies(POSTS, seed=2))
        wait_until(
            lambda: reason in "; ".join(readiness(trial)),
            seconds=40,
            what=f"/readyz says: {reason}",
            last_words=lambda: f"it says {readiness(trial)}; {trial.last_words()}",
        )
        posts_later = post_once(trial, bodies(POSTS, seed=3))
    wait_until(lambda: readiness(trial) == [], seconds=40, what="it is ready again")
    again = post_once(trial, bodies(POSTS, seed=2))
    record(
        "measured",
        f"{dict(posts.statuses + posts_later.statuses)} while broken, the slowest after "
        f"{max(posts.slowest, posts_later.slowest):.1f} s",
    )

    for each in (posts, posts_later):
        assert each.statuses == {503: POSTS}
        assert each.without_retry_after == 0
        assert each.slowest < ANSWERED_WITHIN + LEEWAY
    assert again.statuses == {200: POSTS}
    assert process.poll() is None, "the process ended"
    assert kept(url) >= {*stored, *again.stored}


def kept(url: str) -> set[bytes]:
    """Return the bodies that a ledger holds."""
    ledger = Ledger(open_engine(url))
    try:
        return ledger.query(_bodies)
    finally:
        ledger.close()


def _bodies(connection: Connection) -> set[bytes]:
    return {bytes(body) for body in connection.execute(select(webhook.c.body)).scalars()}


# SQLite


@contextmanager
def locked_by_another_program(trial: Trial) -> Iterator[None]:
    other = sqlite3.connect(trial.folder / "connector.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def files_that_can_not_grow(trial: Trial) -> Iterator[None]:
    """Let every write behind the start of a file fail, as on a disk whose quota is used up."""
    pid = trial.processes[-1].pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


@contextmanager
def without_its_tables(trial: Trial) -> Iterator[None]:
    other = sqlite3.connect(trial.folder / "connector.db", isolation_level=None)
    other.execute("ALTER TABLE webhook RENAME TO elsewhere")
    other.execute("UPDATE alembic_version SET version_num = '0000'")
    try:
        yield
    finally:
        other.execute("ALTER TABLE elsewhere RENAME TO webhook")
        other.execute("UPDATE alembic_version SET version_num = ?", (migrate.head(),))
        other.close()


@contextmanager
def moved_away(trial: Trial) -> Iterator[None]:
    file = trial.folder / "connector.db"
    file.rename(trial.folder / "elsewhere.db")
    wait_until(
        lambda: any("were moved" in each for each in readiness(trial)),
        seconds=20,
        what="it is noticed",
    )
    yield
    (trial.folder / "elsewhere.db").rename(file)


SQLITE = [
    pytest.param(locked_by_another_program, NOT_WRITABLE, id="locked"),
    pytest.param(files_that_can_not_grow, NOT_WRITABLE, id="quota", marks=pytest.mark.campaign),
    pytest.param(moved_away, "files were moved", id="moved", marks=pytest.mark.campaign),
    pytest.param(without_its_tables, "revision 0000", id="schema", marks=pytest.mark.campaign),
]


@pytest.mark.parametrize(("broken", "reason"), SQLITE)
def test_nothing_is_acknowledged_while_sqlite_can_not_take_it(
    new_trial: NewTrial,
    broken: Callable[[Trial], AbstractContextManager[None]],
    reason: str,
    record_property: Record,
) -> None:
    trial = new_trial(set_up=False)

    @contextmanager
    def breaking() -> Iterator[None]:
        with broken(trial):
            yield

    url = f"sqlite:///{trial.folder}/connector.db"
    hold_up(trial, url, breaking(), record_property, reason=reason)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Yield a folder on a disk of 16 MiB; left out where one can not be made."""
    with tempfile.TemporaryDirectory(prefix="connector-disk-") as folder:
        mounting = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", folder]
        try:
            subprocess.run(mounting, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no disk of our own here: {getattr(error, 'stderr', error)}")
        yield Path(folder)
        subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607


@contextmanager
def filled_up(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("min_free", "reason"),
    [("0B", NOT_WRITABLE), ("1MiB", "less room than [ledger] min_free")],
    ids=["to the last byte", "below min_free"],
)
def test_nothing_is_acknowledged_while_the_disk_is_full(
    new_trial: NewTrial, small_disk: Path, min_free: str, reason: str, record_property: Record
) -> None:
    url = f"sqlite:///{small_disk}/connector.db"
    trial = new_trial(set_up=False, ledger_url=url)
    text = trial.config.read_text()
    trial.config.write_text(text.replace('min_free = "1MiB"', f'min_free = "{min_free}"'))

    hold_up(trial, url, filled_up(small_disk), record_property, reason=reason)


# PostgreSQL


def _is_refused(trial: Trial, stored: list[bytes]) -> bool:
    """Post some webhooks; say whether one was refused, and note those that were not."""
    posts = post_once(trial, bodies(POSTS, seed=1000 + len(stored)))
    stored += posts.stored
    return posts.statuses[503] > 0


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """Yield a server that may be harmed."""
    server = Database()
    server.start()
    yield server
    server.remove()


@contextmanager
def gone(server: Database, _name: str) -> Iterator[None]:
    server.stop(at_once=True)
    yield
    server.start()


@contextmanager
def standing_still(server: Database, _name: str) -> Iterator[None]:
    """Let it accept connections and answer nobody, as behind a network that swallows all."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@contextmanager
def with_another_password(server: Database, name: str) -> Iterator[None]:
    server.admit("host all postgres all trust", "host all all all scram-sha-256")
    server.execute(f"ALTER ROLE {name} PASSWORD 'another'")
    server.end_backends(name)
    yield
    server.admit(EVERYBODY)


@contextmanager
def read_only(server: Database, name: str) -> Iterator[None]:
    server.execute(f"ALTER ROLE {name} SET default_transaction_read_only = on")
    server.end_backends(name)
    yield
    server.execute(f"ALTER ROLE {name} RESET default_transaction_read_only")


@contextmanager
def closed_to_us(server: Database, name: str) -> Iterator[None]:
    server.execute(f"ALTER ROLE {name} CONNECTION LIMIT 0")
    server.end_backends(name)
    yield
    server.execute(f"ALTER ROLE {name} CONNECTION LIMIT -1")


@contextmanager
def locked_by_another_session(server: Database, name: str) -> Iterator[None]:
    engine = open_engine(server.url(name))
    with engine.connect() as other:
        other.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")
        other.commit()
        other.exec_driver_sql("LOCK TABLE webhook, lease IN SHARE MODE")
        yield
        other.rollback()
    engine.dispose()


@contextmanager
def without_tables(server: Database, name: str) -> Iterator[None]:
    server.execute("ALTER TABLE webhook RENAME TO elsewhere", database=name)
    server.execute("UPDATE alembic_version SET version_num = '0000'", database=name)
    yield
    server.execute("ALTER TABLE elsewhere RENAME TO webhook", database=name)
    restoring = f"UPDATE alembic_version SET version_num = '{migrate.head()}'"  # noqa: S608 - ours
    server.execute(restoring, database=name)


POSTGRESQL = [
    pytest.param(gone, NOT_WRITABLE, id="gone"),
    pytest.param(standing_still, NOT_WRITABLE, id="standing still", marks=pytest.mark.campaign),
    pytest.param(with_another_password, NOT_WRITABLE, id="password", marks=pytest.mark.campaign),
    pytest.param(read_only, NOT_WRITABLE, id="read-only", marks=pytest.mark.campaign),
    pytest.param(closed_to_us, NOT_WRITABLE, id="connections", marks=pytest.mark.campaign),
    pytest.param(locked_by_another_session, NOT_WRITABLE, id="locked", marks=pytest.mark.campaign),
    pytest.param(without_tables, "revision 0000", id="schema", marks=pytest.mark.campaign),
]


@pytest.mark.parametrize(("broken", "reason"), POSTGRESQL)
def test_nothing_is_acknowledged_while_postgresql_can_not_take_it(
    new_trial: NewTrial,
    database: Database,
    broken: Callable[[Database, str], AbstractContextManager[None]],
    reason: str,
    record_property: Record,
) -> None:
    name = f"faults_{os.urandom(4).hex()}"
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    database.execute(f"CREATE DATABASE {name} OWNER {name}")
    engine = open_engine(database.url(name, user=name))
    migrate.upgrade(engine)
    engine.dispose()
    trial = new_trial(set_up=False, ledger_url=database.url(name, user=name))

    hold_up(trial, database.url(name), broken(database, name), record_property, reason=reason)


@pytest.mark.campaign
def test_what_a_full_disk_of_postgresql_can_not_take_is_not_acknowledged(
    new_trial: NewTrial, database: Database, small_disk: Path, record_property: Record
) -> None:
    """Pages that are there already may still take a webhook: some are kept, the others refused."""
    with database.on_disk(small_disk) as name:
        url = database.url(name)
        engine = open_engine(url)
        migrate.upgrade(engine)
        engine.dispose()
        trial = new_trial(set_up=False, ledger_url=url)
        process = trial.start("--only", "receive")
        trial.wait_until_ready(process, seconds=60)

        stored: list[bytes] = []
        with filled_up(small_disk):
            wait_until(
                lambda: _is_refused(trial, stored), seconds=60, what="the database has no room left"
            )
            posts = post_once(trial, bodies(POSTS, seed=2))
            said = readiness(trial)
        again = post_once(trial, bodies(POSTS, seed=2))
        record_property("measured", f"{dict(posts.statuses)} while full; not ready: {said}")

        assert set(posts.statuses) <= {200, 503}
        assert posts.statuses[503] > 0
        assert posts.without_retry_after == 0
        assert posts.slowest < ANSWERED_WITHIN + LEEWAY
        assert said == ["webhooks could not be stored lately"]
        assert again.statuses == {200: POSTS}
        assert readiness(trial) == []
        assert process.poll() is None, "the process ended"
        assert kept(url) >= {*stored, *posts.stored, *again.stored}


@pytest.mark.campaign
def test_a_deleted_index_of_the_log_costs_nothing(new_trial: NewTrial) -> None:
    trial = new_trial(set_up=False)
    process = trial.start("--only", "receive")
    trial.wait_until_ready(process, seconds=60)
    stored = post_once(trial, bodies(20, seed=1)).stored

    (trial.folder / "connector.db-shm").unlink()
    posts = post_once(trial, bodies(POSTS, seed=2))
    process.kill()
    process.wait()

    assert set(posts.statuses) <= {200, 503}
    assert kept(f"sqlite:///{trial.folder}/connector.db") >= {*stored, *posts.stored}
