"""The private listener's app: ``/``, ``/metrics``, ``/livez``, ``/readyz`` and ``/healthz``."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connector.errors import LedgerError
from connector.web.access import Guard
from connector.web.health import Health
from connector.web.metrics import CONTENT_TYPE, Metrics
from connector.web.page import render_page

Status = Callable[[], Awaitable[Mapping[str, Any]]]


def make_private_app(
    *,
    health: Health,
    metrics: Metrics,
    status: Status,
    host: str,
    token: Callable[[], str | None],
) -> Guard:
    """Return the ASGI app; ``host`` is where it is served, ``token`` gives the admin token."""

    async def show_livez(_request: Request) -> Response:
        return _verdict(health.live_reasons())

    async def show_readyz(_request: Request) -> Response:
        return _verdict(health.ready_reasons())

    async def show_healthz(_request: Request) -> Response:
        return JSONResponse(await status())

    async def show_metrics(_request: Request) -> Response:
        return Response(await metrics.render(), headers={"content-type": CONTENT_TYPE})

    async def show_page(_request: Request) -> Response:
        return HTMLResponse(render_page(await status()))

    app = Starlette(
        routes=[
            Route("/livez", show_livez),
            Route("/readyz", show_readyz),
            Route("/healthz", show_healthz),
            Route("/metrics", show_metrics),
            Route("/", show_page),
        ],
        exception_handlers={LedgerError: _show_ledger_error},
    )
    return Guard(app, host=host, token=token)


def _verdict(reasons: tuple[str, ...]) -> Response:
    text = "".join(f"{reason}\n" for reason in reasons)
    return PlainTextResponse(text or "ok\n", status_code=503 if reasons else 200)


async def _show_ledger_error(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", status_code=503)
