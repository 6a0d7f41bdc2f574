"""The page of threats names tests that there are, and every row of the threat model."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.security.controls import MUTANTS
from tests.security.mutants import ROOT

PAGE: Final = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS: Final = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [A-Z]\d", line)
]
_FILE: Final = re.compile(r"`(tests/[\w/]+\.py)`")
_NAME: Final = re.compile(r"`(test_\w+)`")
_DEFINED: Final = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
NAMES: Final = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in _DEFINED.findall(file.read_text(encoding="utf-8"))
}
"""Every test by its name alone, so that it may move to another file."""
ALL: Final = {
    *(f"S{n}" for n in range(1, 6)),
    *(f"T{n}" for n in range(1, 7)),
    *(f"R{n}" for n in range(1, 3)),
    *(f"I{n}" for n in range(1, 8)),
    *(f"D{n}" for n in range(1, 7)),
    *(f"E{n}" for n in range(1, 5)),
}


def test_every_threat_has_its_row() -> None:
    named = [name for cells in ROWS for name in cells[0].split(", ")]

    assert sorted(named) == sorted(ALL)


@pytest.mark.parametrize("cells", ROWS, ids=lambda cells: cells[0])
def test_every_row_names_tests_that_there_are(cells: list[str]) -> None:
    files, names = _FILE.findall(cells[3]), _NAME.findall(cells[3])

    assert files or names or "S608" in cells[3]
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert [name for name in names if name not in NAMES] == []


def test_what_was_seen_is_what_can_be_seen_again() -> None:
    claimed = {cells[0]: int(cells[4].split(" of ")[1]) for cells in ROWS if " of " in cells[4]}
    there = {row: sum(mutant.row == row for mutant in MUTANTS) for row in claimed}

    assert there == claimed
    assert {mutant.row for mutant in MUTANTS} == claimed.keys()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: f"{each.row} {Path(each.file).name}")
def test_every_control_that_can_be_taken_away_is_there_once(mutant: object) -> None:
    file, control = mutant.file, mutant.control  # type: ignore[attr-defined]  # a Mutant

    assert (ROOT / file).read_text(encoding="utf-8").count(control) == 1
