"""A portal and its adapter, put to a case."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from connector.crm.registry import Connection

Case = Callable[[Connection], Awaitable[None]]


def run(crm: Any, case: Case, **options: Any) -> None:
    async def play() -> None:
        connection = crm.connect(**options)
        try:
            await case(connection)
        finally:
            await connection.aclose()

    asyncio.run(play())


def harm(crm: Any, call: str, **fault: Any) -> None:
    crm.order("POST", "/faults", {"match": {"call": call}, **fault})
