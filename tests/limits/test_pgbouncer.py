"""PgBouncer between us and PostgreSQL, lending its connections out for a transaction each."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from connector.errors import LedgerError
from connector.ledger import migrate
from connector.ledger.engine import open_engine
from connector.runtime.trial import Trial, free_port, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_hubspot
from connector.sandbox.sender import send
from faults.database import Database

CONNECTIONS = 3
"""To PostgreSQL, for all that our processes open: so that they do change hands."""


@pytest.fixture
def database() -> Iterator[Database]:
    """Yield a server with a migrated ledger, ``connector``."""
    server = Database()
    server.start()
    server.execute("CREATE DATABASE connector")
    engine = open_engine(server.url("connector"))
    migrate.upgrade(engine)
    engine.dispose()
    yield server
    server.remove()


@pytest.fixture
def pooled_url(tmp_path: Path, database: Database) -> Iterator[str]:
    """Yield the ledger's URL through a PgBouncer; left out where that is not installed."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    port = free_port()
    (tmp_path / "users").write_text('"postgres" ""\n')
    (tmp_path / "pgbouncer.ini").write_text(
        f"""
[databases]
connector = host={database.host} port={database.port} user=postgres dbname=connector
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
auth_file = {tmp_path}/users
pool_mode = transaction
default_pool_size = {CONNECTIONS}
server_reset_query =
server_login_retry = 1
"""
    )
    command = [program, str(tmp_path / "pgbouncer.ini")]
    if os.geteuid() == 0:
        for folder in (tmp_path, *tmp_path.parents[:3]):
            folder.chmod(folder.stat().st_mode | 0o011)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    with (tmp_path / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/connector?pgbouncer=true"

    def answers() -> bool:
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=connector").close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        wait_until(
            answers,
            seconds=20,
            what="PgBouncer answers",
            last_words=(tmp_path / "pgbouncer.log").read_text,
        )
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_a_ledger_behind_pgbouncer_loses_and_doubles_nothing(
    new_trial: Callable[..., Trial], database: Database, pooled_url: str
) -> None:
    trial = new_trial(ledger_url=pooled_url, crm={"burst_limit": 100_000})
    first = trial.start()
    trial.wait_until_ready(first, seconds=60)
    second = trial.another_host()
    second.wait_until_ready(second.start(), seconds=60)
    urls = [trial.webhook_url, second.webhook_url]
    traffic = burst(20, 400, base=datetime.now(UTC), seed=71)

    async def post_while_connections_end() -> int:
        sending = asyncio.create_task(send(urls, trial.secret, traffic.webhooks, rate=80))
        await asyncio.sleep(1)
        ended = await asyncio.to_thread(database.end_backends, "connector")
        assert (await sending).given_up == []
        return ended

    ended = asyncio.run(post_while_connections_end())
    trial.wait_until_settled(seconds=90)

    verdict = compare_hubspot(traffic.expected, trial.crm.state())
    assert verdict.perfect, verdict
    assert trial.command("audit")["difference"] == 0
    assert 0 < ended <= CONNECTIONS


def test_the_schema_is_not_changed_through_pgbouncer(database: Database) -> None:
    engine = open_engine(f"{database.url('connector')}?pgbouncer=true")

    with pytest.raises(LedgerError, match="through PgBouncer") as caught:
        migrate.upgrade(engine)

    assert caught.value.remedy is not None
    engine.dispose()
