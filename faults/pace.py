"""Keeps sender and harm in step, so that all harm is done under load."""

import asyncio
import contextlib
from collections.abc import Callable

AHEAD = 2
"""Slices that the sender may be ahead of the harm, and acts of harm ahead of the sender."""


class Pace:
    """Counts slices sent and harm done; either waits for the other."""

    def __init__(self, acts: int) -> None:
        self._acts = acts
        self._sent = 0
        self._begun = 0
        self._change = asyncio.Condition()

    async def before_slice(self) -> None:
        """Wait until the harm has come this far."""
        async with self._change:
            await self._change.wait_for(
                lambda: self._begun >= self._acts or self._sent <= self._begun + AHEAD
            )

    async def after_slice(self) -> None:
        """Note that a slice is acknowledged."""
        async with self._change:
            self._sent += 1
            self._change.notify_all()

    async def before_harm(self, is_well: Callable[[], bool]) -> None:
        """Wait until the sender has come this far, while the host is well; note an act of harm.

        The sender may be waiting for just this host.
        """
        async with self._change:
            while self._begun > self._sent + AHEAD and self._sent < self._acts and is_well():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._change.wait(), 0.05)
            self._begun += 1
            self._change.notify_all()
