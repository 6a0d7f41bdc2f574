"""The routes of the API: v2 where there is one, v1 for the rest; what each costs and needs."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connector.sandbox.pipedrive import activities, deals, fields, merging, notes, persons, search
from connector.sandbox.pipedrive.answers import (
    Answer,
    RefusalError,
    bad_request,
    describe_error,
    not_found,
    refusal,
)
from connector.sandbox.pipedrive.company import Company
from connector.sandbox.pipedrive.people import (
    create_activity_type,
    list_activity_types,
    list_users,
    show_me,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as its handler sees it."""

    number: int
    """The id in the path, if there is one."""
    query: Mapping[str, str]
    body: Any


Handler = Callable[[Company, Asked], Answer]


class _Call(NamedTuple):
    method: str
    path: str
    cost: int
    scopes: Sequence[str]
    handler: Handler


V1: Final = "/api/v1"
V2: Final = "/api/v2"

_CONTACTS: Final = ("contacts:full",)
_ACTIVITIES: Final = ("activities:full",)
_DEALS: Final = ("deals:full",)
_NOTES: Final = ("contacts:full", "deals:full")

_CALLS: Final[Sequence[_Call]] = (
    _Call(
        "GET",
        f"{V2}/persons/search",
        20,
        ("contacts:full", "search:read"),
        lambda c, a: search.search_persons(c, a.query),
    ),
    _Call("GET", f"{V2}/persons", 10, _CONTACTS, lambda c, a: persons.list_persons(c, a.query)),
    _Call("POST", f"{V2}/persons", 5, _CONTACTS, lambda c, a: persons.create_person(c, a.body)),
    _Call(
        "GET",
        f"{V2}/persons/{{id}}",
        1,
        _CONTACTS,
        lambda c, a: persons.read_person(c, a.number, a.query),
    ),
    _Call(
        "PATCH",
        f"{V2}/persons/{{id}}",
        5,
        _CONTACTS,
        lambda c, a: persons.update_person(c, a.number, a.body),
    ),
    _Call(
        "DELETE",
        f"{V2}/persons/{{id}}",
        3,
        _CONTACTS,
        lambda c, a: persons.delete_person(c, a.number),
    ),
    _Call(
        "GET",
        f"{V2}/itemSearch/field",
        20,
        ("search:read",),
        lambda c, a: search.search_field(c, a.query),
    ),
    _Call(
        "GET",
        f"{V2}/personFields",
        10,
        ("contacts:full", "admin", "contact-fields:full"),
        lambda c, a: fields.list_fields(c, a.query),
    ),
    _Call(
        "POST",
        f"{V2}/personFields",
        5,
        ("admin", "contact-fields:full"),
        lambda c, a: fields.create_field(c, a.body),
    ),
    _Call(
        "GET",
        f"{V2}/activities",
        10,
        _ACTIVITIES,
        lambda c, a: activities.list_activities(c, a.query),
    ),
    _Call(
        "POST",
        f"{V2}/activities",
        5,
        _ACTIVITIES,
        lambda c, a: activities.create_activity(c, a.body),
    ),
    _Call(
        "GET",
        f"{V2}/activities/{{id}}",
        1,
        _ACTIVITIES,
        lambda c, a: activities.read_activity(c, a.number, a.query),
    ),
    _Call(
        "PATCH",
        f"{V2}/activities/{{id}}",
        5,
        _ACTIVITIES,
        lambda c, a: activities.update_activity(c, a.number, a.body),
    ),
    _Call(
        "DELETE",
        f"{V2}/activities/{{id}}",
        3,
        _ACTIVITIES,
        lambda c, a: activities.delete_activity(c, a.number),
    ),
    _Call("GET", f"{V2}/deals", 10, _DEALS, lambda c, a: deals.list_deals(c, a.query)),
    _Call("POST", f"{V2}/deals", 5, _DEALS, lambda c, a: deals.create_deal(c, a.body)),
    _Call(
        "GET", f"{V2}/deals/{{id}}", 1, _DEALS, lambda c, a: deals.read_deal(c, a.number, a.query)
    ),
    _Call(
        "PATCH",
        f"{V2}/deals/{{id}}",
        5,
        _DEALS,
        lambda c, a: deals.update_deal(c, a.number, a.body),
    ),
    _Call("DELETE", f"{V2}/deals/{{id}}", 3, _DEALS, lambda c, a: deals.delete_deal(c, a.number)),
    _Call("GET", f"{V1}/notes", 20, _NOTES, lambda c, a: notes.list_notes(c, a.query)),
    _Call("POST", f"{V1}/notes", 10, _NOTES, lambda c, a: notes.create_note(c, a.body)),
    _Call(
        "GET", f"{V1}/notes/{{id}}", 2, _NOTES, lambda c, a: notes.read_note(c, a.number, a.query)
    ),
    _Call(
        "PUT",
        f"{V1}/notes/{{id}}",
        10,
        _NOTES,
        lambda c, a: notes.update_note(c, a.number, a.body),
    ),
    _Call("DELETE", f"{V1}/notes/{{id}}", 6, _NOTES, lambda c, a: notes.delete_note(c, a.number)),
    _Call(
        "PUT",
        f"{V1}/persons/{{id}}/merge",
        40,
        _CONTACTS,
        lambda c, a: merging.merge_persons(c, a.number, a.body),
    ),
    _Call("GET", f"{V1}/users/me", 2, (), lambda c, _: show_me(c)),
    _Call("GET", f"{V1}/users", 20, ("users:read",), lambda _, __: list_users()),
    _Call(
        "GET",
        f"{V1}/activityTypes",
        20,
        ("activities:full", "admin"),
        lambda c, _: list_activity_types(c),
    ),
    _Call(
        "POST",
        f"{V1}/activityTypes",
        10,
        ("admin",),
        lambda c, a: create_activity_type(c, a.body),
    ),
)


def build_api(company: Company) -> Starlette:
    """Return the API of a company, without faults and without a log."""
    routes = [Route(each.path, _endpoint(company, each), methods=[each.method]) for each in _CALLS]
    routes.append(Route("/oauth/token", _token_endpoint(company), methods=["POST"]))
    return Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})


_NAMES: Final = (
    (re.compile(r"/api/v\d/persons/search"), "persons.search"),
    (re.compile(r"/api/v\d/persons/[^/]+/merge"), "persons.merge"),
    (re.compile(r"/api/v\d/itemSearch/field"), "persons.search_field"),
    (re.compile(r"/api/v\d/users/me"), "users.me"),
    (re.compile(r"/api/v\d/(\w+)/[^/]+"), "{0}.one"),
    (re.compile(r"/api/v\d/(\w+)"), "{0}.all"),
    (re.compile(r"/oauth/token"), "oauth.token"),
)


def name_call(path: str) -> str:
    """Return a short name of a call for the log and for faults: ``persons.all``."""
    for pattern, name in _NAMES:
        match = pattern.fullmatch(path)
        if match:
            return name.format(*match.groups())
    return "other"


def _endpoint(company: Company, call: _Call) -> Callable[[Request], Any]:
    is_search = call.cost == 20 and "earch" in call.path

    async def answer(request: Request) -> Response:
        raw = await request.body()
        headers: dict[str, str] = {}
        try:
            caller = company.access.admit(request.headers)
            refused = company.quota.take(
                caller.app, call.cost, search=is_search, oauth=caller.oauth
            )
            headers = company.quota.headers(caller.app, search=is_search, oauth=caller.oauth)
            if refused is not None:
                return to_response(refused, headers)
            caller.require(call.scopes)
            asked = Asked(
                _read_number(request), dict(request.query_params), _read_body(request, raw)
            )
            with company.store.transaction():
                result = call.handler(company, asked)
        except RefusalError as error:
            result = error.answer
        except UnicodeEncodeError:
            result = bad_request("Half of a surrogate pair").answer
        return to_response(result, headers)

    return answer


def _token_endpoint(company: Company) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        domain = str(request.base_url).rstrip("/")
        authorization = request.headers.get("authorization", "")
        return to_response(company.access.refresh(authorization, form, domain))

    return answer


def to_response(answer: Answer, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer as Starlette sends it."""
    everything = {**(headers or {}), **answer.headers}
    if isinstance(answer.body, str):
        return HTMLResponse(answer.body, answer.status, everything)
    return JSONResponse(answer.body, answer.status, everything)


def _read_number(request: Request) -> int:
    written = request.path_params.get("id", "0")
    if not (written.isascii() and written.isdigit() and len(written) < 19):
        raise not_found("Item")
    return int(written)


def _read_body(request: Request, raw: bytes) -> Any:
    if request.method in {"GET", "DELETE"}:
        return None
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise refusal(415, "The body must be application/json")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise bad_request("The body is not JSON") from error


async def _no_route(request: Request, error: Exception) -> Response:
    del error
    text = f"Unknown method {request.method} {request.url.path}"
    return to_response(Answer(404, describe_error(404, text)))
