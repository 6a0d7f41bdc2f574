"""How long a message takes, and how long WhatsApp waits for its 200.

From the moment at which a webhook was received until the CRM's answer about its record is written
down, at steady rates, HubSpot's sandbox being the CRM. Both moments are the connector's own. Then
the answers to webhooks that come at half of the highest rate that the same daemon takes.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, String, cast, select

from bench.figure import Figure
from bench.processes import open_trial
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.schema import delivery, message, webhook
from connector.runtime.opening import open_config
from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.sender import Sent, send

RATES: Final = (10, 100, 500)
SECONDS: Final = 20
CONTACTS: Final = 200
_ROOMY: Final = {"burst_limit": 100_000, "search_limit": 1000}
_FAST: Final = {"batch_wait": "200ms", "rate": '{ requests = 10000, per = "1s" }'}
ANSWERED: Final = 100
"""Milliseconds within which 99 of 100 webhooks are answered."""
_FLOOD: Final = 10_000


def measure(runs: int) -> list[Figure]:
    """Measure each rate so many times, each on a daemon of its own."""
    figures = []
    for rate in RATES:
        taken = [_at(rate, seed) for seed in range(runs)]
        sys.stderr.write(f"  {rate} a second\n")
        figures += [
            Figure(f"webhook to CRM, p{share}, {rate}/s", "ms", [_share(t, share) for t in taken])
            for share in (50, 99)
        ]
    halves = [_half(seed) for seed in range(runs)]
    answers = [_share([second * 1000 for second in sent.latencies], 99) for _, sent in halves]
    return [
        *figures,
        Figure("webhooks taken at full speed", "webhooks/s", [most for most, _ in halves]),
        Figure("answer to a webhook, p99, at half of that", "ms", answers, target=ANSWERED),
    ]


def _at(rate: int, seed: int) -> list[float]:
    """Return the milliseconds that each message took."""
    traffic = burst(CONTACTS, rate * SECONDS, base=datetime.now(UTC), seed=seed)
    with open_trial("hubspot", crm=_ROOMY, destination=_FAST) as trial:
        trial.wait_until_ready(trial.start())
        sent = _send(trial, traffic.webhooks, rate=rate)
        if len(sent.acknowledged) < len(traffic.webhooks):
            raise RuntimeError("not every webhook was acknowledged")
        trial.wait_until_settled(seconds=120)
        ledger = Ledger(open_engine(open_config(trial.config).ledger.url))
        taken = ledger.query(_waits)
        ledger.close()
    if len(taken) != len(traffic.webhooks):
        raise RuntimeError(f"{len(taken)} of {len(traffic.webhooks)} messages were written")
    return taken


def _half(seed: int) -> tuple[float, Sent]:
    """Return the most webhooks taken in a second, and what came of half as many."""
    now = datetime.now(UTC)
    flood, half = (burst(CONTACTS, _FLOOD, base=now, seed=seed * 2 + place) for place in (0, 1))
    with open_trial("hubspot", crm=_ROOMY, destination=_FAST) as trial:
        trial.wait_until_ready(trial.start("--only", "receive"))
        full = _send(trial, flood.webhooks, rate=None)
        most = len(full.acknowledged) / full.seconds
        return most, _send(trial, half.webhooks, rate=most / 2)


def _send(trial: Trial, webhooks: Sequence[bytes], *, rate: float | None) -> Sent:
    return asyncio.run(
        send(trial.webhook_url, trial.secret, webhooks, concurrency=32, rate=rate, patience=60)
    )


def _waits(connection: Connection) -> list[float]:
    rows = connection.execute(
        select(webhook.c.received_at, delivery.c.synced_at)
        .select_from(delivery)
        .join(message, delivery.c.source_id == cast(message.c.id, String))
        .join(webhook, webhook.c.id == message.c.webhook_id)
        .where(delivery.c.record == "message", delivery.c.synced_at.is_not(None))
    )
    return [(row.synced_at - row.received_at) / timedelta(milliseconds=1) for row in rows]


def _share(values: Sequence[float], percent: int) -> float:
    """Return the value that so many of a hundred do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]
