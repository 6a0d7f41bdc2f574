"""``GET /metrics``: what the code counted, and what the ledger says when it is asked.

The ledger is asked at most every ten seconds, however often somebody scrapes. The names are those
that dashboards and alerts rely on.
"""

import platform
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from connector.clock import Clock, SystemClock
from connector.ledger.overview import Overview
from connector.ledger.space import LedgerSize
from connector.metrics import REGISTRY

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_FRESH: Final = 10.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the ledger-derived gauges show."""

    overview: Overview
    size: LedgerSize
    revision: str | None
    oldest_open: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    """By destination and ``live`` or ``backfill``."""
    free_bytes: int | None = None
    budgets: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """What is left of a budget, from 0 to 1, by destination and the budget's name."""
    conservation_difference: int | None = None
    """Of the last audit; must be 0."""
    credentials: Mapping[str, datetime] = field(default_factory=dict)
    """When those credentials end of which that is known, by destination or ``whatsapp``."""


class Metrics:
    """Writes all metrics of this process as text."""

    def __init__(
        self,
        snapshot: Callable[[], Awaitable[Snapshot]],
        *,
        version: str,
        clock: Clock | None = None,
    ) -> None:
        """Ask ``snapshot`` for the ledger's part. An error there is the scraper's to see."""
        self._snapshot = snapshot
        self._clock = clock or SystemClock()
        self._asked_at: float | None = None
        self._gauges = _LedgerGauges(version)
        self._own = CollectorRegistry()
        ProcessCollector(registry=self._own)
        GCCollector(registry=self._own)
        self._own.register(self._gauges)

    async def render(self) -> bytes:
        """Return the text of the moment, of which the ledger's part is at most 10 s old."""
        now = self._clock.boot()
        if self._asked_at is None or now - self._asked_at >= _FRESH:
            self._gauges.snapshot = await self._snapshot()
            self._asked_at = now
        return generate_latest(REGISTRY) + generate_latest(self._own)


class _LedgerGauges(Collector):
    """Turns the last snapshot into gauges."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.snapshot: Snapshot | None = None

    def describe(self) -> list[Any]:
        """Promise no names, so that registering needs no snapshot."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        if self.snapshot is None:
            return
        yield self._build_info(self.snapshot)
        yield from _work(self.snapshot)
        yield from _destinations(self.snapshot)
        yield from _disk(self.snapshot)
        yield _credentials(self.snapshot)
        if self.snapshot.conservation_difference is not None:
            yield GaugeMetricFamily(
                "connector_ledger_conservation_difference",
                "Messages received and not accounted for; must be 0",
                value=self.snapshot.conservation_difference,
            )

    def _build_info(self, snapshot: Snapshot) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "connector_build_info",
            "Always 1; what runs here",
            labels=("version", "schema_revision", "python", "sqlite"),
        )
        family.add_metric(
            (
                self._version,
                snapshot.revision or "",
                platform.python_version(),
                sqlite3.sqlite_version,
            ),
            1,
        )
        return family


def _work(snapshot: Snapshot) -> Iterator[GaugeMetricFamily]:
    deliveries = GaugeMetricFamily(
        "connector_deliveries",
        "Records on their way or parked",
        labels=("destination", "record", "state"),
    )
    reviews = GaugeMetricFamily(
        "connector_reviews_open",
        "Contacts that wait for a person's decision",
        labels=("destination", "kind"),
    )
    for name, load in snapshot.overview.loads.items():
        for state, counts in (
            ("pending", load.pending),
            ("in_flight", load.in_flight),
            ("parked", load.parked),
        ):
            for record in ("contact", "message", "conversation"):
                deliveries.add_metric((name, record, state), counts.get(record, 0))
        for kind in ("ambiguous", "recycled_number"):
            reviews.add_metric((name, kind), load.reviews.get(kind, 0))
    oldest = GaugeMetricFamily(
        "connector_delivery_oldest_open_seconds",
        "Age of the oldest record on its way",
        labels=("destination", "priority"),
    )
    for name in snapshot.overview.loads:
        for priority in ("live", "backfill"):
            since = snapshot.oldest_open.get((name, priority))
            age = (snapshot.overview.at - since) / timedelta(seconds=1) if since else 0.0
            oldest.add_metric((name, priority), max(age, 0.0))
    yield deliveries
    yield reviews
    yield oldest


def _destinations(snapshot: Snapshot) -> Iterator[GaugeMetricFamily]:
    is_open = GaugeMetricFamily(
        "connector_destination_open",
        "1 where records are written now, else 0 and why not",
        labels=("destination", "reason"),
    )
    degraded = GaugeMetricFamily(
        "connector_mapping_degraded_fields",
        "Mapped fields that the CRM does not have at present",
        labels=("destination",),
    )
    for name, standing in snapshot.overview.standings.items():
        state = standing.state(snapshot.overview.at)
        if state == "open":
            is_open.add_metric((name, ""), 1)
        else:
            is_open.add_metric((name, standing.paused_reason or state), 0)
        degraded.add_metric((name,), len(standing.degraded_fields))
    budgets = GaugeMetricFamily(
        "connector_crm_budget_remaining_ratio",
        "What is left of a CRM's budget of calls",
        labels=("destination", "budget"),
    )
    for labels, left in snapshot.budgets.items():
        budgets.add_metric(labels, left)
    yield is_open
    yield degraded
    yield budgets


def _credentials(snapshot: Snapshot) -> GaugeMetricFamily:
    ends = GaugeMetricFamily(
        "connector_credential_expires_timestamp_seconds",
        "When a credential ends that nothing renews",
        labels=("destination",),
    )
    for name, at in snapshot.credentials.items():
        ends.add_metric((name,), at.timestamp())
    return ends


def _disk(snapshot: Snapshot) -> Iterator[GaugeMetricFamily]:
    yield GaugeMetricFamily(
        "connector_db_size_bytes", "Size of the ledger", value=snapshot.size.database
    )
    yield GaugeMetricFamily(
        "connector_db_wal_bytes", "Size of SQLite's write-ahead log", value=snapshot.size.wal
    )
    if snapshot.free_bytes is not None:
        yield GaugeMetricFamily(
            "connector_db_free_bytes", "Room left for the ledger", value=snapshot.free_bytes
        )
