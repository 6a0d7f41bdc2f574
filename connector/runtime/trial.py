"""A trial installation: a whole connector in one folder, against a sandbox CRM, on loopback.

What ``connector demo`` shows, the flow tests exercise and the benchmarks measure. Sandbox and
connector are processes of their own that speak HTTP, as they would in earnest.
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx

from connector.errors import ConnectorError
from connector.sandbox.conversations import NUMBERS
from connector.sandbox.envelopes import BusinessNumber

FAST: Final[Mapping[str, float]] = {
    "request_timeout": 2,
    "send_gate": 0.5,
    "quiet_period": 1,
    "verify_gap": 0.2,
    "lease": 6,
    "backoff_min": 0.1,
    "backoff_max": 1,
    "breaker_min": 0.3,
    "breaker_max": 1,
    "probe": 0.5,
    "drain": 5,
}
"""Waits that suit a CRM on the same machine."""


_NEVER: Final[Mapping[str, str]] = dict.fromkeys(("reconcile", "retention", "check"), "off")


class TrialError(ConnectorError):
    """A process of a trial did not start or ended too early."""


def free_port() -> int:
    """Return a port of loopback that nobody listens on now.

    From below the range that systems hand out by themselves: a daemon that is killed and started
    again must not find its port taken by somebody's outgoing connection.
    """
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(slots=True)
class SandboxCrm:
    """A sandbox CRM that runs as a process."""

    url: str
    token: str
    process: subprocess.Popen[str]

    @classmethod
    def start(
        cls, crm: str, folder: Path, *, settings: Mapping[str, Any] | None = None
    ) -> "SandboxCrm":
        """Start it with its records in ``folder``; returns once it listens."""
        token_file = folder / f"{crm}_token"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "connector.sandbox", crm, "--port", "0"),
                *("--data", str(folder / f"{crm}.sandbox.db"), "--token-file", str(token_file)),
                *("--set", json.dumps(dict(settings or {}))),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None  # noqa: S101 - asked for above
        line = process.stdout.readline()
        if not line:
            raise TrialError(f"the sandbox {crm} did not start")
        return cls(json.loads(line)["url"], token_file.read_text().strip(), process)

    def state(self, **query: str) -> dict[str, Any]:
        """Return what the sandbox holds: the oracle."""
        answer = httpx.get(f"{self.url}/_sandbox/state", params=query, timeout=30)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def order(self, what: str, body: Any, *, method: str = "POST") -> Any:
        """Give an order at the side door: ``faults``, ``merge``, ``delete``, ``settings`` ..."""
        answer = httpx.request(method, f"{self.url}/_sandbox/{what}", json=body, timeout=30)
        return answer.raise_for_status().json() if answer.content else None

    def stop(self) -> None:
        """End it."""
        _end(self.process)


@dataclass(slots=True)
class Trial:
    """A folder with a configuration, and the daemon that runs on it."""

    folder: Path
    crm: SandboxCrm
    secret: str
    webhook_port: int
    admin_port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    commands: list[subprocess.Popen[str]] = field(default_factory=list)
    file: str = "config.toml"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / self.file

    def another_host(self) -> "Trial":
        """Return the same installation as another of its hosts sees it: with ports of its own."""
        number = len(list(self.folder.glob("config*.toml"))) + 1
        host = replace(
            self, webhook_port=free_port(), admin_port=free_port(), file=f"config{number}.toml"
        )
        text = self.config.read_text()
        for mine, its in (
            (self.webhook_port, host.webhook_port),
            (self.admin_port, host.admin_port),
        ):
            text = text.replace(f"\nport = {mine}\n", f"\nport = {its}\n")
        host.config.write_text(text)
        return host

    @property
    def webhook_url(self) -> str:
        """Where Meta would post to."""
        return f"http://127.0.0.1:{self.webhook_port}/webhooks/whatsapp"

    @property
    def admin_url(self) -> str:
        """The private listener."""
        return f"http://127.0.0.1:{self.admin_port}"

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start ``connector run`` on the folder; its log goes to ``connector.log``."""
        with (self.folder / "connector.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "connector",
                    "--config",
                    str(self.config),
                    "run",
                    *arguments,
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
            )
        self.processes.append(process)
        return process

    def wait_until_ready(self, process: subprocess.Popen[bytes], *, seconds: float = 60) -> None:
        """Wait until the daemon says that it is ready."""

        def ready() -> bool:
            if process.poll() is not None:
                raise TrialError(f"the connector ended: {self.last_words()}")
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"{self.admin_url}/readyz", timeout=2).status_code == 200
            return False

        wait_until(
            ready, seconds=seconds, what="the connector is ready", last_words=self.last_words
        )

    def command(self, *arguments: str, check: bool = True) -> dict[str, Any]:
        """Run another command on the folder and return its ``--json`` answer."""
        done = subprocess.run(
            [sys.executable, "-m", "connector", "--config", str(self.config), *arguments, "--json"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode not in (0, 1):
            raise TrialError(f"`connector {' '.join(arguments)}` failed: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def command_in_background(self, *arguments: str) -> subprocess.Popen[str]:
        """Start another command on the folder; its ``--json`` answer comes on stdout."""
        process = subprocess.Popen(
            [sys.executable, "-m", "connector", "--config", str(self.config), *arguments, "--json"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.commands.append(process)
        return process

    def status(self) -> dict[str, Any]:
        """Return ``/healthz``."""
        found: dict[str, Any] = httpx.get(f"{self.admin_url}/healthz", timeout=10).json()
        return found

    def wait_until_settled(self, *, seconds: float = 60) -> dict[str, Any]:
        """Wait until nothing is on its way any more; return the last status."""
        last: dict[str, Any] = {}

        def settled() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                last.update(self.status())
                waiting = last["webhooks"]["waiting"]
                return waiting == 0 and all(d["open"] == 0 for d in last["destinations"].values())
            return False

        wait_until(settled, seconds=seconds, what="all is settled", last_words=self.last_words)
        return last

    def last_words(self) -> str:
        """Return the end of the daemon's log."""
        log = self.folder / "connector.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else "(no log)"

    def stop(self) -> None:
        """End the daemon and the sandbox."""
        for process in self.processes:
            _end(process)
        for command in self.commands:
            _end(command)
        self.crm.stop()


def prepare_trial(
    folder: Path,
    crm: SandboxCrm,
    *,
    adapter: str,
    ledger_url: str | None = None,
    tuning: Mapping[str, float] | None = None,
    destination: Mapping[str, Any] | None = None,
    schedule: Mapping[str, str] | None = None,
    extra: str = "",
) -> Trial:
    """Write a configuration with its secrets as files into ``folder``.

    Nothing runs by the clock unless ``schedule`` says so: calls are counted in trials.
    """
    secret, token = secrets.token_hex(16), secrets.token_hex(24)
    trial = Trial(folder, crm, secret, free_port(), free_port())
    for name, text in (("app_secret", secret), ("verify_token", token), ("crm_token", crm.token)):
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n")
    lines = [
        "[ledger]",
        f"url = {json.dumps(ledger_url or 'sqlite:///connector.db')}",
        'min_free = "1MiB"',
        "[webhook]",
        f"port = {trial.webhook_port}",
        "[admin]",
        f"port = {trial.admin_port}",
        "[whatsapp]",
        'app_secrets = [{ file = "app_secret" }]',
        'verify_token = { file = "verify_token" }',
        *(line for number in NUMBERS for line in _number(number)),
        f"[destinations.{adapter}]",
        f'adapter = "{adapter}"',
        f"base_url = {json.dumps(crm.url)}",
        'token = { file = "crm_token" }',
        *_toml(destination or {"batch_wait": "200ms"}),
        "[media]",
        "download = false",
        "[schedule]",
        *_toml({**_NEVER, **(schedule or {})}),
        "[tuning]",
        *_toml({**FAST, **(tuning or {})}),
        "[log]",
        'format = "json"',
    ]
    trial.config.write_text("\n".join(lines) + "\n" + extra)
    return trial


def _number(number: BusinessNumber) -> list[str]:
    return [
        "[[whatsapp.numbers]]",
        *_toml(
            {
                "phone_number_id": number.phone_number_id,
                "waba_id": number.waba_id,
                "name": number.name,
                "country": number.country,
            }
        ),
    ]


def _toml(values: Mapping[str, Any]) -> list[str]:
    """Return lines of TOML; a text that starts with ``{`` stands as an inline table."""
    return [
        f"{key} = {value}"
        if isinstance(value, str) and value.startswith("{")
        else f"{key} = {json.dumps(value)}"
        for key, value in values.items()
    ]


def wait_until(
    holds: Callable[[], bool],
    *,
    seconds: float,
    what: str,
    last_words: Callable[[], str] = lambda: "",
    every: float = 0.05,
) -> None:
    """Ask every so many seconds until something holds; ``TrialError`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TrialError(f"after {seconds:g} s it is still not so that {what}. {last_words()}")
        time.sleep(every)


def _end(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
