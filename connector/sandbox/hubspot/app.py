"""The whole sandbox HubSpot as one application: page, side door, and the API behind the wire."""

from starlette.applications import Starlette
from starlette.responses import Response

from connector.sandbox.assembly import assemble
from connector.sandbox.hubspot.api import build_api, name_call, to_response
from connector.sandbox.hubspot.control import control_routes
from connector.sandbox.hubspot.page import Contacts
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.refusals import Answer, describe_error, throttled, unauthorized
from connector.sandbox.wire import Wire


def build_app(portal: Portal, *, seed: int = 0) -> Starlette:
    """Return the application of a portal; ``seed`` decides which calls a fault's share hits.

    ``app.state`` holds the ``portal`` and the ``wire``.
    """
    wire = Wire(
        build_api(portal),
        name_call=name_call,
        refusals=HubSpotRefusals(),
        latency=lambda: portal.settings.latency,
        seed=seed,
    )
    app = assemble(wire, side_door=control_routes(portal, wire), gallery=Contacts(portal))
    app.state.portal = portal
    return app


class HubSpotRefusals:
    """HubSpot's wording of what the wire says in its name."""

    def throttled(self, policy: str | None, retry_after: int | None) -> Response:
        """Return its 429."""
        return to_response(throttled(policy or "TEN_SECONDLY_ROLLING", retry_after=retry_after))

    def unauthorized(self, category: str | None) -> Response:
        """Return its 401."""
        return to_response(unauthorized(category or "INVALID_AUTHENTICATION"))

    def failed(self, status: int) -> Response:
        """Return its 5xx."""
        return to_response(Answer(status, describe_error("INTERNAL", "internal error")))
