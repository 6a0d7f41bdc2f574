"""Whatever is signed is kept: accepted bodies are all in the ledger, and recorded to their end.

Real receiver, real ledger, real recorder. What is judged is counted here, not by the connector.
"""

import asyncio
import json
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from connector.ledger import schema
from connector.ledger.destinations import register_destinations
from connector.ledger.leases import claim_lease
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import waiting_webhooks
from connector.receive.signature import judge_signature
from connector.record.recorder import Recorder
from connector.record.routing import NumberConfig, Route
from connector.sandbox.traffic import DayOfTraffic
from tests.flow.receiver import receiver, signature
from tests.fuzz.mutations import JUNK, mutate, write

EXAMPLES: Final = int(os.environ.get("CONNECTOR_FUZZ", "60"))
CORPUS: Final = Path(__file__).parent / "corpus" / "webhooks"
VENDAS: Final = "106540352242922"
ROUTES: Final = tuple(
    Route(
        destination=name,
        numbers=None,
        granularity=granularity,  # type: ignore[arg-type]  # one of the two words
        contact_uses=frozenset({"display_name", "phone"}),
        message_uses=frozenset({"text", "status"}),
    )
    for name, granularity in (("one", "message"), ("two", "conversation"))
)


def _samples() -> Sequence[Any]:
    traffic = DayOfTraffic(datetime(2026, 11, 24, 12, tzinfo=UTC), seed=3)
    return [json.loads(body) for body in traffic.webhooks]


SAMPLES: Final = _samples()


def body_of(sample: int, seed: int) -> bytes:
    """Return a webhook of a day of traffic, harmed as the number says."""
    value = mutate(SAMPLES[sample % len(SAMPLES)], seed)
    chance = random.Random(seed)  # noqa: S311 - not a secret
    body = write(value)
    match chance.randrange(10):
        case 0:
            return body[: chance.randrange(len(body) + 1)]
        case 1:
            at = chance.randrange(len(body) + 1)
            return body[:at] + chance.randbytes(3) + body[at:]
        case 2:
            return body.replace(b'"type"', b'"type":"text","type"')
        case _:
            return body


@pytest.fixture
def recorder(sqlite_ledger: Ledger) -> Any:
    """Return a recorder of the SQLite ledger and its lease."""
    return recorder_of(sqlite_ledger)


def recorder_of(ledger: Ledger) -> Any:
    """Return a recorder and its lease."""

    def begin(connection: Any) -> Any:
        register_destinations(connection, {route.destination: "hubspot" for route in ROUTES})
        return claim_lease(
            connection,
            "record",
            owner="fuzz",
            now=ledger.now(connection),
            life=timedelta(days=1),
        )

    recorder = Recorder(
        ledger,
        portfolio="default",
        numbers={VENDAS: NumberConfig("Vendas")},
        routes=ROUTES,
        time_zone=ZoneInfo("America/Sao_Paulo"),
        max_event_age=timedelta(days=10_000),
        block=(),
    )
    return recorder, ledger.transact(begin)


def record_all(ledger: Ledger, recorder: Any, lease: Any) -> None:
    """Record everything that waits."""
    while webhooks := ledger.query(waiting_webhooks, limit=500, max_bytes=1 << 22):
        for batch in recorder.prepare(webhooks):
            ledger.transact(recorder.record_batch, batch, lease)


async def take(ledger: Ledger, bodies: Sequence[bytes]) -> list[int]:
    """Post signed bodies; return the statuses."""
    async with receiver(ledger) as at:
        return [(await at.post(body)).status_code for body in bodies]


def check(ledger: Ledger, recorder: Any, lease: Any, bodies: Sequence[bytes]) -> None:
    """Post, record, and compare what is there with what was accepted."""
    before = set(_bodies(ledger))
    statuses = asyncio.run(take(ledger, bodies))
    assert statuses == [200] * len(bodies)
    assert set(_bodies(ledger)) - before == set(bodies) - before
    record_all(ledger, recorder, lease)
    left = ledger.query(
        lambda connection: connection.execute(
            select(func.count())
            .select_from(schema.webhook)
            .where(schema.webhook.c.recorded_at.is_(None), schema.webhook.c.error.is_(None))
        ).scalar_one()
    )
    assert left == 0


def _bodies(ledger: Ledger) -> list[bytes]:
    return ledger.query(
        lambda connection: [
            bytes(each) for each in connection.execute(select(schema.webhook.c.body)).scalars()
        ]
    )


@settings(
    max_examples=max(EXAMPLES // 6, 1),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(1, 10**6)), min_size=8, max_size=24, unique=True
    )
)
def test_what_is_accepted_is_kept_and_recorded(
    sqlite_ledger: Ledger, recorder: Any, chosen: list[tuple[int, int]]
) -> None:
    own, lease = recorder
    check(sqlite_ledger, own, lease, [body_of(*each) for each in chosen])


def test_junk_in_every_place_of_a_message_is_kept_and_recorded(ledger: Ledger) -> None:
    recorder, lease = recorder_of(ledger)
    message = next(
        each for each in SAMPLES if "messages" in each["entry"][0]["changes"][0]["value"]
    )
    bodies = []
    for place in ("id", "timestamp", "type", "from", "from_user_id", "text", "context", "image"):
        for junk in JUNK:
            changed = json.loads(json.dumps(message))
            changed["entry"][0]["changes"][0]["value"]["messages"][0][place] = junk
            bodies.append(write(changed))
    check(ledger, recorder, lease, sorted(set(bodies)))


def test_what_was_found_once_is_kept_and_recorded(ledger: Ledger) -> None:
    bodies = [file.read_bytes() for file in sorted(CORPUS.iterdir())]
    assert bodies
    recorder, lease = recorder_of(ledger)
    check(ledger, recorder, lease, bodies)


@settings(max_examples=EXAMPLES * 5)
@given(header=st.one_of(st.none(), st.binary(max_size=90)), body=st.binary(max_size=60))
def test_no_header_that_we_did_not_make_is_valid(header: bytes | None, body: bytes) -> None:
    right = signature(body, b"a secret").encode()

    verdict = judge_signature(header, body, [b"a secret", b"another"])

    assert verdict == ("missing" if header is None else "valid" if header == right else "wrong")
