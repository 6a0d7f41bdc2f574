"""Waiting for whichever of several things happens first, or for all of them."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def wait_for_any(*events: asyncio.Event, seconds: float) -> None:
    """Return once one of the events is set, or after so many seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def run_together(*jobs: Coroutine[Any, Any, None]) -> None:
    """Carry out jobs side by side until all have ended; the first error ends the others.

    That error is raised as it is, not wrapped in a group.
    """
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
