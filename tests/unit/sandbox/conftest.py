"""A sandbox HubSpot to call, with a clock that stands still until it is told to move."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connector.sandbox.hubspot import Portal, Settings, build_app

TOKEN = "pat-na1-test"
OBJECTS = "/crm/objects/2026-09"


class Clock:
    """Epoch seconds that a test decides."""

    def __init__(self) -> None:
        self.now = 1_795_518_000.0

    def __call__(self) -> float:
        return self.now


class Account:
    """A portal and the calls a test makes to it, in process."""

    def __init__(self, portal: Portal, clock: Clock) -> None:
        self.portal = portal
        self.clock = clock
        self.app = build_app(portal)
        self.token = TOKEN

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Make one call and return the answer, whatever it is."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
            async with httpx.AsyncClient(transport=transport, base_url="http://crm") as client:
                return await client.request(method, path, json=body, headers=headers, **more)

        return asyncio.run(ask())

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        """Post to a path below the objects, or a whole one; the status is checked."""
        whole = path if path.startswith("/") else f"{OBJECTS}/{path}"
        answer = self.call("POST", whole, body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def get(self, path: str, status: int = 200) -> Any:
        """Get a path below the objects, or a whole one; the status is checked."""
        whole = path if path.startswith("/") else f"{OBJECTS}/{path}"
        answer = self.call("GET", whole)
        assert answer.status_code == status, answer.text
        return answer.json()

    def define_keys(self) -> None:
        """Create the two unique properties of a connector."""
        for kind, name in (("contacts", "wa_contact_key"), ("communications", "wa_message_key")):
            self.post(f"/crm/properties/2026-09/{kind}", unique_property(name), 201)

    def make_contact(self, **properties: str) -> str:
        """Make a contact and return its id."""
        body = {"properties": properties or {"firstname": "Ana"}, "associations": []}
        made: str = self.post("contacts", body, 201)["id"]
        return made

    def upsert(self, kind: str, inputs: list[dict[str, Any]], status: int = 200) -> Any:
        """Upsert a batch."""
        return self.post(f"{kind}/batch/upsert", {"inputs": inputs}, status)

    def search(
        self, kind: str, *groups: list[dict[str, Any]], status: int = 200, **more: Any
    ) -> Any:
        """Search; each group is a list of filters."""
        body = {
            "filterGroups": [{"filters": filters} for filters in groups],
            "properties": [],
            "limit": 200,
            "after": "0",
            "sorts": [],
            **more,
        }
        return self.post(f"{kind}/search", body, status)


def unique_property(name: str) -> dict[str, Any]:
    """Return the body that creates a unique text property."""
    return {
        "groupName": "information",
        "name": name,
        "label": name,
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": True,
    }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hubspot(clock: Clock) -> Iterator[Account]:
    portal = Portal(settings=Settings(index_lag=0.0), clock=clock)
    portal.access.grant(TOKEN)
    yield Account(portal, clock)
    portal.store.close()


@pytest.fixture
def keyed(hubspot: Account) -> Account:
    """Return a portal with both unique properties."""
    hubspot.define_keys()
    return hubspot
