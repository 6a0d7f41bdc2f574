"""The page of results: written from the figures of one run of the command, never by hand."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, make_url, text

from bench.databases import postgresql_server
from bench.figure import Figure

_INTRODUCTION: Final = """# Benchmarks

Written by `make bench ARGS="--write docs/benchmarks.md"`. All figures are of one run on the
machine below; each is the median of {runs} runs, with the lowest and the highest beside it.
Where two things are compared, both were measured in that run: the ratios say more than the times.
What was asked for and not reached says **missed**.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark: its name, what its module says it measures, and its figures."""

    name: str
    text: str
    figures: Sequence[Figure]


def write_page(sections: Sequence[Section], *, runs: int, machine: Iterable[str]) -> str:
    """Return the page as Markdown; ``machine`` is what ``describe_machine`` says."""
    lines = [_INTRODUCTION.format(runs=runs), "## The machine", ""]
    lines += [f"* {line}" for line in machine]
    for section in sections:
        lines += ["", f"## {section.name}", "", section.text.strip().replace("``", "`"), ""]
        lines += [
            "| figure | median | unit | lowest | highest | asked |",
            "|---|--:|---|--:|--:|---|",
        ]
        lines += [_row(figure) for figure in section.figures]
    return "\n".join(lines) + "\n"


def _row(figure: Figure) -> str:
    sign = "≤" if figure.better == "lower" else "≥"
    verdict = {True: "reached", False: "**missed**", None: ""}[figure.reached]
    asked = "" if figure.target is None else f"{sign} {figure.target:g}: {verdict}"
    numbers = (figure.value, min(figure.values), max(figure.values))
    median, lowest, highest = (f"{number:,.2f}" for number in numbers)
    return (
        f"| {figure.name} | {median} | {figure.unit} | {lowest} | {highest} "
        f"| {asked or figure.note} |"
    )


def describe_machine() -> Iterator[str]:
    """Say, a line each, what the figures were measured on; PostgreSQL is started to be asked."""
    yield f"{datetime.now(UTC):%d %B %Y}, commit {_commit()}"
    yield f"{os.cpu_count()} cores ({_processor()}), {_memory():.0f} GB of memory"
    yield f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    with postgresql_server() as server:
        engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar_one()
        engine.dispose()
    yield f"PostgreSQL {version}"
    yield f"load when this was written, 1, 5 and 15 minutes: {_load()}"


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - the developer's own
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9


def _load() -> str:
    return ", ".join(f"{load:.1f}" for load in os.getloadavg())
