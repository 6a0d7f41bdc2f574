"""The page for people: the persons of the company and their timelines. It changes nothing."""

from datetime import datetime
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FunctionLoader
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from connector.sandbox.pipedrive import fields
from connector.sandbox.pipedrive.company import Company
from connector.sandbox.pipedrive.sanitised import sanitise_note
from connector.sandbox.pipedrive.store import Position, Query, Stored

PERSONS_SHOWN: Final = 50
"""Persons on one page."""
ENTRIES_SHOWN: Final = 500
"""Entries of one timeline."""

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def page_routes(company: Company) -> list[Route]:
    """Return the routes of the page and its style."""
    environment = Environment(loader=FunctionLoader(_read), autoescape=True)
    template = environment.get_template("persons.html")
    style = files("connector.sandbox").joinpath("page.css").read_text("utf-8")

    async def show(request: Request) -> Response:
        text = request.query_params.get("after", "0")
        after = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
        start = Query(start=Position(after + 1, after + 1))
        people = company.store.live("persons", start, PERSONS_SHOWN + 1)
        shown = people[:PERSONS_SHOWN]
        labels = {
            record.body["field_code"]: record.body["field_name"]
            for record in fields.definitions(company)
        }
        html = template.render(
            counts={kind: n for kind, n in company.store.counts().items() if "_" not in kind},
            company=company.settings.company_name,
            tokens=company.quota.tokens_today,
            budget=company.settings.daily_tokens,
            persons=[_show_person(company, each, labels) for each in shown],
            after=shown[-1].id if len(people) > len(shown) else None,
            first=after == 0,
        )
        return HTMLResponse(html, headers=_HEADERS)

    async def show_style(_: Request) -> Response:
        return Response(style, media_type="text/css", headers=_HEADERS)

    return [Route("/", show), Route("/page.css", show_style)]


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _show_person(company: Company, person: Stored, labels: dict[str, str]) -> dict[str, Any]:
    phones = ", ".join(each["value"] for each in person.body["phones"])
    customs = person.body["custom_fields"]
    timeline = [
        *(_show_activity(company, each) for each in _of(company, "activities", person)),
        *(_show_note(company, each) for each in _of(company, "notes", person)),
    ]
    timeline.sort(key=lambda each: (each["moment"], each["id"]))
    return {
        "id": person.id,
        "name": person.body["name"],
        "phone": phones,
        "properties": [
            (labels[code], value) for code, value in customs.items() if value and code in labels
        ],
        "timeline": timeline[-ENTRIES_SHOWN:],
        "total": len(timeline),
        "deals": len(_of(company, "deals", person)),
    }


def _of(company: Company, kind: str, person: Stored) -> list[Stored]:
    return company.store.live(kind, Query(person=person.id))


def _show_activity(company: Company, activity: Stored) -> dict[str, Any]:
    body = activity.body
    moment = float(activity.added)
    if activity.due:
        due = f"{activity.due}T{body.get('due_time') or '00:00:00'}+00:00"
        moment = datetime.fromisoformat(due).timestamp()
    return {
        "id": activity.id,
        "moment": moment,
        "at": _spell(company, moment),
        "what": f"{body['type']} · {body['subject']}",
        "body": _shown(body.get("note")),
    }


def _show_note(company: Company, note: Stored) -> dict[str, Any]:
    return {
        "id": note.id,
        "moment": float(note.added),
        "at": _spell(company, note.added),
        "what": "note",
        "body": _shown(note.body["content"]),
    }


def _spell(company: Company, moment: float) -> str:
    zone = ZoneInfo(company.settings.time_zone)
    return datetime.fromtimestamp(moment, zone).strftime("%d/%m/%Y %H:%M")


def _shown(html: str | None) -> Markup:
    return Markup(sanitise_note(html or ""))  # noqa: S704 - sanitised here
