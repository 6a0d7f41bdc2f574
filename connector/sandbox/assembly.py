"""One application of a sandbox CRM's parts: page, side door, and the API behind the wire."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from connector.sandbox.people import Gallery, page_routes
from connector.sandbox.wire import Wire


def assemble(wire: Wire, *, side_door: Sequence[Route], gallery: Gallery) -> Starlette:
    """Return the application; ``app.state`` holds the ``wire``."""
    app = Starlette(
        routes=[
            Mount("/_sandbox", routes=side_door),
            *page_routes(gallery),
            Mount("/", wire),
        ]
    )
    app.state.wire = wire
    return app
