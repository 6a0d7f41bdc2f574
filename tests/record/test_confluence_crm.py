"""One stream of events, split, merged, reordered and doubled, ends in one CRM.

Recorder and worker are driven step by step in this process, against a sandbox HubSpot that answers
without a socket; everything between the webhook's bytes and the CRM's records is what the daemon
runs.
"""

import asyncio
import json
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection

from connector.config.load import load_config
from connector.crm.registry import settings_models
from connector.deliver.worker import Worker
from connector.ledger.audit import audit
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import next_due_at
from connector.ledger.leases import Lease, claim_lease
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import digest_body, store_webhooks
from connector.record.recorder import Recorder
from connector.runtime.wiring import (
    Build,
    audit_scopes,
    build_recorder,
    register_destinations,
)
from connector.sandbox.hubspot import Portal, Settings, build_app
from connector.sandbox.hubspot.side_door import show_state
from tests.record.stream import PERMUTATIONS, empty, rearrange, stream

TOKEN = "pat-na1-permutations"
DAY = 86_400.0
MOST_TURNS = 100
BETWEEN = 0.3
"""How often the worker delivers after a webhook, where it does not wait for the last one."""
SEEN_OF_CONTACTS = ("firstname", "lastname", "phone", "lifecyclestage")
SEEN_OF_MESSAGES = (
    "wa_message_key",
    "hs_timestamp",
    "hs_communication_body",
    "hs_communication_channel_type",
    "hs_communication_logged_from",
)
SPEAKER = re.compile(r"<b>.*?</b>: ")
CONFIG = """
[ledger]
url = "sqlite:///unused.db"
[whatsapp]
app_secrets = [{ env = "APP_SECRET" }]
verify_token = { env = "VERIFY_TOKEN" }
[[whatsapp.numbers]]
phone_number_id = "106540352242922"
waba_id = "102290129340398"
name = "Vendas"
country = "BR"
[destinations.hubspot]
adapter = "hubspot"
base_url = "http://127.0.0.1:1"
token = { env = "HUBSPOT_TOKEN" }
batch_wait = "0s"
rate = { requests = 100000, per = "1s" }
[media]
download = false
"""


class Pipeline:
    """A recorder and the worker of one destination, on a ledger, with the portal it writes to."""

    def __init__(self, ledger: Ledger, file: Path) -> None:
        file.write_text(CONFIG)
        environ = {"APP_SECRET": "a", "VERIFY_TOKEN": "b", "HUBSPOT_TOKEN": TOKEN}
        config = load_config(file, settings_models=settings_models(), environ=environ)
        self.ledger = ledger
        register_destinations(ledger, config)
        build = Build.of(config, ledger)
        self.scopes = audit_scopes(config, build.mappings)
        self.recorder: Recorder = build_recorder(build)
        self.portal = Portal(
            settings=Settings(index_lag=0, burst_limit=10**6, search_limit=10**6, daily_limit=10**9)
        )
        self.portal.access.grant(TOKEN)
        transport = httpx.ASGITransport(app=build_app(self.portal))
        self.destination = build.destination("hubspot", transport=transport)
        self.worker = Worker(ledger, self.destination, tuning=config.tuning)
        self.recording, self.delivering = self._hold("record"), self._hold("deliver/hubspot")
        self.gatekeeper = self.worker.gatekeeper(self.delivering)

    def _hold(self, name: str) -> HeldLease:
        def claim(connection: Connection) -> Lease | None:
            now = self.ledger.now(connection)
            return claim_lease(connection, name, owner="t", now=now, life=timedelta(days=2))

        lease = self.ledger.transact(claim)
        assert lease is not None
        since = self.ledger.clock.boot()
        return HeldLease(self.ledger, lease, life=2 * DAY, since=since)

    async def set_up(self) -> None:
        """Make our key properties in the CRM."""
        await self.destination.adapter.setup(apply=True)

    async def close(self) -> None:
        await self.destination.client.aclose()
        self.portal.store.close()

    def forget(self) -> None:
        """Forget every event and every record."""
        self.ledger.transact(empty)
        self.portal.store.clear()

    async def record(self, bodies: Sequence[dict[str, Any]]) -> None:
        """Store and record webhooks."""
        raw = [json.dumps(body).encode() for body in bodies]
        pairs = [(digest_body(b"key", body), body) for body in raw]
        self.ledger.transact(store_webhooks, pairs, now=self.ledger.clock.now())
        while await self.recorder.record_waiting(self.recording.lease):
            pass

    async def deliver(self) -> None:
        """Let the worker take its turns until nothing is due."""
        stop = asyncio.Event()
        for _ in range(MOST_TURNS):
            await self.worker.turn(self.delivering, self.gatekeeper, stop=stop)
            due = await self.ledger.read(next_due_at, "hubspot")
            if due is None:
                return
        raise AssertionError("there is still something to deliver")

    def audit(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ledger.query(audit, self.scopes)["destinations"]["hubspot"]
        return found

    def records(self) -> dict[str, Any]:
        return show_state(self.portal, ["contacts", "communications"])


def test_any_order_of_the_same_events_ends_in_the_same_crm(
    ledger: Ledger, wire: Any, tmp_path: Path
) -> None:
    asyncio.run(permute(Pipeline(ledger, tmp_path / "config.toml"), stream(wire)))


async def permute(pipeline: Pipeline, bodies: Sequence[dict[str, Any]]) -> None:
    """Compare the CRM after each order with the one after the order in which things happened.

    Every other time the worker delivers between webhooks. What the CRM was told before an event
    came is then told by what was known: names may be earlier ones, and somebody who turned out to
    be known already has two records. Each message must still be there once, as it is now, and no
    record may hold what two people said.
    """
    await pipeline.set_up()
    await pipeline.record(bodies)
    await pipeline.deliver()
    expected = pipeline.records()
    people = whole(expected)
    assert [len(messages) for _, messages in people] == [10, 5, 1]

    for seed in PERMUTATIONS:
        pipeline.forget()
        chance = random.Random(seed)  # noqa: S311 - the same moments for the same seed
        for body in rearrange(list(bodies), seed):
            await pipeline.record([body])
            if seed % 2 and chance.random() < BETWEEN:
                await pipeline.deliver()
        await pipeline.deliver()

        records = pipeline.records()
        if seed % 2:
            assert sayings(records) == sayings(expected), f"seed {seed}"
            assert strangers(records, expected) == [], f"seed {seed}"
        else:
            assert whole(records) == people, f"seed {seed}"
        balance = pipeline.audit()
        assert (balance["synced"], balance["difference"]) == (16, 0), f"seed {seed}"
    await pipeline.close()


def whole(records: dict[str, Any]) -> list[tuple[dict[str, str], list[tuple[str, ...]]]]:
    """Return what people see in the CRM: each contact with its messages, without ids."""
    said: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for each in records["communications"]:
        [owner] = each["links"]["contacts"]
        said[owner].append(tuple(each["properties"].get(name, "") for name in SEEN_OF_MESSAGES))
    contacts = [
        (
            {name: each["properties"].get(name, "") for name in SEEN_OF_CONTACTS},
            sorted(said.pop(each["id"], [])),
        )
        for each in records["contacts"]
    ]
    assert not said
    return sorted(contacts, key=lambda pair: pair[0]["firstname"])


def sayings(records: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return every message without the name of who wrote it: key, time, text."""
    return sorted(
        (
            each["properties"]["wa_message_key"],
            each["properties"]["hs_timestamp"],
            SPEAKER.sub("", each["properties"]["hs_communication_body"], count=1),
        )
        for each in records["communications"]
    )


def strangers(records: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Return the contacts that hold messages of several people, by who wrote them in truth."""
    truth = owners(expected)
    writers = defaultdict(set)
    for key, owner in owners(records).items():
        writers[owner].add(truth[key])
    return [owner for owner, people in writers.items() if len(people) > 1]


def owners(records: dict[str, Any]) -> dict[str, str]:
    """Return the contact of each message, by the message's key."""
    found = {}
    for each in records["communications"]:
        [found[each["properties"]["wa_message_key"]]] = each["links"]["contacts"]
    return found
