"""The table of kinds at the end of a test run: each kind, each way it was sent, what it says."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pytest

PROPERTY: Final = "kinds"
"""The name under which a test leaves its ``Row``; workers of xdist hand it on."""
FORMS: Final = ("phone", "user id", "both")
WAYS: Final = {
    "one_by_one": "single",
    "in_one_body": "batched",
    "shuffled_and_twice": "shuffled and redelivered",
    "with_unknown_fields": "unknown fields added",
}
Row = tuple[str, str, dict[str, tuple[bool, str]]]
"""Way, form, and by kind whether all was right and what it says."""
_MARKS: Final = {True: "+", False: "X", None: "."}
_SAID: Final = 44


def kinds_table(rows: Iterable[Row]) -> list[str]:
    """Return the lines of the table; a kind that went wrong on one database went wrong."""
    right: dict[tuple[str, str, str], bool] = {}
    said: dict[str, str] = {}
    for way, form, kinds in rows:
        for kind, (is_right, text) in kinds.items():
            right[kind, form, way] = right.get((kind, form, way), True) and is_right
            said.setdefault(kind, text)
    if not said:
        return []
    widths = [max(len(form), len(WAYS)) for form in FORMS]
    longest = max(map(len, said))
    legend = ", ".join(f"{number}. {name}" for number, name in enumerate(WAYS.values(), 1))
    head = "  ".join(form.ljust(width) for form, width in zip(FORMS, widths, strict=True))
    lines = [f"In each column: {legend}; + right, X wrong, . no such form"]
    lines.append(f"{'kind'.ljust(longest)}  {head}  says")
    for kind, text in said.items():
        cells = (
            "".join(_MARKS[right.get((kind, form, way))] for way in WAYS).ljust(width)
            for form, width in zip(FORMS, widths, strict=True)
        )
        lines.append(f"{kind.ljust(longest)}  {'  '.join(cells)}  {_cut(text)}".rstrip())
    wrong = len({kind for (kind, _, _), is_right in right.items() if not is_right})
    lines.append(f"{len(said)} kinds, {len(said) - wrong} right in all that was sent")
    return lines


def _cut(text: str) -> str:
    line = text.replace("\n", " / ")
    return line if len(line) <= _SAID else f"{line[: _SAID - 1]}…"


def print_kinds(terminalreporter: Any) -> None:
    """Print the table, where the tests of the kinds were run."""
    stats: Mapping[str, Sequence[Any]] = terminalreporter.stats
    left: Iterable[Any] = (
        value
        for outcome in ("passed", "failed")
        for report in stats.get(outcome, ())
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    )
    lines = kinds_table(left)
    if lines:
        terminalreporter.section("kinds that WhatsApp sends")
        for line in lines:
            terminalreporter.write_line(line)
