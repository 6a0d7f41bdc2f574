"""Run benchmarks by name and print the medians: ``python -m bench.run [NAME ...] [--runs 5]``."""

import argparse
import importlib
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.figure import Figure
from bench.page import Section, describe_machine, write_page

BENCHMARKS: Final = {
    "ingest": "bench.ingest",
    "pipeline": "bench.pipeline",
    "calls": "bench.calls",
    "latency": "bench.latency",
    "growth": "bench.growth",
    "backlog": "bench.backlog",
    "startup": "bench.startup",
}
"""Name to module. A module has ``measure(runs: int) -> list[Figure]``."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for, everything by default."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=", ".join(BENCHMARKS))
    parser.add_argument("--runs", type=int, default=5, help="of each, alternating (default 5)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--write", type=Path, help="also a page, such as docs/benchmarks.md")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.name) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}")
    sections: list[Section] = []
    for name in chosen.name or BENCHMARKS:
        sys.stderr.write(f"{name}: {chosen.runs} runs\n")
        module = importlib.import_module(BENCHMARKS[name])
        sections.append(Section(name, module.__doc__ or "", module.measure(chosen.runs)))
    figures = [figure for section in sections for figure in section.figures]
    if chosen.write is not None:
        page = write_page(sections, runs=chosen.runs, machine=describe_machine())
        chosen.write.write_text(page, encoding="utf-8")
    if chosen.json:
        sys.stdout.write(json.dumps({"figures": [_plain(figure) for figure in figures]}) + "\n")
    else:
        _show(figures)


def _show(figures: Sequence[Figure]) -> None:
    table = Table(title=f"medians, {platform.machine()}, Python {platform.python_version()}")
    for column in ("figure", "median", "unit", "lowest", "highest", "target"):
        table.add_column(column)
    for figure in figures:
        sign = "<=" if figure.better == "lower" else ">="
        verdict = {True: " reached", False: " MISSED", None: ""}[figure.reached]
        table.add_row(
            figure.name,
            f"{figure.value:,.2f}",
            figure.unit,
            f"{min(figure.values):,.2f}",
            f"{max(figure.values):,.2f}",
            "" if figure.target is None else f"{sign} {figure.target:g}{verdict}",
        )
    Console().print(table)


def _plain(figure: Figure) -> dict[str, object]:
    return {
        "name": figure.name,
        "unit": figure.unit,
        "median": figure.value,
        "values": list(figure.values),
        "target": figure.target,
        "reached": figure.reached,
    }


if __name__ == "__main__":
    main()
