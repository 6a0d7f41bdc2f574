"""The routes of the API on their dated paths: who may call, how often, and which call it is."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.sandbox.hubspot import associations, merging, properties, records
from connector.sandbox.hubspot.account import daily_usage, list_owners, show_account
from connector.sandbox.hubspot.object_types import ObjectType, canonical_name, object_type
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.refusals import (
    Answer,
    RefusalError,
    bad_request,
    describe_error,
    refusal,
)
from connector.sandbox.hubspot.search import search

VERSION: Final = "2026-09"
OAUTH_VERSIONS: Final = ("2026-03", "2026-09")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as its handler sees it."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes
    body: Any

    @property
    def kind(self) -> ObjectType:
        """The kind of record the path names."""
        return object_type(self.path["kind"])

    @property
    def end(self) -> ObjectType:
        """The kind at which the links that the path names end."""
        return object_type(self.path["end"])


Handler = Callable[[Portal, Asked], Answer]
Scopes = Callable[[Asked], Sequence[str]]


def _none(_: Asked) -> Sequence[str]:
    return ()


def _read(asked: Asked) -> Sequence[str]:
    return asked.kind.read_scopes


def _write(asked: Asked) -> Sequence[str]:
    return asked.kind.write_scopes


def _define(asked: Asked) -> Sequence[str]:
    return (f"crm.schemas.{_schema(asked)}.write",)


def _see_definitions(asked: Asked) -> Sequence[str]:
    schema = _schema(asked)
    return (f"crm.schemas.{schema}.read", f"crm.schemas.{schema}.write", *asked.kind.read_scopes)


def _schema(asked: Asked) -> str:
    # Activities have no schema scopes of their own; the notes count theirs with contacts'.
    return "contacts" if asked.kind.activity else asked.kind.name


def _owners(_: Asked) -> Sequence[str]:
    return ("crm.objects.owners.read",)


def _archive_one(portal: Portal, asked: Asked) -> Answer:
    kind, found = asked.kind, asked.path["id"]
    targets = records.find_targets(portal, kind, [found], asked.query.get("idProperty"))
    records.archive(portal, kind, [each.id for each in targets.values()])
    return Answer(204)


_OBJECTS: Final = f"/crm/objects/{VERSION}/{{kind}}"
_LINKS: Final = f"/crm/associations/{VERSION}/{{kind}}/{{end}}"
_PROPERTIES: Final = f"/crm/properties/{VERSION}/{{kind}}"

_CALLS: Final[Sequence[tuple[str, str, Scopes, Handler]]] = (
    (
        "POST",
        f"{_OBJECTS}/batch/create",
        _write,
        lambda p, a: records.create_batch(p, a.kind, a.body),
    ),
    ("POST", f"{_OBJECTS}/batch/read", _read, lambda p, a: records.read_batch(p, a.kind, a.body)),
    (
        "POST",
        f"{_OBJECTS}/batch/update",
        _write,
        lambda p, a: records.update_batch(p, a.kind, a.body),
    ),
    (
        "POST",
        f"{_OBJECTS}/batch/upsert",
        _write,
        lambda p, a: records.upsert_batch(p, a.kind, a.body),
    ),
    (
        "POST",
        f"{_OBJECTS}/batch/archive",
        _write,
        lambda p, a: records.archive_batch(p, a.kind, a.body),
    ),
    ("POST", f"{_OBJECTS}/search", _read, lambda p, a: search(p, a.kind, a.raw, a.body)),
    ("POST", f"{_OBJECTS}/merge", _write, lambda p, a: merging.merge(p, a.kind, a.body)),
    ("POST", f"{_OBJECTS}/gdpr-delete", _write, lambda p, a: merging.erase(p, a.kind, a.body)),
    (
        "PUT",
        f"{_OBJECTS}/{{id}}/associations/default/{{end}}/{{end_id}}",
        _write,
        lambda p, a: associations.create_default_link(
            p, a.kind, a.path["id"], a.end, a.path["end_id"]
        ),
    ),
    (
        "GET",
        f"{_OBJECTS}/{{id}}",
        _read,
        lambda p, a: records.read_one(p, a.kind, a.path["id"], a.query),
    ),
    (
        "PATCH",
        f"{_OBJECTS}/{{id}}",
        _write,
        lambda p, a: records.update_one(p, a.kind, a.path["id"], a.body, a.query.get("idProperty")),
    ),
    ("DELETE", f"{_OBJECTS}/{{id}}", _write, _archive_one),
    ("GET", _OBJECTS, _read, lambda p, a: records.list_records(p, a.kind, a.query)),
    ("POST", _OBJECTS, _write, lambda p, a: records.create_one(p, a.kind, a.body)),
    (
        "POST",
        f"{_LINKS}/batch/create",
        _write,
        lambda p, a: associations.create_links(p, a.kind, a.end, a.body),
    ),
    (
        "POST",
        f"{_LINKS}/batch/associate/default",
        _write,
        lambda p, a: associations.create_default_links(p, a.kind, a.end, a.body),
    ),
    (
        "POST",
        f"{_LINKS}/batch/read",
        _read,
        lambda p, a: associations.read_links_of(p, a.kind, a.end, a.body),
    ),
    (
        "POST",
        f"{_LINKS}/batch/archive",
        _write,
        lambda p, a: associations.archive_links(p, a.kind, a.end, a.body),
    ),
    (
        "POST",
        f"{_LINKS}/batch/labels/archive",
        _write,
        lambda p, a: associations.archive_labels(p, a.kind, a.end, a.body),
    ),
    ("GET", f"{_LINKS}/labels", _read, lambda _, a: associations.list_labels(a.kind, a.end)),
    (
        "GET",
        f"{_PROPERTIES}/groups",
        _see_definitions,
        lambda p, a: properties.list_groups(p, a.kind),
    ),
    (
        "POST",
        f"{_PROPERTIES}/groups",
        _define,
        lambda p, a: properties.create_group(p, a.kind, a.body),
    ),
    (
        "POST",
        f"{_PROPERTIES}/batch/create",
        _define,
        lambda p, a: properties.create_properties(p, a.kind, a.body),
    ),
    ("GET", _PROPERTIES, _see_definitions, lambda p, a: properties.list_properties(p, a.kind)),
    ("POST", _PROPERTIES, _define, lambda p, a: properties.create_property(p, a.kind, a.body)),
    (
        "GET",
        f"{_PROPERTIES}/{{name}}",
        _see_definitions,
        lambda p, a: properties.read_property(p, a.kind, a.path["name"]),
    ),
    (
        "PATCH",
        f"{_PROPERTIES}/{{name}}",
        _define,
        lambda p, a: properties.change_property(p, a.kind, a.path["name"], a.body),
    ),
    (
        "DELETE",
        f"{_PROPERTIES}/{{name}}",
        _define,
        lambda p, a: properties.archive_property(p, a.kind, a.path["name"]),
    ),
    ("GET", f"/crm/owners/{VERSION}", _owners, lambda _, a: list_owners(a.query)),
    ("GET", f"/account-info/{VERSION}/details", _none, lambda p, _: show_account(p)),
    (
        "GET",
        f"/account-info/{VERSION}/api-usage/daily/private-apps",
        _none,
        lambda p, _: daily_usage(p),
    ),
)


def build_api(portal: Portal) -> Starlette:
    """Return the API of a portal, without faults and without a log."""
    routes = [
        Route(path, _endpoint(portal, scopes, handler, search="/search" in path), methods=[method])
        for method, path, scopes, handler in _CALLS
    ]
    routes += [
        Route(f"/oauth/{version}/token", _token_endpoint(portal), methods=["POST"])
        for version in OAUTH_VERSIONS
    ]
    return Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})


_NAMES: Final = (
    (re.compile(rf"/crm/objects/{VERSION}/([^/]+)/batch/(\w+)"), "{0}.{1}"),
    (re.compile(rf"/crm/objects/{VERSION}/([^/]+)/(search|merge|gdpr-delete)"), "{0}.{1}"),
    (re.compile(rf"/crm/objects/{VERSION}/([^/]+)/[^/]+/associations/.+"), "associations.put"),
    (re.compile(rf"/crm/objects/{VERSION}/([^/]+)/[^/]+"), "{0}.one"),
    (re.compile(rf"/crm/objects/{VERSION}/([^/]+)"), "{0}.all"),
    (re.compile(rf"/crm/associations/{VERSION}/([^/]+)/[^/]+/batch/([a-z/]+)"), "associations.{1}"),
    (re.compile(rf"/crm/associations/{VERSION}/([^/]+)/[^/]+/labels"), "associations.labels"),
    (re.compile(rf"/crm/properties/{VERSION}/([^/]+).*"), "properties"),
    (re.compile(rf"/crm/owners/{VERSION}()"), "owners"),
    (re.compile(r"/account-info/[^/]+/(details)"), "account.details"),
    (re.compile(r"/account-info/[^/]+/(.+)"), "account.usage"),
    (re.compile(r"/oauth/[^/]+/(token)"), "oauth.token"),
)


def name_call(path: str) -> str:
    """Return a short name of a call for the log and for faults: ``communications.upsert``."""
    for pattern, name in _NAMES:
        match = pattern.fullmatch(path)
        if match:
            first, *rest = match.groups()
            return name.format(canonical_name(first), *(each.replace("/", ".") for each in rest))
    return "other"


def _endpoint(
    portal: Portal, scopes: Scopes, handler: Handler, *, search: bool
) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        raw = await request.body()
        headers: dict[str, str] = {}
        try:
            caller = portal.access.admit(request.headers.get("authorization"))
            refused = portal.quota.take(caller.app, search=search, oauth=caller.oauth)
            headers = portal.quota.headers(caller.app, search=search, oauth=caller.oauth)
            if refused is None:
                query = dict(request.query_params)
                asked = Asked(request.path_params, query, raw, _parse(request, raw))
                caller.require(scopes(asked))
                with portal.store.transaction():
                    result = handler(portal, asked)
            else:
                result = refused
        except RefusalError as error:
            result = error.answer
        except UnicodeEncodeError:
            result = bad_request("Invalid input JSON: half of a surrogate pair").answer
        return to_response(result, headers)

    return answer


def _token_endpoint(portal: Portal) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        if request.url.query:
            text = "Secrets belong into the body, not into the address"
            return to_response(Answer(400, describe_error("VALIDATION_ERROR", text)))
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        return to_response(portal.access.refresh(form))

    return answer


def to_response(answer: Answer, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer as Starlette sends it."""
    everything = {**(headers or {}), **answer.headers}
    if answer.body is None:
        return Response(status_code=answer.status, headers=everything)
    return JSONResponse(answer.body, answer.status, everything)


def _parse(request: Request, raw: bytes) -> Any:
    if request.method in {"GET", "DELETE", "PUT"}:
        return None
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise refusal(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be application/json")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise bad_request("Invalid input JSON: the body could not be read") from error


async def _no_route(request: Request, error: Exception) -> Response:
    del error
    text = f"No call {request.method} {request.url.path}: this sandbox speaks version {VERSION}"
    return to_response(Answer(404, describe_error("OBJECT_NOT_FOUND", text)))
