"""What can be changed from the dashboard, and searching, which takes what a person types."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connector.errors import ConnectorError
from connector.ledger.dead_letters import Filter
from connector.web.dashboard.forms import (
    FormRefusedError,
    actor_of,
    read_fields,
    require_own_page,
)
from connector.web.dashboard.page import LARGEST_ID, Pages


class Acting:
    """Answers forms. After each it leads back to a page, so that nothing is sent twice."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._desk = pages.desk

    async def search(self, request: Request) -> Response:
        """Lead to the page about an id or phone, which stands in no address on the way."""
        require_own_page(request.headers)
        given = (await read_fields(request)).get("given", "").strip()[:1000]
        path = await self._desk.find(given) if given else None
        if path is None:
            return await self._pages.show(request, "unknown.html", status_code=404)
        return self._lead_to(request, path)

    async def retry(self, request: Request) -> Response:
        """Give dead letters another try: one, or all that a filter leaves."""
        fields = await self._pages.forms.read(request)
        count = await self._desk.retry(_which(fields), by=_actor(request))
        return self._lead_back(request, fields, done=f"retried-{count}")

    async def discard(self, request: Request) -> Response:
        """Give one dead letter up."""
        fields = await self._pages.forms.read(request)
        reason = fields.get("reason", "").strip()
        if not reason:
            raise FormRefusedError(
                "a dead letter is given up for a reason", remedy="go back and say why"
            )
        which = Filter(ids=(_id(fields),))
        count = await self._desk.discard(which, reason=reason, by=_actor(request))
        return self._lead_back(request, fields, done=f"discarded-{count}")

    async def resolve(self, request: Request) -> Response:
        """Carry out what a person decides."""
        fields = await self._pages.forms.read(request)
        decision = fields.get("decision", "")
        await self._desk.resolve(_id(fields), decision, by=_actor(request))
        return self._lead_to(request, "/reviews", done="resolved-1")

    async def resume(self, request: Request) -> Response:
        """End a pause."""
        fields = await self._pages.forms.read(request)
        name = fields.get("destination", "")
        if name not in (await self._desk.status())["destinations"]:
            raise FormRefusedError("there is no such destination", remedy="load the page again")
        await self._desk.resume(name, by=_actor(request))
        return self._lead_to(request, "/")

    async def show_refusal(self, request: Request, error: Exception) -> Response:
        """Show why nothing was done."""
        status_code = 403 if isinstance(error, FormRefusedError) else 409
        remedy = error.remedy if isinstance(error, ConnectorError) else None
        return await self._pages.show(
            request, "refused.html", status_code=status_code, reason=str(error), remedy=remedy
        )

    def _lead_to(self, request: Request, path: str, **query: object) -> Response:
        return RedirectResponse(self._pages.link(request)(path, **query), status_code=303)

    def _lead_back(self, request: Request, fields: dict[str, str], *, done: str) -> Response:
        """Lead to the page the form stood on, if it is one that has such forms."""
        back = fields.get("back", "")
        if not back.startswith(("/messages/", "/contacts/")) or not back.isascii():
            back = "/dead-letters"
        return self._lead_to(
            request,
            back,
            destination=fields.get("destination") or None,
            code=fields.get("code") or None,
            done=done,
        )


def _which(fields: dict[str, str]) -> Filter:
    if fields.get("id"):
        return Filter(ids=(_id(fields),))
    if fields.get("all") == "1":
        return Filter(
            destination=fields.get("destination") or None, code=fields.get("code") or None
        )
    raise FormRefusedError("nothing was chosen", remedy="load the page again")


def _id(fields: dict[str, str]) -> int:
    text = fields.get("id", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) >= LARGEST_ID:
        raise FormRefusedError("nothing was chosen", remedy="load the page again")
    return int(text)


def _actor(request: Request) -> str:
    return actor_of(request.headers.get("authorization", ""))
