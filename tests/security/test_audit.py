"""What an audit of dependencies came to is said, and never taken for better than it is."""

import importlib.util
import json
from typing import Any, Final

import pytest

from tests.security.mutants import ROOT


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("judge_audit", ROOT / ".ci" / "judge_audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


judge: Final = _load().judge
FINE: Final = {"name": "httpx", "version": "1", "vulns": []}
FLAWED: Final = {
    "name": "jinja2",
    "version": "3.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1"], "description": "x"}],
}
UNKNOWN: Final = {"name": "click", "skip_reason": "not found"}


def found(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_known_flaw_is_a_failure_with_what_mends_it() -> None:
    status, text = judge(found(FINE, FLAWED, UNKNOWN))

    assert status == 1
    assert "jinja2 3.0: PYSEC-1, mended in 3.1" in text


def test_no_flaw_is_no_failure() -> None:
    status, text = judge(found(FINE))

    assert status == 0
    assert text == "1 of 1 dependencies looked up, 0 with a flaw."


def test_what_nobody_knows_is_not_called_clean() -> None:
    status, text = judge(found(FINE, UNKNOWN))

    assert status == 0
    assert "NOT AUDITED: nothing is known here of 1 of 2: click" in text
    assert "1 of 2 dependencies looked up" in text


@pytest.mark.parametrize("answer", ["", "null", "{}", "not json", "[]"])
def test_no_answer_is_told_as_none(answer: str) -> None:
    status, text = judge(answer)

    assert status == 0
    assert "NOT AUDITED" in text
