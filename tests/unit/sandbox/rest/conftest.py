"""A sandbox REST CRM to call, with a clock that stands still until it is told to move."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from connector.sandbox.rest import Account, Settings, build_app

TOKEN = "a-token"


class Clock:
    """Epoch seconds that a test decides."""

    def __init__(self) -> None:
        self.now = 1_795_518_000.0

    def __call__(self) -> float:
        return self.now


class Caller:
    """An account and the calls a test makes to it, in process."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self.account = account
        self.clock = clock
        self.app = build_app(account)
        self.headers: Mapping[str, str] = {"Authorization": f"Bearer {TOKEN}"}

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Make one call and return the answer, whatever it is; ``key`` is the idempotency key."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            headers = dict(more.pop("headers", self.headers))
            if key := more.pop("key", None):
                headers["Idempotency-Key"] = key
            async with httpx.AsyncClient(transport=transport, base_url="http://crm") as client:
                return await client.request(method, path, json=body, headers=headers, **more)

        return asyncio.run(ask())

    def data(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Call and return the record that is answered; it must succeed."""
        answer = self.call(method, f"/v1/{path}", body, **more)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()["data"]

    def refuse(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Call and return status and code; it must be refused, and change nothing."""
        before = self.records()
        answer = self.call(method, f"/v1/{path}", body, **more)
        assert answer.is_error, answer.text
        assert self.records() == before
        return answer.status_code, answer.json()["error"]["code"]

    def ids(self, path: str) -> list[int]:
        """Return the ids of a list."""
        answer = self.call("GET", f"/v1/{path}")
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["items"]]

    def order(self, name: str, **body: Any) -> httpx.Response:
        """Give an order at the side door."""
        return self.call("POST", f"/_sandbox/{name}", body, headers={})

    def state(self) -> Any:
        """Return what the side door tells."""
        return self.call("GET", "/_sandbox/state", headers={}).json()

    def records(self) -> Any:
        """Return every live record."""
        state = self.state()
        return {kind: state[kind] for kind in ("contacts", "messages")}

    def contact(self, **fields: Any) -> int:
        """Make a contact and return its id."""
        return int(self.data("POST", "contacts", {"name": "Ana", **fields})["id"])

    def message(self, contact: int, **fields: Any) -> int:
        """Make a message and return its id."""
        return int(self.data("POST", "messages", {"contact_id": contact, **fields})["id"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def crm(clock: Clock) -> Iterator[Caller]:
    account = Account(settings=Settings(rate_limit=10_000), clock=clock)
    account.access.grant(TOKEN)
    yield Caller(account, clock)
    account.store.close()
