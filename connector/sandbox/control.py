"""The part of a sandbox CRM's side door that every kind has. No token is needed.

GET    /_sandbox/calls            the calls since a number (``?since=``); DELETE forgets them
GET    /_sandbox/settings         the knobs; PATCH turns some
GET    /_sandbox/faults           the orders of harm; POST adds one, DELETE withdraws all
POST   /_sandbox/tokens           accept a token: ``{token, scopes, expires_in}``; DELETE
                                  ``{token}`` revokes it, without a body it expires OAuth tokens
POST   /_sandbox/oauth            install an app: ``{client_id, client_secret, refresh_token,
                                  scopes}``
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connector.sandbox.faults import Fault
from connector.sandbox.wire import Wire

Body = dict[str, Any]
Handler = Callable[[Body, Mapping[str, str]], Any]
"""Takes the body and the query of an order and returns what is answered."""


class Tokens(Protocol):
    """Who may call a sandbox CRM."""

    def grant(
        self, token: str, scopes: Sequence[str] | None = None, expires_in: float | None = None
    ) -> None:
        """Accept a static token, with all scopes where none are named."""
        ...

    def revoke(self, token: str) -> None:
        """Stop accepting a token."""
        ...

    def expire_all(self) -> None:
        """Let every OAuth access token be too old from now on."""
        ...

    def register(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        scopes: Sequence[str] | None = None,
    ) -> None:
        """Install an OAuth app."""
        ...


class Order(BaseModel):
    """The body of an order; a key that it does not have is refused."""

    model_config = ConfigDict(extra="forbid")


class Deletion(Order):
    """A record that people take away."""

    type: str
    id: int


class Merge(Order):
    """Two records that people join; the one removed is gone."""

    removed: int
    survivor: int


class _Token(Order):
    token: str
    scopes: list[str] | None = None
    expires_in: float | None = None


class _App(Order):
    client_id: str
    client_secret: str
    refresh_token: str
    scopes: list[str] | None = None


class RefusedError(Exception):
    """An order is refused with a status and a body; each CRM has its own kind."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(status))
        self.status = status
        self.refused_with = body


class Control:
    """The orders that every sandbox CRM takes. Each order is one ``transaction``.

    ``settings_changed`` is called after a knob was turned.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        settings: BaseModel,
        tokens: Tokens,
        transaction: Callable[[], AbstractContextManager[None]],
        settings_changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._wire = wire
        self._settings = settings
        self._tokens = tokens
        self._transaction = transaction
        self._settings_changed = settings_changed

    def routes(self, orders: Sequence[tuple[str, str, Handler]]) -> list[Route]:
        """Return the routes of a side door, without their prefix.

        ``orders`` are those that only this kind of CRM has: method, path, handler.
        """
        shared: Sequence[tuple[str, str, Handler]] = (
            ("GET", "/calls", self._calls),
            ("DELETE", "/calls", self._forget_calls),
            ("GET", "/settings", self._show_settings),
            ("PATCH", "/settings", self._change_settings),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._order_fault),
            ("DELETE", "/faults", self._cancel_faults),
            ("POST", "/tokens", self._grant),
            ("DELETE", "/tokens", self._revoke),
            ("POST", "/oauth", self._install),
        )
        return [
            Route(path, self._endpoint(handler), methods=[method])
            for method, path, handler in (*shared, *orders)
        ]

    def _calls(self, _: Body, query: Mapping[str, str]) -> Any:
        found = self._wire.log.since(int(query.get("since", "0")))
        return {
            "total": sum(self._wire.log.by_call.values()),
            "by_call": dict(self._wire.log.by_call),
            "calls": [each._asdict() for each in found],
        }

    def _forget_calls(self, _: Body, __: Mapping[str, str]) -> Any:
        self._wire.log.clear()
        return {}

    def _show_settings(self, _: Body, __: Mapping[str, str]) -> Any:
        return self._settings.model_dump(mode="json")

    def _change_settings(self, body: Body, _: Mapping[str, str]) -> Any:
        type(self._settings).model_validate({**self._settings.model_dump(), **body})
        for name, value in body.items():
            setattr(self._settings, name, value)
        self._settings_changed()
        return self._settings.model_dump(mode="json")

    def _faults(self, _: Body, __: Mapping[str, str]) -> Any:
        return {
            "faults": [each.model_dump(mode="json") for each in self._wire.faults.standing()],
            "fired": dict(self._wire.faults.fired),
        }

    def _order_fault(self, body: Body, _: Mapping[str, str]) -> Any:
        return self._wire.faults.order(Fault.model_validate(body)).model_dump(mode="json")

    def _cancel_faults(self, _: Body, __: Mapping[str, str]) -> Any:
        self._wire.faults.cancel()
        return {}

    def _grant(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = _Token.model_validate(body)
        self._tokens.grant(asked.token, asked.scopes, asked.expires_in)
        return {}

    def _revoke(self, body: Body, _: Mapping[str, str]) -> Any:
        if body:
            self._tokens.revoke(_Token.model_validate(body).token)
        else:
            self._tokens.expire_all()
        return {}

    def _install(self, body: Body, _: Mapping[str, str]) -> Any:
        app = _App.model_validate(body)
        self._tokens.register(app.client_id, app.client_secret, app.refresh_token, app.scopes)
        return {}

    def _endpoint(self, handler: Handler) -> Callable[[Request], Any]:
        async def answer(request: Request) -> JSONResponse:
            raw = await request.body()
            try:
                body = json.loads(raw) if raw else {}
                with self._transaction():
                    return JSONResponse(handler(body, dict(request.query_params)))
            except RefusedError as error:
                return JSONResponse(error.refused_with, error.status)
            except (ValidationError, ValueError) as error:
                return JSONResponse({"status": "error", "message": str(error)}, 400)

        return answer


def wire_state(wire: Wire) -> dict[str, Any]:
    """Return the part of a state that the wire knows."""
    return {
        "calls": dict(wire.log.by_call),
        "statuses": {str(status): times for status, times in wire.log.by_status.items()},
        "faults": dict(wire.faults.fired),
        "late": wire.late,
    }


def reset_wire(wire: Wire) -> None:
    """Forget calls, orders of harm and strikes."""
    wire.log.clear()
    wire.faults.cancel()
    wire.faults.fired.clear()
