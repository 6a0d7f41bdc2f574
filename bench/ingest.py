"""CPU per durably stored webhook, beside a bare server that checks signatures and stores nothing.

Both are processes of their own, loaded by a third over 32 keep-alive connections. What counts is
the CPU time of the server's process, all its threads, kernel included; a database server's own is
not in it. The runs alternate, so that a busy machine hits both alike.
"""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.engine import URL

from bench.databases import postgresql_ledger, postgresql_server, sqlite_ledger
from bench.figure import Figure
from connector.ledger.engine import open_engine
from connector.ledger.schema import webhook

CONNECTIONS: Final = 32
REQUESTS: Final = 20_000
WARM_UP: Final = 1_000
TARGET: Final = 1.5


@dataclass(frozen=True, slots=True)
class _Run:
    cpu: float
    """Microseconds of CPU a webhook."""
    rate: float
    """Webhooks a second."""


def measure(runs: int) -> list[Figure]:
    """Return the ratios, the median of so many alternating runs each, and what they come from."""
    measured: dict[str, list[_Run]] = {"bare": [], "sqlite": [], "postgresql": []}
    with postgresql_server() as server:
        for _ in range(runs):
            measured["bare"].append(_run_server("bare", None))
            measured["sqlite"].append(_run_stored(sqlite_ledger))
            measured["postgresql"].append(_run_stored(lambda: postgresql_ledger(server)))
    figures = []
    for kind in ("sqlite", "postgresql"):
        pairs = zip(measured[kind], measured["bare"], strict=True)
        ratios = [stored.cpu / plain.cpu for stored, plain in pairs]
        figures.append(Figure(f"ingest CPU, {kind} / bare", "x", ratios, target=TARGET))
    for kind, of_kind in measured.items():
        figures.append(Figure(f"ingest CPU, {kind}", "us/webhook", [run.cpu for run in of_kind]))
        figures.append(Figure(f"ingest rate, {kind}", "webhooks/s", [run.rate for run in of_kind]))
    return figures


def _run_stored(make_ledger: Callable[[], AbstractContextManager[URL]]) -> _Run:
    """Run our receiver, and make sure that every webhook it answered is in the ledger."""
    with make_ledger() as url:
        run = _run_server("receiver", url)
        engine = open_engine(url)
        with engine.connect() as connection:
            stored = connection.execute(select(func.count()).select_from(webhook)).scalar_one()
        engine.dispose()
    if stored != REQUESTS + WARM_UP:
        raise RuntimeError(f"{stored} webhooks are stored, {REQUESTS + WARM_UP} were acknowledged")
    return run


def _run_server(kind: str, url: URL | None) -> _Run:
    command = [sys.executable, "-m", "bench.ingest_server", kind]
    if url is not None:
        command.append(url.render_as_string(hide_password=False))
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdin is not None  # noqa: S101 - a pipe was asked for
        assert server.stdout is not None  # noqa: S101 - likewise
        port = server.stdout.readline().strip()
        _load(port, WARM_UP)
        before = _cpu_seconds(server.pid)
        seconds = _load(port, REQUESTS)
        cpu = _cpu_seconds(server.pid) - before
        server.stdin.close()
    return _Run(cpu=cpu / REQUESTS * 1e6, rate=REQUESTS / seconds)


def _load(port: str, requests: int) -> float:
    series = uuid.uuid4().hex[:8]
    done = subprocess.run(
        [sys.executable, "-m", "bench.ingest_load", port, str(CONNECTIONS), str(requests), series],
        check=True,
        capture_output=True,
        text=True,
    )
    result = json.loads(done.stdout)
    if result["refused"]:
        raise RuntimeError(f"{result['refused']} webhooks were refused")
    return float(result["seconds"])


def _cpu_seconds(process: int) -> float:
    """Return the CPU time of another process, all threads: Linux names its clock by its id."""
    return time.clock_gettime((~process << 3) | 2)
