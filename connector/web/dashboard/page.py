"""Making a page: its template, its words, and the headers it goes out with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from connector.web.dashboard.desk import Desk
from connector.web.dashboard.forms import Forms
from connector.web.dashboard.words import LANGUAGES, Words, choose

LANG: Final = "lang"
LARGEST_ID: Final = 2**63
"""Local ids are smaller: a database takes no larger number."""
TITLES: Final[Mapping[str, str]] = {
    "Undelivered": "Records arrive late",
    "DestinationPaused": "Paused",
    "ParkedGrowing": "Dead letters",
    "IntakeSilent": "Unusually quiet",
    "DriftFound": "The CRM had drifted",
    "DuplicatesFound": "Something is in the CRM twice",
    "SweepBraked": "A comparison stopped itself",
    "QuotaLow": "Today's calls run out",
    "ApiVersionEnding": "An API version ends",
    "CheckFailed": "A check fails",
    "CredentialExpiring": "A token ends",
    "ConservationBroken": "Messages are not accounted for",
    "AccountRestricted": "WhatsApp restricts an account",
    "DiskLow": "The disk fills up",
}
"""What people are shown for an alert's name."""
PLACES: Final[Mapping[str, str]] = {
    "ParkedGrowing": "/dead-letters",
    "DriftFound": "/runs",
    "DuplicatesFound": "/runs",
    "SweepBraked": "/runs",
    "CheckFailed": "/runs",
    "CredentialExpiring": "/runs",
}
"""The page that shows what an alert is about, where there is one."""
_TYPES: Final[Mapping[str, str]] = {"dashboard.css": "text/css", "icon.svg": "image/svg+xml"}
_HEADERS: Final[Mapping[str, str]] = {
    "referrer-policy": "same-origin",  # with none at all, browsers do not say who sent a form
}


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("connector.web.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """How the pages of one installation look."""

    language: str
    """The configured one: ``pt-BR`` or ``en``."""
    zone: ZoneInfo
    sync_lag: float
    """Seconds: the line across the chart of the lag."""


class Pages:
    """Renders templates for requests."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        self.desk = desk
        self.settings = settings
        self.forms = Forms()
        self._templates = _environment()
        package = files("connector.web.dashboard") / "static"
        self._files = {name: (package / name).read_bytes() for name in _TYPES}

    def words(self, request: Request) -> Words:
        """Return the language of a request."""
        language = choose(request.query_params.get(LANG), self.settings.language)
        return Words(language, self.settings.zone)

    def link(self, request: Request) -> Callable[..., str]:
        """Return what makes links that stay in the request's language."""
        words = self.words(request)
        kept = {} if words.language == self.settings.language else {LANG: words.language}

        def link(path: str, **query: object) -> str:
            given = {name: str(value) for name, value in query.items() if value is not None}
            text = urlencode(kept | given)
            return f"{path}?{text}" if text else path

        return link

    async def show(
        self, request: Request, template: str, *, status_code: int = 200, **given: Any
    ) -> Response:
        """Return a page. Every page shows how many things wait for somebody."""
        status = await self.desk.status()
        words = self.words(request)
        destinations = status["destinations"].values()
        context = {
            "_": words,
            "words": words,
            "link": self.link(request),
            "now": datetime.fromisoformat(status["at"]),
            "moment": moment,
            "form_token": self.forms.token,
            "languages": LANGUAGES,
            "path": request.url.path,
            "query": {k: v for k, v in request.query_params.items() if k != LANG},
            "status": status,
            "titles": TITLES,
            "places": PLACES,
            "sync_lag": self.settings.sync_lag,
            "waiting": {
                "letters": sum(each["parked"] for each in destinations),
                "reviews": sum(each["reviews"] for each in destinations),
                "alerts": len(status["alerts"]),
            },
            **given,
        }
        html = self._templates.get_template(template).render(context)
        return HTMLResponse(html, status_code=status_code, headers=dict(_HEADERS))

    def static(self, name: str) -> Response:
        """Return a file that pages need."""
        if name not in self._files:
            return Response(status_code=404)
        return Response(self._files[name], media_type=_TYPES[name])


def moment(text: str | None) -> datetime | None:
    """Return a time of the status object."""
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
