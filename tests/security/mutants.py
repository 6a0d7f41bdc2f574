"""Controls taken away, one at a time: the test named beside each must then fail.

    python -m tests.security.mutants            all of them, in a copy of the working tree
    python -m tests.security.mutants S1 T2      those of some rows of docs/security.md

Prints a line each; ends with 1 where a test did not notice.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.security.controls import MUTANTS, Mutant

ROOT: Final = Path(__file__).resolve().parents[2]
_COPIED: Final = ("connector", "adapters", "mappings", "migrations", "tests", "pyproject.toml")


def run(mutant: Mutant, folder: Path) -> bool:
    """Say whether the test fails without the control."""
    path = folder / mutant.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(mutant.control) != 1:
        raise LookupError(f"{mutant.row}: {mutant.file} holds its control not exactly once")
    path.write_text(whole.replace(mutant.control, mutant.without), encoding="utf-8")
    try:
        return _fails(mutant.test, folder)
    finally:
        path.write_text(whole, encoding="utf-8")


def _place(test: str, folder: Path) -> str:
    """Return where a test stands, as pytest names it."""
    if test.startswith("tests/"):
        return test
    defined = re.compile(rf"^(async )?def {test}\(", re.MULTILINE)
    for file in sorted((folder / "tests").rglob("test_*.py")):
        if defined.search(file.read_text(encoding="utf-8")):
            return f"{file.relative_to(folder)}::{test}"
    raise LookupError(f"there is no test {test}")


def _fails(test: str, folder: Path) -> bool:
    names, _, pattern = _place(test, folder).partition(" -k ")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
            *names.split(),
            *(["-k", pattern] if pattern else []),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode not in {0, 1}:
        raise LookupError(f"{test} did not run: {done.stdout[-300:]}{done.stderr[-300:]}")
    return done.returncode == 1


def main(rows: Sequence[str]) -> int:
    """Take the controls of these rows away, or of all."""
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in _COPIED:
            source = ROOT / each
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
                shutil.copytree(source, folder / each, ignore=ignored)
            else:
                shutil.copy(source, folder / each)
        for mutant in MUTANTS:
            if rows and mutant.row not in rows:
                continue
            noticed = run(mutant, folder)
            missed += not noticed
            word = "noticed" if noticed else "NOT NOTICED"
            control = " ".join(mutant.control.split())[:60]
            sys.stdout.write(f"{mutant.row:3} {word}: {mutant.file}: {control}\n")
            sys.stdout.flush()
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
