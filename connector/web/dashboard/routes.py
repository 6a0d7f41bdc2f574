"""Which page stands where."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.web.dashboard.acting import Acting
from connector.web.dashboard.desk import Desk
from connector.web.dashboard.page import Pages, Settings
from connector.web.dashboard.reading import Reading

Refuse = Callable[[Request, Exception], Awaitable[Response]]


def dashboard_routes(desk: Desk, settings: Settings) -> tuple[list[Route], Refuse]:
    """Return the dashboard's routes, and what answers a change that was refused."""
    pages = Pages(desk, settings)
    reading, acting = Reading(pages), Acting(pages)
    routes = [
        Route("/", reading.overview),
        Route("/dead-letters", reading.letters),
        Route("/reviews", reading.reviews),
        Route("/runs", reading.runs),
        Route("/alerts", reading.alerts),
        Route("/messages/{id:int}", reading.message),
        Route("/contacts/{key}", reading.contact),
        Route("/static/{name}", reading.static),
        Route("/search", acting.search, methods=["POST"]),
        Route("/dead-letters/retry", acting.retry, methods=["POST"]),
        Route("/dead-letters/discard", acting.discard, methods=["POST"]),
        Route("/reviews/resolve", acting.resolve, methods=["POST"]),
        Route("/destinations/resume", acting.resume, methods=["POST"]),
    ]
    return routes, acting.show_refusal
