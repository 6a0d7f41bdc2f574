"""A release that knows only the first migration runs on while this one takes its place.

The schema is brought up to date first, under load. From then on the older processes say that they
are not ready, but go on with all they do until they are asked to end.
"""

import asyncio
import io
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url
from sqlalchemy.engine import URL

from connector.ledger import migrate
from connector.ledger.engine import open_engine
from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_hubspot
from connector.sandbox.sender import Sent, send
from faults.campaign import TUNING
from faults.hosts import Host

OLDER = "b243896"
"""The last commit whose newest migration is 0001."""


@pytest.fixture
def older_release(tmp_path: Path) -> Path:
    """Return a folder with the older release; left out where the history is not there."""
    repository = Path(__file__).parents[2]
    command = ["git", "-C", str(repository), "archive", OLDER]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no older release to be had here: {error}")
    folder = tmp_path / "older"
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@dataclass(slots=True)
class Upgrade:
    """The hosts of both releases, and what was seen on the way."""

    trial: Trial
    older: list[Host]
    newer: list[Host]
    older_env: dict[str, str]
    url: str
    said: list[str] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)

    def start_the_older(self) -> None:
        for host in self.older:
            host.start(env=self.older_env)
        for host in self.older:
            assert asyncio.run(host.until_ready()), self.trial.last_words()

    def carry_out(self) -> None:
        """Upgrade the schema, start the newer release beside the older, and end the older."""
        engine = open_engine(self.url)
        migrate.upgrade(engine)
        engine.dispose()
        wait_until(self._older_says_why, seconds=20, what="the older release sees the new schema")
        for host in self.newer:
            host.start()
        for host in self.newer:
            assert asyncio.run(host.until_ready()), self.trial.last_words()
        for host in self.older:
            self.exits.append(host.end())

    def _older_says_why(self) -> bool:
        answer = httpx.get(f"{self.older[0].trial.admin_url}/readyz", timeout=5, trust_env=False)
        self.said = answer.text.splitlines()
        return answer.status_code == 503


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_an_upgrade_under_load_loses_doubles_and_refuses_nothing(
    new_trial: Callable[..., Trial],
    new_postgres_database: Callable[[], URL],
    older_release: Path,
    record_property: Callable[[str, object], None],
) -> None:
    url = new_postgres_database().render_as_string(hide_password=False)
    engine = open_engine(make_url(url))
    migrate.upgrade(engine, "0001")
    engine.dispose()
    older_env = {"PYTHONPATH": str(older_release), "PYTHONSAFEPATH": "1"}
    trial = new_trial(ledger_url=url, tuning=TUNING, crm={"burst_limit": 100_000})
    older = [Host("older receiver", trial, "receive")]
    older.append(Host("older worker", trial.another_host(), "record,deliver"))
    newer = [Host("newer receiver", trial.another_host(), "receive")]
    newer.append(Host("newer worker", trial.another_host(), "record,deliver"))
    upgrade = Upgrade(trial, older, newer, older_env, url)
    upgrade.start_the_older()
    traffic = burst(20, 500, base=datetime.now(UTC), seed=41)

    sent = asyncio.run(_post_while_upgrading(upgrade, traffic.webhooks))
    newer[0].trial.wait_until_settled(seconds=90)

    record_property("measured", f"{dict(sent.statuses)}; the older release said {upgrade.said}")
    verdict = compare_hubspot(traffic.expected, trial.crm.state())
    assert verdict.perfect, verdict
    assert trial.command("audit")["difference"] == 0
    assert upgrade.said == [f"the ledger is at revision {migrate.head()}, not 0001"]
    assert upgrade.exits == [0, 0]
    assert sent.given_up == []
    assert {status for status in sent.statuses if status >= 500} == set()


async def _post_while_upgrading(upgrade: Upgrade, webhooks: list[bytes]) -> Sent:
    """Post to whichever receiver takes it, as a load balancer would."""
    urls = [host.trial.webhook_url for host in (upgrade.older[0], upgrade.newer[0])]
    sending = asyncio.create_task(send(urls, upgrade.trial.secret, webhooks, rate=25, patience=60))
    await asyncio.to_thread(upgrade.carry_out)
    return await sending
