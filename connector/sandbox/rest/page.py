"""The page for people: contacts and their timelines. It changes nothing."""

from datetime import datetime
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FunctionLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from connector.sandbox.rest.account import Account
from connector.sandbox.rest.store import Stored

SHOWN: Final = 50
"""Contacts on one page."""
ENTRIES: Final = 500
"""Messages of one timeline."""

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def page_routes(account: Account) -> list[Route]:
    """Return the routes of the page and its style."""
    environment = Environment(loader=FunctionLoader(_read), autoescape=True)
    template = environment.get_template("contacts.html")
    style = files("connector.sandbox").joinpath("page.css").read_text("utf-8")

    async def show(request: Request) -> Response:
        text = request.query_params.get("after", "0")
        after = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
        people = sorted(account.store.live("contacts", "id > ?", (after,)), key=lambda r: r.id)
        shown = people[:SHOWN]
        html = template.render(
            name=account.settings.name,
            counts=account.store.counts(),
            contacts=[_show(account, each) for each in shown],
            after=shown[-1].id if len(people) > len(shown) else None,
            first=after == 0,
        )
        return HTMLResponse(html, headers=_HEADERS)

    async def show_style(_: Request) -> Response:
        return Response(style, media_type="text/css", headers=_HEADERS)

    return [Route("/", show), Route("/page.css", show_style)]


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _show(account: Account, contact: Stored) -> dict[str, Any]:
    messages = account.store.live("messages", "contact = ?", (contact.id,))
    timeline = [_show_entry(account, each) for each in messages]
    timeline.sort(key=lambda each: (each["moment"], each["id"]))
    return {
        "id": contact.id,
        "name": contact.fields.get("name", ""),
        "phone": contact.fields.get("phone", ""),
        "fields": sorted(contact.fields.items()),
        "timeline": timeline[-ENTRIES:],
        "total": len(timeline),
    }


def _show_entry(account: Account, message: Stored) -> dict[str, Any]:
    moment = message.created
    try:
        moment = datetime.fromisoformat(str(message.fields.get("sent_at"))).timestamp()
    except ValueError:
        moment = message.created
    zone = ZoneInfo(account.settings.time_zone)
    return {
        "id": message.id,
        "moment": moment,
        "at": datetime.fromtimestamp(moment, zone).strftime("%d/%m/%Y %H:%M"),
        "what": str(message.fields.get("direction", "")),
        "text": str(message.fields.get("text", "")),
    }
