"""The calls of a sandbox Graph API, as Meta documents them.

GET    /{version}/debug_token?input_token=     what a token is good for, and until when
GET    /{version}/{account}/subscribed_apps    which apps hear an account; POST adds the token's own
                                               with ``override_callback_uri``, DELETE takes it away
GET    /{version}/{account}/phone_numbers      its numbers
GET    /{version}/{app}/subscriptions          where an app is called; with its own token only
GET    /{version}/{number}?fields=             how a number is

A version that has ended is answered as the oldest that has not, and ``facebook-api-version`` says
as which.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.sandbox.graph.refusals import RefusalError, missing_permission, unknown_object
from connector.sandbox.graph.world import MANAGEMENT, Account, App, Number, Token, World

Clock = Callable[[], float]

_DEFAULT_FIELDS: Final = ("verified_name", "display_phone_number", "quality_rating")


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who calls: an app by its own token, or a system user by an access token."""

    app: App
    token: Token | None = None


@dataclass(slots=True)
class _Graph:
    world: World
    clock: Clock

    def admit(self, request: Request) -> _Caller:
        """Return who calls; refuse who is nobody."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            text = request.query_params.get("access_token", "")
        if not text:
            raise RefusalError(400, 104, "An access token is required to request this resource.")
        app_id, bar, secret = text.partition("|")
        if bar:
            app = self.world.app(app_id)
            if app is None or app.secret != secret:
                raise RefusalError(400, 190, "Invalid OAuth access token signature.")
            return _Caller(app)
        token = self.world.token(text)
        app = None if token is None else self.world.app(token.app)
        if token is None or app is None:
            raise RefusalError(401, 190, "Invalid OAuth access token - Cannot parse access token")
        trouble = self.trouble(token)
        if trouble is not None:
            raise trouble
        return _Caller(app, token)

    def trouble(self, token: Token) -> RefusalError | None:
        """Return why a token that once was good is not."""
        if token.revoked:
            words = f"The user has not authorized application {token.app}."
            return RefusalError(401, 190, f"Error validating access token: {words}", subcode=458)
        if token.expires_at and token.expires_at <= self.clock():
            day = time.strftime("%A, %d-%b-%y %H:%M:%S UTC", time.gmtime(token.expires_at))
            words = f"Session has expired on {day}."
            return RefusalError(401, 190, f"Error validating access token: {words}", subcode=463)
        return None

    def account_for(self, caller: _Caller, account_id: str) -> Account:
        """Return an account that a caller may look at."""
        account = self.world.account(account_id)
        token = caller.token
        if account is None or token is None:
            raise unknown_object(account_id)
        if MANAGEMENT not in token.scopes:
            raise missing_permission(MANAGEMENT)
        if token.accounts is not None and account_id not in token.accounts:
            raise unknown_object(account_id)
        return account

    def debug_token(self, request: Request) -> Any:
        caller = self.admit(request)
        text = request.query_params.get("input_token", "")
        token = self.world.token(text)
        if not text:
            raise RefusalError(400, 100, "(#100) The parameter input_token is required")
        if token is None or token.app != caller.app.id:
            error = {"code": 190, "message": "Invalid OAuth access token."}
            return {"data": {"error": error, "is_valid": False, "scopes": []}}
        trouble = self.trouble(token)
        data = {
            "app_id": token.app,
            "type": "SYSTEM_USER",
            "application": caller.app.name,
            "expires_at": token.expires_at,
            "is_valid": trouble is None,
            "scopes": token.scopes,
            "granular_scopes": [
                {"scope": scope}
                if token.accounts is None
                else {"scope": scope, "target_ids": token.accounts}
                for scope in token.scopes
            ],
        }
        if trouble is not None:
            told = {key: trouble.error[key] for key in ("code", "message")}
            data["error"] = told | {"subcode": trouble.error["error_subcode"]}
        return {"data": data}

    def list_apps(self, request: Request) -> Any:
        account = self.account_for(self.admit(request), request.path_params["id"])
        return {"data": [self._subscribed(*each) for each in account.subscribed.items()]}

    def _subscribed(self, app_id: str, override: str | None) -> dict[str, Any]:
        app = self.world.app(app_id)
        known = {
            "id": app_id,
            "link": f"https://www.facebook.com/games/?app_id={app_id}",
            "name": "An app" if app is None else app.name,
        }
        entry: dict[str, Any] = {"whatsapp_business_api_data": known}
        return entry if override is None else entry | {"override_callback_uri": override}

    async def subscribe(self, request: Request) -> Any:
        caller = self.admit(request)
        account = self.account_for(caller, request.path_params["id"])
        body = await request.json() if await request.body() else {}
        override = body.get("override_callback_uri")
        account.subscribed[caller.app.id] = str(override) if override else None
        return {"success": True}

    def unsubscribe(self, request: Request) -> Any:
        caller = self.admit(request)
        account = self.account_for(caller, request.path_params["id"])
        account.subscribed.pop(caller.app.id, None)
        return {"success": True}

    def list_numbers(self, request: Request) -> Any:
        account = self.account_for(self.admit(request), request.path_params["id"])
        own = [each for each in self.world.numbers if each.account == account.id]
        return {"data": [self._show(each, _DEFAULT_FIELDS) for each in own]}

    def list_subscriptions(self, request: Request) -> Any:
        caller = self.admit(request)
        if caller.token is not None:
            raise RefusalError(
                400, 15, "(#15) This method must be called with an app access_token."
            )
        if caller.app.id != request.path_params["id"]:
            raise unknown_object(request.path_params["id"])
        return {
            "data": [
                {
                    "object": each.object,
                    "callback_url": each.callback_url,
                    "active": each.active,
                    "fields": [{"name": name, "version": each.version} for name in each.fields],
                }
                for each in caller.app.subscriptions
            ]
        }

    def show_object(self, request: Request) -> Any:
        caller = self.admit(request)
        object_id = request.path_params["id"]
        number = self.world.number(object_id)
        if number is None:
            raise unknown_object(object_id)
        self.account_for(caller, number.account)
        asked = request.query_params.get("fields")
        names = _DEFAULT_FIELDS if asked is None else tuple(filter(None, asked.split(",")))
        return self._show(number, names)

    def _show(self, number: Number, names: tuple[str, ...]) -> dict[str, Any]:
        known = self._fields_of(number)
        for name in names:
            if name not in known:
                raise RefusalError(
                    400,
                    100,
                    f"(#100) Tried accessing nonexisting field ({name}) on node type "
                    "(WhatsAppBusinessPhoneNumber)",
                )
        shown = {name: known[name] for name in names if known[name] is not None}
        return shown | {"id": number.id}

    def _fields_of(self, number: Number) -> Mapping[str, Any]:
        account = self.world.account(number.account)
        places: dict[str, str] = {}
        if number.override_callback_uri:
            places["phone_number"] = number.override_callback_uri
        for app_id, override in account.subscribed.items() if account else ():
            app = self.world.app(app_id)
            own = [each.callback_url for each in app.subscriptions] if app else []
            if override:
                places.setdefault("whatsapp_business_account", override)
            if own:
                places.setdefault("application", own[0])
        return {
            "id": number.id,
            "display_phone_number": number.display_phone_number,
            "verified_name": number.verified_name,
            "quality_rating": number.quality_rating,
            "status": number.status,
            "platform_type": number.platform_type,
            "throughput": {"level": number.throughput},
            "whatsapp_business_manager_messaging_limit": number.messaging_limit,
            "webhook_configuration": places,
        }


def build_api(world: World, *, clock: Clock = time.time) -> Starlette:
    """Return the API alone."""
    graph = _Graph(world, clock)

    def at(path: str, method: str, call: Callable[[Request], Any]) -> Route:
        async def answer(request: Request) -> Response:
            version = request.path_params["version"]
            try:
                served = _serve_as(world, version)
                found = call(request)
                body = await found if hasattr(found, "__await__") else found
            except RefusalError as error:
                return error.to_response()
            return JSONResponse(body, headers={"facebook-api-version": served})

        return Route(f"/{{version}}{path}", answer, methods=[method])

    return Starlette(
        routes=[
            at("/debug_token", "GET", graph.debug_token),
            at("/{id}/subscribed_apps", "GET", graph.list_apps),
            at("/{id}/subscribed_apps", "POST", graph.subscribe),
            at("/{id}/subscribed_apps", "DELETE", graph.unsubscribe),
            at("/{id}/phone_numbers", "GET", graph.list_numbers),
            at("/{id}/subscriptions", "GET", graph.list_subscriptions),
            at("/{id}", "GET", graph.show_object),
        ]
    )


def name_call(path: str) -> str:
    """Return a call's name: its last word, or ``object`` where that is an id."""
    last = path.rstrip("/").rpartition("/")[2]
    return "object" if last.isdecimal() else last


def _serve_as(world: World, version: str) -> str:
    """Return the version that a call is answered as; refuse what never was one."""
    try:
        asked = _number(version)
    except ValueError:
        asked = (10**6,)
    if asked > _number(world.newest_version):
        raise RefusalError(400, 2500, f"Unknown path components: /{version}")
    return version if asked >= _number(world.oldest_version) else world.oldest_version


def _number(version: str) -> tuple[int, ...]:
    if not version.startswith("v"):
        raise ValueError(version)
    return tuple(int(part) for part in version.removeprefix("v").split("."))
