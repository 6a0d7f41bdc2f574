"""The private side of a process: health, metrics and the status page."""

import asyncio
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.config.models import Config
from connector.deliver.destination import Destination
from connector.ledger import migrate
from connector.ledger.ledger import Ledger
from connector.receive.listener import Listener
from connector.runtime.public import Intake
from connector.runtime.status import Live, status_of


async def serve_private(
    config: Config,
    ledger: Ledger,
    intake: Intake,
    destinations: Mapping[str, Destination],
    *,
    stop: asyncio.Event,
) -> None:
    """Serve the private listener until ``stop``."""
    revision = migrate.head()

    async def healthz(_request: Request) -> Response:
        live = Live(
            budgets={name: each.client.budgets.left() for name, each in destinations.items()}
        )
        return JSONResponse(
            await ledger.read(
                status_of,
                ledger=ledger,
                config=config,
                space=intake.space,
                revision=revision,
                live=live,
            )
        )

    async def readyz(_request: Request) -> Response:
        return Response(status_code=200)

    app = Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/livez", readyz)]
    )
    await Listener(app, host=config.admin.host, port=config.admin.port).serve(stop)
