"""What the same question costs with 10 thousand, 100 thousand and a million deliveries.

A thousand of them are open at each size; the ledgers are filled by SQL. Each question goes to all
three in turn, so that what else the machine does falls on each alike; the smallest is the measure
of the others.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.engine import URL

from bench.databases import postgresql_ledger, postgresql_server, sqlite_ledger
from bench.figure import Figure
from bench.filling import DESTINATION, FIRST, NUMBER, fill
from connector.deliver.claim import claim_work
from connector.ledger.engine import open_engine
from connector.ledger.gauges import oldest_due
from connector.ledger.ledger import Ledger
from connector.ledger.overview import look
from connector.ledger.sweeps import Window, window_page
from connector.ledger.webhooks import digest_body, store_webhooks

SIZES: Final = (10_000, 100_000, 1_000_000)
OPEN: Final = 1000
TARGET: Final = 1.5
_REPEATS: Final = 15
_GROUP: Final = 64
_PAGE: Final = 1000

_Times = dict[str, float]


def measure(runs: int) -> list[Figure]:
    """Measure so many times on each database; every run fills ledgers of its own."""
    figures: list[Figure] = []
    with postgresql_server() as server:
        for database, ledgers in (
            ("sqlite", sqlite_ledger),
            ("postgresql", lambda: postgresql_ledger(server)),
        ):
            taken: list[list[_Times]] = []
            for number in range(runs):
                sys.stderr.write(f"  {database}, run {number + 1}\n")
                taken.append(_times(ledgers))
            figures += _figures(database, taken)
    return figures


def _figures(database: str, taken: Sequence[Sequence[_Times]]) -> Iterator[Figure]:
    for question in taken[0][0]:
        base = [run[0][question] * 1000 for run in taken]
        yield Figure(f"{question}, {database}, {SIZES[0]:,}", "ms", base)
        for place, size in enumerate(SIZES[1:], start=1):
            ratios = [run[place][question] / run[0][question] for run in taken]
            asked = question in ("claim", "status")
            yield Figure(
                f"{question}, {database}, {size:,} / {SIZES[0]:,}",
                "x",
                ratios,
                target=TARGET if asked else None,
            )


def _times(ledgers: Callable[[], object]) -> list[_Times]:
    """Return the median seconds of each question, size by size."""
    with ExitStack() as stack:
        asks = [_questions(stack.enter_context(_filled(ledgers, size))) for size in SIZES]
        taken: list[dict[str, list[float]]] = [{name: [] for name in each} for each in asks]
        for name in asks[0]:
            for ask in asks:
                ask[name]()  # reads from disk: not counted
            for _ in range(_REPEATS):
                for place, ask in enumerate(asks):
                    started = time.perf_counter()
                    ask[name]()
                    taken[place][name].append(time.perf_counter() - started)
    return [{name: median(values) for name, values in each.items()} for each in taken]


def _questions(ledger: Ledger) -> dict[str, Callable[[], object]]:
    key = ledger.key
    return {
        "ingest": lambda: ledger.execute_alone(lambda driver: _store(driver, key)),
        "claim": lambda: ledger.query(_claim, ledger),
        "status": lambda: ledger.query(_status),
        "reconcile": lambda: ledger.query(_page),
    }


@contextmanager
def _filled(ledgers: Callable[[], object], size: int) -> Iterator[Ledger]:
    with ledgers() as url:  # type: ignore[attr-defined]  # either database's context manager
        assert isinstance(url, URL)  # noqa: S101 - what both give
        ledger = Ledger(open_engine(url))
        try:
            fill(ledger.engine, messages=size, pending=OPEN)
            yield ledger
        finally:
            ledger.close()


def _store(driver: Any, key: bytes) -> int:
    stamp = time.perf_counter_ns()
    bodies = [b'{"bench":%d}' % (stamp + number) for number in range(_GROUP)]
    pairs = [(digest_body(key, body), body) for body in bodies]
    return store_webhooks(driver, pairs, now=datetime.now(UTC))


def _claim(connection: Connection, ledger: Ledger) -> object:
    return claim_work(
        connection,
        ledger,
        DESTINATION,
        repeatable=frozenset({"contact"}),
        repeatable_for={},
        on_deleted="never",
    )


def _status(connection: Connection) -> object:
    now = datetime.now(UTC)
    return look(connection, now=now, numbers=[NUMBER]), oldest_due(connection, [DESTINATION])


def _page(connection: Connection) -> object:
    window = Window(DESTINATION, "message", since=FIRST, until=FIRST + timedelta(days=9999))
    return window_page(connection, window, after=None, limit=_PAGE)
