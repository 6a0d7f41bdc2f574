"""A sandbox CRM's page for people: whom it holds, and their timelines. It changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, Final, Protocol

from jinja2 import Environment, FunctionLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

PEOPLE_SHOWN: Final = 50
"""People on one page."""
ENTRIES_SHOWN: Final = 500
"""Entries of one timeline, the newest."""

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a timeline."""

    id: int
    moment: float
    """What a timeline is sorted by."""
    at: str
    """The moment as people read it."""
    what: str
    body: str
    """Text, or ``Markup`` that was made harmless."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the CRM holds."""

    id: int
    name: str
    phone: str
    fields: Sequence[tuple[str, Any]]
    timeline: Sequence[Entry]
    """In any order, and cut if there are too many."""
    total: int
    """How many entries there are, shown or not."""
    linked: Mapping[str, int] = field(default_factory=dict)
    """How many other records there are, by the word for one."""


class Gallery(Protocol):
    """What the page asks of a kind of CRM."""

    @property
    def title(self) -> str:
        """The name of the CRM."""
        ...

    @property
    def noun(self) -> str:
        """The CRM's word for a person."""
        ...

    @property
    def fields(self) -> str:
        """The CRM's word for what a person's record holds."""
        ...

    def about(self) -> Sequence[str]:
        """Return what is said under the title, before the counts."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Return how many records there are, by kind."""
        ...

    def people(self, after: int, limit: int) -> Sequence[Any]:
        """Return at most so many people after an id, in the order of ids."""
        ...

    def show(self, person: Any) -> Person:
        """Return one of these people with the timeline."""
        ...


def page_routes(gallery: Gallery) -> list[Route]:
    """Return the routes of the page and its style."""
    environment = Environment(loader=FunctionLoader(_read), autoescape=True)
    template = environment.get_template("people.html")
    style = _read("page.css")

    async def show(request: Request) -> Response:
        text = request.query_params.get("after", "0")
        after = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
        found = gallery.people(after, PEOPLE_SHOWN + 1)
        shown = found[:PEOPLE_SHOWN]
        html = template.render(
            title=gallery.title,
            noun=gallery.noun,
            fields=gallery.fields,
            about=gallery.about(),
            counts=gallery.counts(),
            people=[_in_order(gallery.show(each)) for each in shown],
            after=shown[-1].id if len(found) > len(shown) else None,
            first=after == 0,
        )
        return HTMLResponse(html, headers=_HEADERS)

    async def show_style(_: Request) -> Response:
        return Response(style, media_type="text/css", headers=_HEADERS)

    return [Route("/", show), Route("/page.css", show_style)]


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _in_order(person: Person) -> Person:
    timeline = sorted(person.timeline, key=lambda each: (each.moment, each.id))
    return replace(person, timeline=timeline[-ENTRIES_SHOWN:])
