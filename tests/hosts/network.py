"""Hosts of a network of their own on this machine: network namespaces, joined by two bridges.

Every host has an address on the *open* network, where webhooks and the CRM are, and one on the
*data* network, where PostgreSQL is. Taking a host off a bridge is what a broken switch does: what
is sent vanishes, and nobody is told.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

Side = Literal["open", "data"]
SIDES: Final[tuple[Side, ...]] = ("open", "data")
_BENCHMARKING: Final[dict[Side, str]] = {"open": "198.18", "data": "198.19"}
"""Networks that nobody routes: RFC 2544."""


class NoNamespacesError(Exception):
    """This machine does not let us make networks; says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a host is: the namespace, and its address on each side."""

    namespace: str
    number: int
    net: int

    def address(self, side: Side) -> str:
        """Return its address."""
        return f"{_BENCHMARKING[side]}.{self.net}.{self.number}"

    @property
    def through(self) -> tuple[str, ...]:
        """What to put before a command, so that it runs there."""
        return ("ip", "netns", "exec", self.namespace)

    def far_end(self, side: Side) -> str:
        """Return the name of its cable's other end, which is plugged into the bridge."""
        return f"{self.namespace}{side[0]}"


class Network:
    """Two bridges, to which this process has addresses too, and the hosts on them."""

    def __init__(self) -> None:
        """Make the bridges. Raises ``NoNamespacesError`` where that is not allowed."""
        if os.geteuid() != 0 or shutil.which("ip") is None:
            raise NoNamespacesError("needs root and the program `ip` (Debian: iproute2)")
        self._mark = secrets.token_hex(3)
        self._net = secrets.randbelow(250)
        self._sites: list[Site] = []
        self._undo: list[Callable[[], None]] = []
        try:
            for side in SIDES:
                _ip("link", "add", self._bridge(side), "type", "bridge")
                self._undo.append(partial(_ip, "link", "del", self._bridge(side)))
                address = f"{_BENCHMARKING[side]}.{self._net}.254/24"
                _ip("addr", "add", address, "dev", self._bridge(side))
                _ip("link", "set", self._bridge(side), "up")
            self.add()
        except (OSError, subprocess.CalledProcessError) as error:
            self.remove()
            said = getattr(error, "stderr", None) or str(error)
            raise NoNamespacesError(f"no network namespaces here: {said.strip()}") from error

    def add(self) -> Site:
        """Add a host."""
        number = len(self._sites) + 1
        site = Site(f"wa{self._mark}{number}", number, self._net)
        _ip("netns", "add", site.namespace)
        self._undo.append(partial(_ip, "netns", "del", site.namespace))
        _ip("-n", site.namespace, "link", "set", "lo", "up")
        for side in SIDES:
            far = site.far_end(side)
            _ip("link", "add", far, "type", "veth", "peer", side, "netns", site.namespace)
            _ip("link", "set", far, "master", self._bridge(side), "up")
            _ip("-n", site.namespace, "addr", "add", f"{site.address(side)}/24", "dev", side)
            _ip("-n", site.namespace, "link", "set", side, "up")
        self._sites.append(site)
        return site

    def cut(self, site: Site, *sides: Side) -> None:
        """Take a host off the networks named, or off both."""
        for side in sides or SIDES:
            _ip("link", "set", site.far_end(side), "nomaster")

    def mend(self, site: Site) -> None:
        """Put a host back on both networks."""
        for side in SIDES:
            _ip("link", "set", site.far_end(side), "master", self._bridge(side))

    def remove(self) -> None:
        """Remove every host and bridge. Their processes must have ended."""
        for undo in reversed(self._undo):
            try:
                undo()
            except subprocess.CalledProcessError as error:
                print(f"left behind: {error.cmd}")  # noqa: T201 - for whoever looks at the test
        self._undo.clear()

    def _bridge(self, side: Side) -> str:
        return f"wa{self._mark}{side[0]}br"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)  # noqa: S607
