"""The whole sandbox Pipedrive as one application: page, side door, and the API behind the wire."""

from starlette.applications import Starlette
from starlette.responses import Response

from connector.sandbox.assembly import assemble
from connector.sandbox.pipedrive.answers import Answer, describe_error, throttled, unauthorized
from connector.sandbox.pipedrive.api import build_api, name_call, to_response
from connector.sandbox.pipedrive.company import Company
from connector.sandbox.pipedrive.page import Persons
from connector.sandbox.pipedrive.side_door import SideDoor
from connector.sandbox.wire import Wire


def build_app(company: Company, *, seed: int = 0) -> Starlette:
    """Return the application of a company; ``seed`` decides which calls a fault's share hits.

    ``app.state`` holds the ``company`` and the ``wire``.
    """
    wire = Wire(
        build_api(company),
        name_call=name_call,
        refusals=PipedriveRefusals(),
        latency=lambda: company.settings.latency,
        seed=seed,
    )
    app = assemble(wire, side_door=SideDoor(company, wire).routes(), gallery=Persons(company))
    app.state.company = company
    return app


class PipedriveRefusals:
    """Pipedrive's wording of what the wire says in its name."""

    def throttled(self, policy: str | None, retry_after: int | None) -> Response:
        """Return its 429: of a burst, or with policy ``daily`` of the day's budget."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if policy == "daily":
            headers["x-daily-ratelimit-token-remaining"] = "0"
        elif policy is not None:
            headers |= {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"}
        return to_response(throttled(headers))

    def unauthorized(self, category: str | None) -> Response:
        """Return its 401."""
        del category
        return to_response(unauthorized())

    def failed(self, status: int) -> Response:
        """Return its 5xx."""
        return to_response(Answer(status, describe_error(status, "Internal server error")))
