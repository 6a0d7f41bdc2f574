"""A sandbox Pipedrive to call, with a clock that stands still until it is told to move."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connector.sandbox.pipedrive import Company, Settings, build_app

TOKEN = "c0ffee" * 6 + "c0ff"


class Clock:
    """Epoch seconds that a test decides."""

    def __init__(self) -> None:
        self.now = 1_795_518_000.0

    def __call__(self) -> float:
        return self.now


class Account:
    """A company and the calls a test makes to it, in process."""

    def __init__(self, company: Company, clock: Clock) -> None:
        self.company = company
        self.clock = clock
        self.app = build_app(company)
        self.headers = {"x-api-token": TOKEN}

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Make one call and return the answer, whatever it is."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            headers = more.pop("headers", self.headers)
            async with httpx.AsyncClient(transport=transport, base_url="http://crm") as client:
                return await client.request(method, path, json=body, headers=headers, **more)

        return asyncio.run(ask())

    def data(self, method: str, path: str, body: Any = None) -> Any:
        """Call below /api and return the data; it must succeed."""
        answer = self.call(method, f"/api/{path}", body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True
        return answer.json()["data"]

    def refuse(self, method: str, path: str, body: Any = None) -> int:
        """Call below /api and return the status; it must be refused, and write nothing."""
        before = self.state()["counts"]
        answer = self.call(method, f"/api/{path}", body)
        assert answer.json()["success"] is False
        assert self.state()["counts"] == before
        return answer.status_code

    def state(self) -> Any:
        """Return the oracle."""
        return self.call("GET", "/_sandbox/state").json()

    def person(self, name: str = "Ana", *phones: str, **more: Any) -> int:
        """Make a person and return its id."""
        body = {"name": name, "phones": [{"value": each} for each in phones], **more}
        return int(self.data("POST", "v2/persons", body)["id"])

    def field(self, name: str = "WhatsApp key", kind: str = "varchar", **more: Any) -> str:
        """Make a custom field and return its code."""
        body = {"field_name": name, "field_type": kind, **more}
        return str(self.data("POST", "v2/personFields", body)["field_code"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pipedrive(clock: Clock) -> Iterator[Account]:
    company = Company(
        settings=Settings(index_lag=3.0, burst_limit=10_000, search_limit=10_000), clock=clock
    )
    company.access.grant(TOKEN)
    yield Account(company, clock)
    company.store.close()
