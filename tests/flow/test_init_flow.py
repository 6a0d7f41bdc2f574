"""``init`` as somebody at a terminal meets it: asked, tried at once, and a passing ``check``."""

import os
import pty
import select
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from connector.runtime.trial import SandboxCrm, free_port
from connector.sandbox.graph import Account, App, Number, Token, World, build_app
from connector.sandbox.server import serve_in_thread

ACCOUNT, NUMBER, APP = "102290129340398", "106540352242922", "771"
APP_SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = "EAAcanaryOfTheGraph0000000001"
PATIENCE: Final = 60.0


class Terminal:
    """A person at a terminal: reads what is shown, and types."""

    def __init__(self, *arguments: str, folder: Path) -> None:
        self._master, ours = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "connector", *arguments],
            stdin=ours,
            stdout=ours,
            stderr=ours,
            cwd=folder,
            start_new_session=True,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "200"},
        )
        os.close(ours)
        self.shown = ""

    def answer(self, question: str, typed: str) -> None:
        """Wait until a question is asked, and type the answer."""
        before = len(self.shown)
        deadline = time.monotonic() + PATIENCE
        while question not in self.shown[before:]:
            assert time.monotonic() < deadline, f"never asked {question!r}:\n{self.shown}"
            assert self._read(), f"ended before {question!r}:\n{self.shown}"
        os.write(self._master, f"{typed}\n".encode())

    def end(self) -> int:
        """Read to the end, and return the exit status."""
        while self._read():
            continue
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        try:
            told = os.read(self._master, 65536) if ready else b""
        except OSError:  # how a terminal says that nobody is at its other end any more
            told = b""
        self.shown += told.decode()
        return bool(told)


@pytest.fixture
def graph() -> Iterator[tuple[str, World]]:
    """Serve a Graph API in which one account is subscribed by one app."""
    world = World(
        apps=[App(id=APP, name="Our app", secret=APP_SECRET)],
        accounts=[Account(id=ACCOUNT, subscribed={APP: None})],
        numbers=[Number(id=NUMBER, account=ACCOUNT)],
        tokens=[Token(token=TOKEN, app=APP)],
    )
    with serve_in_thread(build_app(world)) as url:
        yield url, world


@contextmanager
def _sandbox(crm: str, folder: Path) -> Iterator[SandboxCrm]:
    folder.mkdir()
    started = SandboxCrm.start(crm, folder, settings={"index_lag": 0.2})
    try:
        yield started
    finally:
        started.stop()


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "connector", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("crm", ["hubspot", "pipedrive", "rest"])
def test_what_is_told_is_tried_and_what_is_written_passes_the_check(
    tmp_path: Path, graph: tuple[str, World], crm: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with _sandbox(crm, tmp_path / "crm") as sandbox:
        known = ["init", "--base-url", sandbox.url, "--graph-url", graph[0]]
        with closing(Terminal(*known, folder=home)) as terminal:
            terminal.answer("Which CRM", crm)
            if crm == "rest":
                terminal.answer("Its mapping", "rest/sandbox")
            asked = f"The token of {crm}"
            terminal.answer(asked, "never-a-token")
            terminal.answer("Give another", "y")
            terminal.answer(asked, sandbox.token)
            terminal.answer("phone_number_id", NUMBER)
            terminal.answer("Business account id", ACCOUNT)
            for question in ("What you call this number", "Its country", "Your time zone"):
                terminal.answer(question, "")
            terminal.answer("Meta's app secret", APP_SECRET)
            terminal.answer("The access token for Meta", "EAAnever")
            terminal.answer("Give another", "y")
            terminal.answer("The access token for Meta", TOKEN)
            terminal.answer("Secrets in env or file", "")
            assert terminal.end() == 0, terminal.shown
        shown = " ".join(terminal.shown.split())
        for secret in (sandbox.token, APP_SECRET, TOKEN, "never-a-token"):
            assert secret not in shown, "a secret was shown"
        assert "Cannot parse access token" in shown
        assert "is subscribed by Our app" in shown
        assert "has no callback" not in shown, "that is for later"
        written = {path.name: path for path in home.rglob("*") if path.is_file()}
        assert {"config.toml", "app_secret", "access_token", f"{crm}_token"} <= written.keys()
        for name in ("app_secret", "access_token", "verify_token", f"{crm}_token"):
            assert stat.S_IMODE(written[name].stat().st_mode) == 0o600
        config = written["config.toml"].read_text()
        assert all(secret not in config for secret in (sandbox.token, APP_SECRET, TOKEN))

        if crm != "rest":
            assert _run(home, "setup", crm, "--apply").returncode == 0
        checked = _run(home, "check", crm)
        assert checked.returncode == 0, checked.stdout
        assert "FAIL" not in checked.stdout


def test_nothing_is_tried_or_asked_with_yes_and_tokens_may_come_later(tmp_path: Path) -> None:
    with closing(
        Terminal("init", "--base-url", f"http://127.0.0.1:{free_port()}", folder=tmp_path)
    ) as terminal:
        terminal.answer("Which CRM", "hubspot")
        terminal.answer("The token of hubspot", "")
        terminal.answer("phone_number_id", NUMBER)
        for question in ("Business account id", "What you call", "Its country", "Your time zone"):
            terminal.answer(question, "")
        terminal.answer("Meta's app secret", "")
        terminal.answer("The access token for Meta", "")
        terminal.answer("Secrets in env or file", "")
        assert terminal.end() == 0, terminal.shown
    assert "HUBSPOT_TOKEN" in terminal.shown
    config = (tmp_path / "config.toml").read_text()
    assert 'token = { env = "HUBSPOT_TOKEN" }' in config
    assert "access_token" not in config


def test_a_crm_that_can_not_be_reached_is_told_and_may_be_taken_nevertheless(
    tmp_path: Path,
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with closing(Terminal("init", "--base-url", nobody, folder=tmp_path)) as terminal:
        terminal.answer("Which CRM", "pipedrive")
        terminal.answer("The token of pipedrive", "abc")
        terminal.answer("Give another", "n")
        assert "cannot be reached" in terminal.shown or "base_url" in terminal.shown
        terminal.answer("phone_number_id", NUMBER)
        for question in ("Business account id", "What you call", "Its country", "Your time zone"):
            terminal.answer(question, "")
        terminal.answer("Meta's app secret", "")
        terminal.answer("The access token for Meta", "")
        terminal.answer("Secrets in env or file", "")
        assert terminal.end() == 0
    assert (tmp_path / "secrets" / "pipedrive_token").read_text() == "abc\n"
