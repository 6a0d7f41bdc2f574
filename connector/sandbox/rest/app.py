"""The whole sandbox REST CRM as one application: page, side door, and the API behind the wire."""

from starlette.applications import Starlette
from starlette.responses import Response

from connector.sandbox.assembly import assemble
from connector.sandbox.rest.account import Account
from connector.sandbox.rest.answers import Answer
from connector.sandbox.rest.api import build_api, name_call
from connector.sandbox.rest.page import Contacts
from connector.sandbox.rest.side_door import SideDoor
from connector.sandbox.wire import Wire


def build_app(account: Account, *, seed: int = 0) -> Starlette:
    """Return the application of an account; ``seed`` decides which calls a fault's share hits.

    ``app.state`` holds the ``account`` and the ``wire``.
    """
    wire = Wire(
        build_api(account),
        name_call=name_call,
        refusals=RestRefusals(),
        latency=lambda: account.settings.latency,
        seed=seed,
    )
    app = assemble(wire, side_door=SideDoor(account, wire).routes(), gallery=Contacts(account))
    app.state.account = account
    return app


class RestRefusals:
    """This CRM's wording of what the wire says in its name."""

    def throttled(self, policy: str | None, retry_after: int | None) -> Response:
        """Return its 429."""
        del policy
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return Answer(429, {"error": {"code": "RATE_LIMITED"}}, headers).to_response()

    def unauthorized(self, category: str | None) -> Response:
        """Return its 401."""
        return Answer(401, {"error": {"code": category or "BAD_TOKEN"}}).to_response()

    def failed(self, status: int) -> Response:
        """Return its 5xx."""
        return Answer(status, {"error": {"code": "INTERNAL"}}).to_response()
