"""The side door: what tests and the demo ask and order, beside the API. No token is needed.

GET    /_sandbox/state            counts, calls, and every record with its links (``?objects=none``,
                                  or some kinds, leaves records out)
GET    /_sandbox/calls            the calls since a number (``?since=``); DELETE forgets them
GET    /_sandbox/settings         the knobs; PATCH turns some
GET    /_sandbox/faults           the orders of harm; POST adds one, DELETE withdraws all
POST   /_sandbox/create           a record as people make one: ``{type, properties, links}``
POST   /_sandbox/edit             ``{type, id, properties}``; the empty text or null clears a value
POST   /_sandbox/delete           ``{type, id}``; with ``"erase": true`` a GDPR deletion
POST   /_sandbox/merge            ``{type, primary, secondary}``
POST   /_sandbox/index            let searches see everything now
POST   /_sandbox/tokens           accept a token: ``{token, scopes, expires_in}``; DELETE
                                  ``{token}`` revokes it, without a body it expires OAuth tokens
POST   /_sandbox/oauth            install an app: ``{client_id, client_secret, refresh_token,
                                  scopes}``
POST   /_sandbox/reset            forget records, calls and faults; ``{"schema": true}`` also
                                  properties
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connector.sandbox.faults import Fault
from connector.sandbox.hubspot.merging import merge_records
from connector.sandbox.hubspot.object_types import OBJECT_TYPES, object_type
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.refusals import RefusalError
from connector.sandbox.hubspot.settings import Settings
from connector.sandbox.hubspot.side_door import (
    create_record,
    delete_record,
    edit_record,
    index_everything,
    show_state,
)
from connector.sandbox.wire import Wire

Body = dict[str, Any]
Handler = Callable[[Portal, Wire, Body, Mapping[str, str]], Any]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Token(_Order):
    token: str
    scopes: list[str] | None = None
    expires_in: float | None = None


class _App(_Order):
    client_id: str
    client_secret: str
    refresh_token: str
    scopes: list[str] | None = None


class _Record(_Order):
    type: str
    properties: dict[str, str | None] = {}
    links: list[tuple[str, int]] = []


class _Edit(_Order):
    type: str
    id: int
    properties: dict[str, str | None]


class _Deletion(_Order):
    type: str
    id: int
    erase: bool = False


class _Merge(_Order):
    type: str = "contacts"
    primary: int
    secondary: int


class _Reset(_Order):
    definitions: bool = Field(default=False, alias="schema")


def _state(portal: Portal, wire: Wire, _: Body, query: Mapping[str, str]) -> Any:
    objects = query.get("objects")
    names = list(OBJECT_TYPES) if objects is None else objects.split(",")
    return {
        **show_state(portal, [name for name in names if name in OBJECT_TYPES]),
        "calls": dict(wire.log.by_call),
        "statuses": {str(status): times for status, times in wire.log.by_status.items()},
        "faults": dict(wire.faults.fired),
        "late": wire.late,
    }


def _calls(_: Portal, wire: Wire, __: Body, query: Mapping[str, str]) -> Any:
    calls = wire.log.since(int(query.get("since", "0")))
    return {
        "total": sum(wire.log.by_call.values()),
        "by_call": dict(wire.log.by_call),
        "calls": [each._asdict() for each in calls],
    }


def _forget_calls(_: Portal, wire: Wire, __: Body, ___: Mapping[str, str]) -> Any:
    wire.log.clear()
    return {}


def _settings(portal: Portal, _: Wire, __: Body, ___: Mapping[str, str]) -> Any:
    return portal.settings.model_dump(mode="json")


def _change_settings(portal: Portal, _: Wire, body: Body, __: Mapping[str, str]) -> Any:
    Settings.model_validate({**portal.settings.model_dump(), **body})
    for name, value in body.items():
        setattr(portal.settings, name, value)
    portal.definitions.refresh()
    return portal.settings.model_dump(mode="json")


def _faults(_: Portal, wire: Wire, __: Body, ___: Mapping[str, str]) -> Any:
    return {
        "faults": [each.model_dump(mode="json") for each in wire.faults.standing()],
        "fired": dict(wire.faults.fired),
    }


def _order_fault(_: Portal, wire: Wire, body: Body, __: Mapping[str, str]) -> Any:
    return wire.faults.order(Fault.model_validate(body)).model_dump(mode="json")


def _cancel_faults(_: Portal, wire: Wire, __: Body, ___: Mapping[str, str]) -> Any:
    wire.faults.cancel()
    return {}


def _create(portal: Portal, _: Wire, body: Body, __: Mapping[str, str]) -> Any:
    asked = _Record.model_validate(body)
    kind = object_type(asked.type)
    return {"id": str(create_record(portal, kind, asked.properties, asked.links))}


def _edit(portal: Portal, _: Wire, body: Body, __: Mapping[str, str]) -> Any:
    asked = _Edit.model_validate(body)
    return {
        "id": str(edit_record(portal, object_type(asked.type), asked.id, asked.properties)),
    }


def _delete(portal: Portal, _: Wire, body: Body, __: Mapping[str, str]) -> Any:
    asked = _Deletion.model_validate(body)
    delete_record(portal, object_type(asked.type), asked.id, erase=asked.erase)
    return {}


def _merge(portal: Portal, _: Wire, body: Body, __: Mapping[str, str]) -> Any:
    asked = _Merge.model_validate(body)
    kind = object_type(asked.type)
    return {"id": str(merge_records(portal, kind, asked.primary, asked.secondary).id)}


def _index(portal: Portal, _: Wire, __: Body, ___: Mapping[str, str]) -> Any:
    index_everything(portal)
    return {}


def _grant(portal: Portal, _: Wire, body: Body, __: Mapping[str, str]) -> Any:
    asked = _Token.model_validate(body)
    portal.access.grant(asked.token, asked.scopes, asked.expires_in)
    return {}


def _revoke(portal: Portal, _: Wire, body: Body, __: Mapping[str, str]) -> Any:
    if body:
        portal.access.revoke(_Token.model_validate(body).token)
    else:
        portal.access.expire_all()
    return {}


def _install(portal: Portal, _: Wire, body: Body, __: Mapping[str, str]) -> Any:
    asked = _App.model_validate(body)
    portal.access.register(asked.client_id, asked.client_secret, asked.refresh_token, asked.scopes)
    return {}


def _reset(portal: Portal, wire: Wire, body: Body, _: Mapping[str, str]) -> Any:
    asked = _Reset.model_validate(body)
    portal.store.clear()
    portal.quota.reset()
    wire.log.clear()
    wire.faults.cancel()
    wire.faults.fired.clear()
    if asked.definitions:
        portal.definitions.forget()
    return {}


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/state", _state),
    ("GET", "/calls", _calls),
    ("DELETE", "/calls", _forget_calls),
    ("GET", "/settings", _settings),
    ("PATCH", "/settings", _change_settings),
    ("GET", "/faults", _faults),
    ("POST", "/faults", _order_fault),
    ("DELETE", "/faults", _cancel_faults),
    ("POST", "/create", _create),
    ("POST", "/edit", _edit),
    ("POST", "/delete", _delete),
    ("POST", "/merge", _merge),
    ("POST", "/index", _index),
    ("POST", "/tokens", _grant),
    ("DELETE", "/tokens", _revoke),
    ("POST", "/oauth", _install),
    ("POST", "/reset", _reset),
)


def control_routes(portal: Portal, wire: Wire) -> list[Route]:
    """Return the routes of the side door, without their prefix."""
    return [
        Route(path, _endpoint(portal, wire, handler), methods=[method])
        for method, path, handler in _ROUTES
    ]


def _endpoint(portal: Portal, wire: Wire, handler: Handler) -> Callable[[Request], Any]:
    async def answer(request: Request) -> JSONResponse:
        raw = await request.body()
        try:
            body = json.loads(raw) if raw else {}
            with portal.store.transaction():
                return JSONResponse(handler(portal, wire, body, dict(request.query_params)))
        except RefusalError as error:
            return JSONResponse(error.body, error.answer.status)
        except (ValidationError, ValueError) as error:
            return JSONResponse({"status": "error", "message": str(error)}, 400)

    return answer
