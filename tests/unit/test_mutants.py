"""The list of mutants fits the code as it is, and what it names is there."""

import ast
import re

import pytest

from faults.mutants import MUTANTS, ROOT, Mutant

every = pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])


@every
def test_what_a_mutant_takes_away_is_there_exactly_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1


@every
def test_a_mutant_is_a_program(mutant: Mutant) -> None:
    sound = (ROOT / mutant.file).read_text()

    ast.parse(sound.replace(mutant.old, mutant.new))

    assert mutant.old != mutant.new


@every
def test_the_test_that_is_to_notice_is_there(mutant: Mutant) -> None:
    file, _, name = mutant.test.partition("::")

    assert re.search(rf"def {name}\(", (ROOT / file).read_text())
