"""Failpoints: they stand where they are named, and strike only where tests let them."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector import failpoints
from connector.failpoints import (
    NAMES,
    FailpointDeath,
    FailpointError,
    arm,
    disarm,
    environment,
    failpoint,
    read_environment,
)

ROOT = Path(connector.__file__).parent.parent


@pytest.fixture(autouse=True)
def _leave_nothing_armed() -> Iterator[None]:
    yield
    disarm()


def test_every_name_stands_somewhere_and_every_place_has_a_name() -> None:
    sources = [
        path.read_text()
        for folder in ("connector", "migrations")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "failpoints.py"
    ]
    words = {word for text in sources for word in re.findall(r'"([a-z]+\.[a-z_]+)"', text)}
    called = {word for text in sources for word in re.findall(r'failpoint\("([^"]+)"\)', text)}

    assert called <= set(NAMES)
    assert set(NAMES) <= words


def test_nothing_is_armed_without_the_word_that_this_is_a_test() -> None:
    armed = environment("claim.read=kill")

    assert read_environment(armed) is not None
    assert read_environment({failpoints.VARIABLE: armed[failpoints.VARIABLE]}) is None
    assert read_environment({}) is None


@pytest.mark.parametrize("text", ["claim.read", "claim.read=explode", "claim.raed=kill"])
def test_an_order_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="that is none"):
        arm(text)


def test_an_order_strikes_once_on_its_pass() -> None:
    arm("claim.read=raise@2, begin.before_commit=die")

    failpoint("claim.read")
    with pytest.raises(FailpointError, match=r"claim\.read"):
        failpoint("claim.read")
    failpoint("claim.read")
    with pytest.raises(FailpointDeath):
        failpoint("begin.before_commit")


def test_passes_are_counted_where_something_is_armed() -> None:
    standing = arm("claim.read=sleep:0.001@5")

    for _ in range(6):
        failpoint("claim.read")
    failpoint("settle.before_commit")

    assert standing.passes == {"claim.read": 6, "settle.before_commit": 1}


def test_a_kill_ends_a_process_without_a_word() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "from connector.failpoints import failpoint; failpoint('claim.read'); print('never')",
        ],
        env={"PYTHONPATH": str(ROOT), **environment("claim.read=kill")},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")
