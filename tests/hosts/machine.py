"""One host: its place in the network, and the processes of the connector that run there."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from connector.runtime.trial import Trial, free_port, wait_until
from tests.hosts.network import Site


@dataclass(slots=True)
class Machine:
    """A host and what it runs: one process for each text of roles."""

    site: Site
    trial: Trial
    roles: Sequence[str]
    token: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    admin_ports: list[int] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    program: Path | None = None
    """The folder of another release of the program, where this host runs another."""

    @property
    def webhook_address(self) -> str:
        """Where it takes webhooks, as host and port."""
        return f"{self.site.address('open')}:{self.trial.webhook_port}"

    def start(self) -> None:
        """Start its processes."""
        self.processes, self.admin_ports = [], []
        for roles in self.roles:
            port = free_port()
            with (self.trial.folder / "connector.log").open("ab") as log:
                process = subprocess.Popen(
                    [
                        *self.site.through,
                        *(
                            sys.executable,
                            "-m",
                            "connector",
                            "--config",
                            str(self._configure(port)),
                        ),
                        *("run", "--only", roles),
                    ],
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **self.env, **self._path()},
                    cwd=self.program or Path.cwd(),
                )
            self.processes.append(process)
            self.admin_ports.append(port)

    def wait_until_ready(self, *, seconds: float = 60) -> None:
        """Wait until each of its processes says that it is ready."""
        wait_until(
            lambda: all(self.reasons(place) == [] for place in range(len(self.processes))),
            seconds=seconds,
            what=f"{self.roles} of host {self.site.number} are ready",
            last_words=self.trial.last_words,
        )

    def reasons(self, place: int = 0) -> list[str] | None:
        """Return why a process is not ready; ``None`` where it does not answer."""
        try:
            answer = httpx.get(f"{self.admin_url(place)}/readyz", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return None
        return [] if answer.status_code == 200 else answer.text.splitlines()

    def admin_url(self, place: int = 0) -> str:
        """Return the address of a process's private listener."""
        return f"http://{self.site.address('open')}:{self.admin_ports[place]}"

    def metric(self, name: str) -> float:
        """Return a counter, summed over the host's processes that answer."""
        total = 0.0
        for place in range(len(self.processes)):
            try:
                answer = httpx.get(
                    f"{self.admin_url(place)}/metrics",
                    headers={"authorization": f"Bearer {self.token}"},
                    timeout=2,
                    trust_env=False,
                )
            except httpx.HTTPError:
                continue
            for line in answer.text.splitlines():
                if line.startswith(f"{name} "):
                    total += float(line.split()[1])
        return total

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process."""
        for process in self.processes:
            process.send_signal(number)

    def kill(self) -> None:
        """End every process as a power cut does."""
        self.signal(signal.SIGKILL)
        for process in self.processes:
            process.wait(30)

    def end(self) -> list[int]:
        """Ask every process to end, and return their exit statuses."""
        self.signal(signal.SIGTERM)
        return [process.wait(60) for process in self.processes]

    def stop(self) -> None:
        """End what still runs, paused or not."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait(30)

    def runs(self, owner: str) -> bool:
        """Say whether the owner of a lease is one of its processes."""
        return any(owner.endswith(f":{process.pid}") for process in self.processes)

    def _configure(self, admin_port: int) -> Path:
        """Write the configuration of one process: the installation's, with its own addresses."""
        host = self.site.address("open")
        trial = self.trial
        text = trial.config.read_text()
        text = text.replace(
            f"[webhook]\nport = {trial.webhook_port}\n",
            f'[webhook]\nhost = "{host}"\nport = {trial.webhook_port}\n',
        ).replace(
            f"[admin]\nport = {trial.admin_port}\n",
            f'[admin]\nhost = "{host}"\nport = {admin_port}\ntoken = {{ file = "admin_token" }}\n',
        )
        path = trial.folder / f"host{self.site.number}-{admin_port}.toml"
        path.write_text(text)
        return path

    def _path(self) -> dict[str, str]:
        return {} if self.program is None else {"PYTHONPATH": str(self.program)}
