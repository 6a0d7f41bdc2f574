"""Every instrument that code increments, by the names that dashboards rely on.

They live at the bottom of the layers so that each stage can count what it does. Gauges that are
read from the ledger when somebody asks are in ``connector.web.metrics``. No label may hold a
person, an id or free text.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

REGISTRY: Final = CollectorRegistry()
_LATENCY: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_LATE: Final = (0, 1, 2, 5, 10, 30, 60, 120, 300, 900)
_LAG: Final = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, namespace="connector", registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, namespace="connector", registry=REGISTRY)


def _histogram(
    name: str, text: str, *labels: str, buckets: tuple[float, ...] = _LATENCY
) -> Histogram:
    return Histogram(name, text, labels, namespace="connector", registry=REGISTRY, buckets=buckets)


class LoopHistogram(Collector):
    """A histogram that one thread observes, the event loop's.

    For what happens with every webhook: without locks it takes a fifth of the CPU.
    """

    def __init__(self, name: str, text: str, *, buckets: tuple[float, ...] = _LATENCY) -> None:
        self._name = f"connector_{name}"
        self._text = text
        self._bounds = buckets
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0
        REGISTRY.register(self)

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield what was observed."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        yield HistogramMetricFamily(
            self._name,
            self._text,
            buckets=list(zip(names, accumulate(self._counts), strict=True)),
            sum_value=self._sum,
        )


WEBHOOK_REQUESTS = _counter("webhook_requests_total", "Requests to the public listener", "code")
WEBHOOK_SECONDS = LoopHistogram("webhook_duration_seconds", "From first byte to answer")
WEBHOOK_BYTES = LoopHistogram(
    "webhook_body_bytes", "Size of accepted bodies", buckets=(1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6)
)
WEBHOOK_REJECTED = _counter("webhook_rejected_total", "Refused requests", "reason")
WEBHOOK_ELEMENTS = _counter(
    "webhook_elements_total", "Elements found in webhooks", "field", "result"
)
INTAKE_QUEUE = _gauge("intake_queue_length", "Webhooks waiting for their commit")
INTAKE_COMMIT = _histogram(
    "intake_commit_size", "Webhooks in one commit", buckets=(1, 2, 4, 8, 16, 32, 64)
)
WEBHOOK_LAST = _gauge(
    "webhook_last_received_timestamp_seconds", "When a number last had an event", "number"
)
EVENT_LAG = _histogram("event_lag_seconds", "Received minus WhatsApp's own time", buckets=_LAG)

DELIVERY_LATENCY = _histogram(
    "delivery_latency_seconds", "From webhook received to CRM record", "destination", buckets=_LAG
)
DELIVERY_OUTCOMES = _counter(
    "delivery_outcomes_total", "What became of written records", "destination", "record", "outcome"
)
IN_DOUBT_RESOLVED = _counter(
    "delivery_in_doubt_resolved_total", "Doubtful writes resolved", "destination", "result"
)
LATE_COMMIT = _histogram(
    "late_commit_seconds",
    "How long after our deadline a CRM made a record whose answer we never got",
    "destination",
    buckets=_LATE,
)
DELIVERY_PARKED = _counter("delivery_parked_total", "Dead letters made", "destination", "code")
DUPLICATES_FOUND = _counter(
    "duplicates_found_total", "Records found twice in a CRM", "destination", "record", "result"
)
GATE_REFUSED = _counter("gate_refused_total", "Writes stopped at the first byte as stale")
LEASE_LOST = _counter("lease_lost_total", "Leases lost to another process")
LANES_ASLEEP = _counter("lanes_asleep_total", "Lanes found with open work and no due time")
RELINKED = _counter("relinked_total", "Links re-pointed after a merge in a CRM", "destination")

CRM_REQUESTS = _counter("crm_requests_total", "Requests to a CRM", "destination", "call", "code")
CRM_SECONDS = _histogram(
    "crm_request_duration_seconds", "Duration of a request to a CRM", "destination", "call"
)
BREAKER_TRANSITIONS = _counter(
    "destination_breaker_transitions_total", "Breaker changes", "destination", "to"
)
RECONCILE_RECORDS = _counter(
    "reconcile_records_total", "Records compared by sweeps", "destination", "result"
)
JOB_LAST_SUCCESS = _gauge("job_last_success_timestamp_seconds", "Last good run of a job", "job")
JOB_RUNS = _counter("job_runs_total", "Runs of scheduled jobs", "job", "result")

CLOCK_SKEW = _gauge(
    "clock_skew_seconds", "This host's clock minus the database's, or a CRM's", "against"
)
DB_TRANSACTION_SECONDS = _histogram(
    "db_transaction_duration_seconds", "Duration of a ledger transaction", "mode"
)
DB_ERRORS = _counter("db_errors_total", "Failures of the database", "kind")
