"""A daemon's own view is taken over only from a daemon of this ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connector.config.models import AdminSettings, Config
from connector.ledger.destinations import register_destinations
from connector.ledger.leases import claim_lease
from connector.ledger.ledger import Ledger
from connector.runtime.status import read_status
from connector.sandbox.server import serve_in_thread

BUDGETS = {"burst": {"limit": 90, "left": 12, "resets_at": None}}


@pytest.fixture
def held(ledger: Ledger) -> Ledger:
    """Return the ledger with a destination that ``host:1`` holds."""
    ledger.transact(register_destinations, {"hubspot": "hubspot"})
    ledger.transact(
        claim_lease,
        "deliver/hubspot",
        owner="host:1",
        now=datetime.now(UTC),
        life=timedelta(seconds=60),
    )
    return ledger


@contextmanager
def _listening(config: Config, answer: Any) -> Iterator[Config]:
    """Yield a configuration at whose admin address something answers so."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse(answer) if isinstance(answer, str) else JSONResponse(answer)

    with serve_in_thread(Starlette(routes=[Route("/healthz", healthz)])) as url:
        port = int(url.rpartition(":")[2])
        yield config.model_copy(update={"admin": AdminSettings(port=port)})


def _answer(holder: str) -> dict[str, Any]:
    return {
        "ready": False,
        "reasons": ["draining"],
        "destinations": {"hubspot": {"holder": holder, "budgets": BUDGETS}},
        "alerts": [],
    }


def test_the_budgets_and_readiness_of_our_daemon_are_shown(held: Ledger, config: Config) -> None:
    with _listening(config, _answer("host:1")) as listening:
        status = read_status(held, listening)
    assert status["destinations"]["hubspot"]["budgets"] == BUDGETS
    assert (status["ready"], status["reasons"]) == (False, ["draining"])


@pytest.mark.parametrize(
    "answer",
    [
        _answer("host:2"),
        {"status": "ok"},
        {"destinations": ["hubspot"]},
        [1, 2],
        "<html>another program</html>",
    ],
)
def test_whatever_else_listens_there_is_not_believed(
    answer: Any, held: Ledger, config: Config
) -> None:
    with _listening(config, answer) as listening:
        status = read_status(held, listening)
    assert status["destinations"]["hubspot"]["budgets"] == {}
    assert status["ready"]
