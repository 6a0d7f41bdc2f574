"""The API of a sandbox REST CRM.

GET     /v1/me                       who the token is
GET     /v1/{kind}                   a list: ?phone= ?external_ref= ?contact_id= ?updated_since=
                                     ?page= ?per_page=; the next page is in the ``Link`` header
POST    /v1/{kind}                   a new one; with ``Idempotency-Key`` the same again is the same
PUT     /v1/{kind}/by-ref/{ref}      a new one under a reference, or that one replaced
PUT     /v1/{kind}/batch             ``{"records": [...]}`` by their references, answered each
GET     /v1/{kind}/{id}              also PATCH and DELETE
POST    /oauth/token                 refresh_token and client_credentials

``kind`` is ``contacts`` or ``messages``.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox.rest import records
from connector.sandbox.rest.access import Caller
from connector.sandbox.rest.account import Account
from connector.sandbox.rest.answers import Answer, RefusalError, refusal

_LARGEST_BATCH: Final = 100
Handler = Callable[[Account, Request, Any], Answer]


def name_call(path: str) -> str:
    """Return the short name of a call."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["oauth"]:
        return "oauth"
    kind = parts[1] if len(parts) > 1 else "other"
    if len(parts) == 2:
        return kind if kind == "me" else f"{kind}.all"
    if len(parts) == 3 and parts[2] == "batch":
        return f"{kind}.batch"
    return f"{kind}.{'put' if 'by-ref' in parts else 'one'}"


def build_api(account: Account) -> Starlette:
    """Return the API alone."""
    routes = [
        Route("/oauth/token", _token(account), methods=["POST"]),
        Route("/v1/me", _endpoint(account, _me), methods=["GET"]),
        Route("/v1/{kind}", _endpoint(account, _list), methods=["GET"]),
        Route("/v1/{kind}", _endpoint(account, _create), methods=["POST"]),
        Route("/v1/{kind}/batch", _endpoint(account, _batch), methods=["PUT"]),
        Route("/v1/{kind}/by-ref/{ref}", _endpoint(account, _put), methods=["PUT"]),
        Route("/v1/{kind}/{id:int}", _endpoint(account, _one), methods=["GET", "PATCH", "DELETE"]),
    ]
    return Starlette(routes=routes)


def _endpoint(account: Account, handler: Handler) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        raw = await request.body()
        try:
            caller = account.access.admit(request.headers.get("Authorization", ""))
            account.access.count(caller)
            caller.require("read" if request.method == "GET" else "write")
            request.state.caller = caller
            with account.store.transaction():
                return handler(account, request, _read(raw)).to_response()
        except RefusalError as error:
            return error.answer.to_response()

    return answer


def _token(account: Account) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        try:
            return account.access.exchange(form).to_response()
        except RefusalError as error:
            return error.answer.to_response()

    return answer


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        raise refusal(400, "NOT_JSON") from None


def _kind(request: Request) -> str:
    return records.require_kind(request.path_params["kind"])


def _me(account: Account, request: Request, _: Any) -> Answer:
    caller: Caller = request.state.caller
    data = {"id": "account-1", "name": account.settings.name, "scopes": sorted(caller.scopes)}
    return Answer(200, {"data": data})


def _list(account: Account, request: Request, _: Any) -> Answer:
    query = dict(request.query_params)
    found, following = records.search(account, _kind(request), query)
    headers: Mapping[str, str] = {}
    if following is not None:
        url = request.url.replace(query=urlencode({**query, "page": following}))
        headers = {"Link": f'<{url}>; rel="next"'}
    return Answer(200, {"items": [records.show(each) for each in found]}, headers)


def _create(account: Account, request: Request, body: Any) -> Answer:
    kind = _kind(request)
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return Answer(201, {"data": records.show(records.create(account, kind, body))})
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        raise refusal(400, "BAD_IDEMPOTENCY_KEY")
    now = account.clock()
    text = json.dumps([kind, body], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    before = account.store.remembered(key, now - account.settings.idempotency_seconds)
    if before is not None:
        if before[0] != digest:
            raise refusal(422, "IDEMPOTENCY_MISMATCH")
        return Answer(before[1], json.loads(before[2]), {"Idempotent-Replayed": "true"})
    made = {"data": records.show(records.create(account, kind, body))}
    account.store.remember(key, digest, 201, json.dumps(made), now)
    return Answer(201, made)


def _put(account: Account, request: Request, body: Any) -> Answer:
    record, new = records.put(account, _kind(request), request.path_params["ref"], body)
    return Answer(201 if new else 200, {"data": records.show(record)})


def _batch(account: Account, request: Request, body: Any) -> Answer:
    """Write many, each for itself: one that is refused spoils no other."""
    kind = _kind(request)
    items = body.get("records") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(items) > _LARGEST_BATCH:
        raise refusal(400, "BAD_BATCH")
    return Answer(200, {"data": [_batched(account, kind, item) for item in items]})


def _batched(account: Account, kind: str, item: Any) -> dict[str, Any]:
    fields = dict(item) if isinstance(item, dict) else {}
    try:
        ref = str(fields.pop("external_ref", ""))
        record, _ = records.put(account, kind, ref, fields)
    except RefusalError as error:
        return {"code": error.answer.body["error"]["code"], "details": None}
    return {"code": "SUCCESS", "details": {"id": record.id}}


def _one(account: Account, request: Request, body: Any) -> Answer:
    kind, number = _kind(request), request.path_params["id"]
    match request.method:
        case "GET":
            return Answer(200, {"data": records.show(records.find(account, kind, number))})
        case "PATCH":
            record = records.change(account, kind, number, body)
            return Answer(200, {"data": records.show(record)})
        case _:
            records.delete(account, kind, number)
            return Answer(204)
