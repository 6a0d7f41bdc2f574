"""One process of the connector as a host of its own: started, killed, paused, continued."""

import asyncio
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx

from connector.failpoints import environment
from connector.runtime.trial import Trial, TrialError

_READY_WITHIN: Final = 180.0
_LOOK_EVERY: Final = 0.02


class Host:
    """A host and the roles it carries out."""

    def __init__(self, name: str, trial: Trial, roles: str | None = None) -> None:
        self.name = name
        self.trial = trial
        self.roles = roles
        self.may_stop = False
        """Whether its process was ordered to stand still at some place, sooner or later."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, orders: str = "", *, env: Mapping[str, str] | None = None) -> None:
        """Start its process, with orders for its failpoints and variables of its own."""
        arguments = ("--only", self.roles) if self.roles else ()
        given = {**(environment(orders) if orders else {}), **(env or {})}
        self._process = self.trial.start(*arguments, env=given)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Its process, running or not."""
        if self._process is None:
            raise TrialError(f"{self.name} was never started")
        return self._process

    @property
    def runs(self) -> bool:
        """Whether it has a process that has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def stands_still(self) -> bool:
        """Whether its process was stopped by a signal."""
        if not self.runs:
            return False
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    async def until_ready(self) -> bool:
        """Wait until it says it is ready; false if it ended or stopped first."""
        async with httpx.AsyncClient(timeout=2) as client, asyncio.timeout(_READY_WITHIN):
            while self.runs and not self.stands_still:
                try:
                    answer = await client.get(f"{self.trial.admin_url}/readyz")
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status_code == 200:
                    return True
                await asyncio.sleep(0.05)
        return False

    async def until_struck(self, seconds: float) -> bool:
        """Wait until its process ended or stopped by itself; false if it has not by then."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self.runs and not self.stands_still:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_LOOK_EVERY)
        return True

    def kill(self) -> None:
        """End it as the kernel does, whatever it is doing."""
        self.process.kill()
        self.process.wait(30)

    def pause(self) -> None:
        """Let it stand still."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on as if nothing had been."""
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.terminate()
        return self.process.wait(60)
