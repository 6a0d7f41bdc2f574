"""A dashboard over real HTTP, on a ledger with something to look at."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from connector.config.models import Config
from connector.errors import ConnectorError
from connector.ledger.ledger import Ledger
from connector.web.access import Guard
from connector.web.dashboard.routes import dashboard_routes
from connector.web.listener import PrivateListener
from tests.rows import Rows
from tests.web.office import desk_of, read_config, settings_of


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a configuration in English."""
    return read_config(tmp_path)


@pytest.fixture
def rows(sqlite_ledger: Ledger) -> Rows:
    """Return what writes rows; a contact and a message are there already."""
    return Rows(sqlite_ledger)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard at work, and somebody who looks at it."""

    url: str
    client: httpx.AsyncClient

    async def page(self, path: str, **query: Any) -> str:
        """Return a page, which must be there."""
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def send(
        self, path: str, fields: dict[str, Any], *, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a form as a browser does from one of our pages."""
        own = {"origin": self.url, "sec-fetch-site": "same-origin"}
        return await self.client.post(
            path, data=fields, headers=own if headers is None else headers
        )


@pytest.fixture
async def dashboard(
    anyio_backend: Any, sqlite_ledger: Ledger, config: Config, rows: Rows
) -> AsyncIterator[Dashboard]:
    """Serve the dashboard on a free port of loopback."""
    assert anyio_backend
    assert rows
    routes, refuse = dashboard_routes(desk_of(config, sqlite_ledger), settings_of(config))
    app = Starlette(routes=routes, exception_handlers={ConnectorError: refuse})
    guarded = Guard(app, host="127.0.0.1", token=lambda: None)
    listener = PrivateListener(guarded, host="127.0.0.1", port=0)
    stop = asyncio.Event()
    serving = asyncio.create_task(listener.serve(stop))
    await listener.listening.wait()
    url = f"http://127.0.0.1:{listener.port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield Dashboard(url, client)
    stop.set()
    await serving
