"""The private listener's app: the dashboard, metrics, health."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connector.errors import ConnectorError, LedgerError
from connector.web.access import Guard
from connector.web.dashboard.desk import Desk
from connector.web.dashboard.page import Settings
from connector.web.dashboard.routes import dashboard_routes
from connector.web.health import Health
from connector.web.metrics import CONTENT_TYPE, Metrics

Status = Callable[[], Awaitable[Mapping[str, Any]]]


def make_private_app(
    *,
    health: Health,
    metrics: Metrics,
    status: Status,
    desk: Desk,
    settings: Settings,
    host: str,
    token: Callable[[], str | None],
) -> Guard:
    """Return the ASGI app; ``host`` is where it is served, ``token`` gives the admin token.

    ``desk`` is what the dashboard shows and orders, ``settings`` how it looks.
    """

    async def show_livez(_request: Request) -> Response:
        return _verdict(health.live_reasons())

    async def show_readyz(_request: Request) -> Response:
        return _verdict(health.ready_reasons())

    async def show_healthz(_request: Request) -> Response:
        return JSONResponse(await status())

    async def show_metrics(_request: Request) -> Response:
        return Response(await metrics.render(), headers={"content-type": CONTENT_TYPE})

    pages, refuse = dashboard_routes(desk, settings)
    app = Starlette(
        routes=[
            Route("/livez", show_livez),
            Route("/readyz", show_readyz),
            Route("/healthz", show_healthz),
            Route("/metrics", show_metrics),
            *pages,
        ],
        exception_handlers={LedgerError: _show_ledger_error, ConnectorError: refuse},
    )
    return Guard(app, host=host, token=token)


def _verdict(reasons: tuple[str, ...]) -> Response:
    text = "".join(f"{reason}\n" for reason in reasons)
    return PlainTextResponse(text or "ok\n", status_code=503 if reasons else 200)


async def _show_ledger_error(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", status_code=503)
