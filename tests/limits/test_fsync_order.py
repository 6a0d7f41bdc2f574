"""What the kernel saw: every 200 left after the bytes it speaks of were on the disk."""

import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.runtime.trial import Trial, wait_until
from tests.limits.posting import bodies, post_one_by_one

_SYNCED = re.compile(r"\b(?:fdatasync|fsync)(?:\(\d+\)| resumed>\))\s+= 0")
_ANSWERED = re.compile(r'\b(?:write|writev|sendto|sendmsg)\(\d+, .*?"HTTP/1\.1 200 ')
POSTS = 20


@pytest.mark.timeout(180)
def test_no_acknowledgement_leaves_before_the_disk_has_the_webhook(
    new_trial: Callable[..., Trial],
) -> None:
    trial = new_trial(set_up=False)
    process = trial.start("--only", "receive")
    trial.wait_until_ready(process, seconds=60)
    seen = trial.folder / "seen"

    with watched(process.pid, seen):
        assert post_one_by_one(trial, bodies(POSTS, seed=1)) == [200] * POSTS

    order = [_kind(line) for line in seen.read_text(errors="replace").splitlines()]
    told = [kind for kind in order if kind]
    assert told.count("answered") == POSTS
    unsynced = [
        place
        for place, kind in enumerate(told)
        if kind == "answered" and (place == 0 or told[place - 1] != "synced")
    ]
    assert unsynced == []


@contextmanager
def watched(pid: int, seen: Path) -> Iterator[None]:
    """Write the process's calls to the kernel into a file; left out where that is not allowed."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed")
    calls = "trace=fdatasync,fsync,write,writev,sendto,sendmsg"
    tracing = subprocess.Popen(
        [program, "-f", "-s", "32", "-e", calls, "-o", str(seen), "-p", str(pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracing.stderr is not None
    try:
        said = tracing.stderr.readline()
        if "attached" not in said:
            pytest.skip(f"strace may not look at other processes here: {said.strip()}")
        yield
        wait_until(
            lambda: seen.read_text(errors="replace").count("HTTP/1.1 200") >= POSTS,
            seconds=20,
            what="every answer is seen",
        )
    finally:
        with contextlib.suppress(ProcessLookupError):
            tracing.send_signal(signal.SIGINT)
        tracing.wait(20)
        tracing.stderr.close()


def _kind(line: str) -> str:
    if _SYNCED.search(line):
        return "synced"
    return "answered" if _ANSWERED.search(line) else ""
