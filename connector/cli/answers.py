"""Answers on stdout: one JSON object for programs, or words and tables for people."""

import json
import re
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import click
from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_WIDE: Final = 4000
"""Columns where stdout is no terminal: a file has no edge, and wrapped lines are hard to grep."""


def print_json(value: Any) -> None:
    """Print the one object of ``--json``."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


@cache
def console() -> Console:
    """Return the console that answers go to."""
    width = None if sys.stdout.isatty() else _WIDE
    return Console(highlight=False, width=width)


def say(*parts: RenderableType) -> None:
    """Print words or tables. Text is printed as it is: nothing in it is markup."""
    out = console()
    for part in parts:
        if out.is_terminal:
            _print(out, part)
            continue
        with out.capture() as captured:
            _print(out, part)
        lines = captured.get().splitlines()
        click.echo("\n".join(line.rstrip() for line in lines))


def _print(out: Console, part: RenderableType) -> None:
    if isinstance(part, str | Text):
        out.print(words(part) if isinstance(part, str) else part, soft_wrap=True)
    else:
        out.print(part)


def indented(text: str) -> Padding:
    """Return a paragraph that is set in by two columns."""
    return Padding(words(text), (0, 0, 0, 2))


def words(value: object, style: str = "") -> Text:
    """Return a value as text for a terminal, without what could steer it."""
    text = "" if value is None else str(value)
    return Text(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text), style=style)


def table(title: str, *columns: str, numbers: Iterable[str] = ()) -> Table:
    """Return an empty table; the columns in ``numbers`` are aligned to the right."""
    right = set(numbers)
    made = Table(
        title=f"\n{title}" if title else None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        header_style="dim",
        show_header=any(columns),
    )
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left")
    return made


def add_row(into: Table, *values: object) -> None:
    """Add a row; what is not a ``Text`` yet is made one."""
    into.add_row(*(value if isinstance(value, Text) else words(value) for value in values))
