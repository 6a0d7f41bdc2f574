"""PostgreSQL is restarted as after a crash, and its connections are ended, while webhooks come."""

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from connector.ledger import migrate
from connector.ledger.engine import open_engine
from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_hubspot
from connector.sandbox.sender import Sent, send
from faults.campaign import TUNING
from faults.database import Database

Record = Callable[[str, object], None]


@pytest.fixture
def database() -> Iterator[Database]:
    """Yield a server that may be restarted."""
    server = Database()
    server.start()
    yield server
    server.remove()


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_a_database_that_restarts_under_load_costs_nothing_but_a_repetition(
    new_trial: Callable[..., Trial], database: Database, record_property: Record
) -> None:
    name = f"restarts_{os.urandom(4).hex()}"
    database.execute(f"CREATE DATABASE {name}")
    url = database.url(name)
    engine = open_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
    trial = new_trial(
        ledger_url=url,
        tuning=TUNING,
        crm={"burst_limit": 100_000, "refuse_unique_on": ["communications"]},
    )
    process = trial.start()
    trial.wait_until_ready(process, seconds=60)
    traffic = burst(20, 500, base=datetime.now(UTC), seed=61)

    sent = asyncio.run(_post_while_it_restarts(trial, database, name, traffic.webhooks))
    trial.wait_until_settled(seconds=120)

    record_property("measured", f"{dict(sent.statuses)}")
    verdict = compare_hubspot(traffic.expected, trial.crm.state())
    assert verdict.perfect, verdict
    audit = trial.command("audit")
    assert (audit["received"], audit["difference"], audit["parked"]) == (500, 0, {})
    assert set(sent.statuses) == {200, 503}
    assert process.poll() is None, "the process ended"


async def _post_while_it_restarts(
    trial: Trial, database: Database, name: str, webhooks: list[bytes]
) -> Sent:
    sending = asyncio.create_task(
        send(trial.webhook_url, trial.secret, webhooks, rate=40, concurrency=16, patience=120)
    )
    for _ in range(2):
        await asyncio.sleep(1)
        await asyncio.to_thread(database.stop, at_once=True)
        await asyncio.to_thread(database.start)
        await asyncio.sleep(1)
        assert await asyncio.to_thread(database.end_backends, name) > 0
    return await sending
