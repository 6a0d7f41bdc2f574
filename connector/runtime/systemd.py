"""What systemd is told: that this process is ready, that it still lives, that it is going.

A datagram to the socket that ``NOTIFY_SOCKET`` names; without that variable nothing is said. With
``WatchdogSec`` in the unit, systemd ends a process that has not spoken for so long.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from typing import Final

import structlog

from connector.waiting import wait_for_any
from connector.web.health import Health

log = structlog.get_logger()
_DEFAULT: Final = 10.0


async def tell_systemd(
    health: Health, *, stop: asyncio.Event, environ: Mapping[str, str] = os.environ
) -> None:
    """Say ``READY=1`` after the first heartbeat, then ``WATCHDOG=1`` while all is alive."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        await stop.wait()
        return
    while not (health.beaten.is_set() or stop.is_set()):
        await wait_for_any(health.beaten, stop, seconds=_DEFAULT)
    if health.beaten.is_set():
        _say(address, "READY=1")
    every = _watchdog_seconds(environ) / 3
    while not stop.is_set():
        if not health.live_reasons():
            _say(address, "WATCHDOG=1")
        await wait_for_any(stop, seconds=every)
    _say(address, "STOPPING=1")


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() and int(text) else _DEFAULT


def _say(address: str, words: str) -> None:
    name = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)
            line.sendto(words.encode(), name)
    except OSError as error:
        log.warning("systemd.untold", reason=type(error).__name__)
