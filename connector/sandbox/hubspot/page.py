"""The page for people: the contacts of the account and their timelines. It changes nothing."""

from datetime import datetime
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FunctionLoader
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from connector.sandbox.hubspot.object_types import OBJECT_TYPES
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.store import Stored
from connector.sandbox.hubspot.values import milliseconds_of
from connector.sandbox.sanitise import sanitise

CONTACTS_SHOWN: Final = 50
"""Contacts on one page."""
MESSAGES_SHOWN: Final = 500
"""Entries of one timeline."""

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_BODIES: Final = {"communications": "hs_communication_body", "notes": "hs_note_body"}


def page_routes(portal: Portal) -> list[Route]:
    """Return the routes of the page and its style."""
    environment = Environment(loader=FunctionLoader(_read), autoescape=True)
    template = environment.get_template("contacts.html")
    style = files("connector.sandbox").joinpath("page.css").read_text("utf-8")

    async def show(request: Request) -> Response:
        text = request.query_params.get("after", "0")
        after = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
        contacts = portal.store.live("contacts", after, CONTACTS_SHOWN + 1)
        shown = contacts[:CONTACTS_SHOWN]
        html = template.render(
            counts=portal.store.counts(),
            portal_id=portal.settings.portal_id,
            contacts=[_show_contact(portal, each) for each in shown],
            after=shown[-1].id if len(contacts) > len(shown) else None,
            first=after == 0,
        )
        return HTMLResponse(html, headers=_HEADERS)

    async def show_style(_: Request) -> Response:
        return Response(style, media_type="text/css", headers=_HEADERS)

    return [Route("/", show), Route("/page.css", show_style)]


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _show_contact(portal: Portal, contact: Stored) -> dict[str, Any]:
    values = contact.properties
    timeline: list[dict[str, Any]] = []
    total = 0
    for kind, body in _BODIES.items():
        ends = portal.store.links([contact.id], kind).get(contact.id, [])
        total += len(ends)
        found = portal.store.load(kind, [link.end for link in ends[-MESSAGES_SHOWN:]])
        timeline += [_show_entry(portal, each, body) for each in found.values()]
    timeline.sort(key=lambda each: (each["milliseconds"], each["id"]))
    name = " ".join(values[each] for each in ("firstname", "lastname") if values.get(each))
    linked = {
        OBJECT_TYPES[kind].singular: len(portal.store.links([contact.id], kind).get(contact.id, []))
        for kind in ("deals", "tickets")
    }
    return {
        "id": contact.id,
        "name": name or values.get("email") or values.get("phone") or "(no name)",
        "phone": values.get("phone", ""),
        "properties": sorted(values.items()),
        "timeline": timeline,
        "total": total,
        "linked": {word: number for word, number in linked.items() if number},
    }


def _show_entry(portal: Portal, record: Stored, body: str) -> dict[str, Any]:
    moment = milliseconds_of(record.properties.get("hs_timestamp", "")) or record.created
    zone = ZoneInfo(portal.settings.time_zone)
    # The body is what the page is about; it has been reduced to harmless formatting.
    shown = Markup(sanitise(record.properties.get(body, "")))  # noqa: S704 - sanitised above
    return {
        "id": record.id,
        "milliseconds": moment,
        "at": datetime.fromtimestamp(moment / 1000, zone).strftime("%d/%m/%Y %H:%M:%S"),
        "channel": record.properties.get("hs_communication_channel_type", record.type),
        "body": shown,
    }
