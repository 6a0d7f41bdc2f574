"""Stands between a client and a sandbox CRM: does the harm that was ordered and logs each call.

It is an ASGI application around another and knows nothing of the CRM inside but how to name a call
and what a refusal of it looks like, so that every sandbox CRM can be harmed in the same ways.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.sandbox.call_log import Call, CallLog
from connector.sandbox.faults import Fault, Faults

TRANSPORT: Final = "sandbox.transport"
"""Where the server leaves the connection in the scope, so that it can be reset."""
LONGEST_HOLD: Final = 600.0
"""Seconds after which a silent connection is reset, should its client wait that long."""

_REFUSED: Final = frozenset(
    {"throttle", "unauthorized", "forbidden_html", "unavailable", "status", "error_before"}
)
_HELD: Final = frozenset({"timeout_before", "timeout_after", "late_commit"})
_BEFORE: Final = frozenset({"timeout_before", "reset_before", "late_commit"})

_BLOCKED: Final = (
    "<!DOCTYPE html><html><head><title>Attention Required!</title></head>"
    "<body><h1>Sorry, you have been blocked</h1></body></html>"
)


class Refusals(Protocol):
    """How a CRM words what the wire says in its name."""

    def throttled(self, policy: str | None, retry_after: int | None) -> Response:
        """Return its 429."""
        ...

    def unauthorized(self, category: str | None) -> Response:
        """Return its 401."""
        ...

    def failed(self, status: int) -> Response:
        """Return what it says when something of its own broke."""
        ...


@dataclass(slots=True)
class Heard:
    """What the CRM inside answered, before it is sent."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


@dataclass(slots=True)
class _Exchange:
    scope: Scope
    receive: Receive
    send: Send
    body: bytes
    call: str
    sent_status: int = 0
    sent_bytes: int = 0

    async def respond(self, heard: Heard) -> None:
        """Send an answer whole."""
        await self.start(heard)
        await self.go_on(heard.body, more=False)

    async def start(self, heard: Heard) -> None:
        """Send status and headers."""
        self.sent_status = heard.status
        await self.send(
            {"type": "http.response.start", "status": heard.status, "headers": heard.headers}
        )

    async def go_on(self, body: bytes, *, more: bool) -> None:
        """Send a part of the body."""
        self.sent_bytes += len(body)
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def hang_up(self) -> None:
        """Reset the connection and wait until it is gone."""
        transport = self.scope.get(TRANSPORT)
        if transport is None:
            raise ConnectionResetError("a reset was ordered, and this server has no connection")
        _reset(transport)
        await self.wait_for_goodbye()

    async def wait_for_goodbye(self) -> None:
        """Return once the client is gone."""
        while (await self.receive())["type"] != "http.disconnect":
            continue


class Wire:
    """The harm and the log around a CRM."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        name_call: Callable[[str], str],
        refusals: Refusals,
        latency: Callable[[], float] = lambda: 0.0,
        seed: int = 0,
    ) -> None:
        self.app = app
        self.faults = Faults(seed)
        self.log = CallLog()
        self._name_call = name_call
        self._refusals = refusals
        self._latency = latency
        self._random = random.Random(seed)  # noqa: S311 - which input is omitted, no secret
        self._late: set[asyncio.Task[Heard]] = set()

    @property
    def late(self) -> int:
        """How many calls are still to be applied after their client gave up on them."""
        return len(self._late)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass on what is none."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        came, number, start = time.time(), self.log.next_number(), time.perf_counter()
        body = await _read_body(receive)
        if body is None:
            return
        method, path = scope["method"], scope["path"]
        call = self._name_call(path)
        exchange = _Exchange(scope, receive, send, body, call)
        fault = self.faults.draw(method, path, call, body)
        if latency := self._latency():
            await asyncio.sleep(latency)
        try:
            await (self._serve(exchange) if fault is None else self._harm(exchange, fault))
        finally:
            self.log.add(
                Call(
                    number,
                    came,
                    method,
                    path,
                    call,
                    exchange.sent_status,
                    fault.kind if fault else None,
                    len(body),
                    exchange.sent_bytes,
                    time.perf_counter() - start,
                )
            )

    async def _serve(self, exchange: _Exchange) -> None:
        await exchange.respond(await self._ask(exchange))

    async def _ask(self, exchange: _Exchange) -> Heard:
        return await _ask(self.app, exchange.scope, exchange.body)

    async def _harm(self, exchange: _Exchange, fault: Fault) -> None:
        if fault.kind in _REFUSED:
            refusal = self._refuse(fault)
            await exchange.respond(
                Heard(refusal.status_code, refusal.raw_headers, bytes(refusal.body))
            )
        elif fault.kind == "omit_input":
            await exchange.respond(await self._omit(exchange, fault))
        elif fault.kind in _BEFORE:
            await self._fall_silent(exchange, fault)
        else:
            heard = await self._ask(exchange)
            if fault.kind in {"timeout_after", "reset_after"}:
                await self._fall_silent(exchange, fault)
            else:
                await self._distort(exchange, fault, heard)

    def _refuse(self, fault: Fault) -> Response:
        waits = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        match fault.kind:
            case "throttle":
                return self._refusals.throttled(fault.policy, fault.retry_after)
            case "unauthorized":
                return self._refusals.unauthorized(fault.policy)
            case "forbidden_html":
                return HTMLResponse(_BLOCKED, 403)
            case "unavailable":
                return Response(status_code=503, headers={**waits, **fault.headers})
            case "status":
                headers = {**waits, **fault.headers}
                return JSONResponse(fault.body, fault.status, headers)
            case _:
                return self._refusals.failed(fault.status)

    async def _fall_silent(self, exchange: _Exchange, fault: Fault) -> None:
        if fault.kind == "late_commit":
            task = asyncio.create_task(_ask_later(self.app, exchange, fault.seconds))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        if fault.kind in _HELD:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_HOLD):
                    await exchange.wait_for_goodbye()
                    return
        await exchange.hang_up()

    async def _distort(self, exchange: _Exchange, fault: Fault, heard: Heard) -> None:
        match fault.kind:
            case "error_after":
                failed = self._refusals.failed(fault.status)
                body = bytes(failed.body)
                await exchange.respond(Heard(failed.status_code, failed.raw_headers, body))
            case "garble":
                page = HTMLResponse("<html><body>ok</body></html>", 200)
                await exchange.respond(Heard(200, page.raw_headers, bytes(page.body)))
            case "half_answer":
                await exchange.start(heard)
                await exchange.go_on(heard.body[: len(heard.body) // 2], more=True)
            case "drip":
                await exchange.start(heard)
                for place in range(len(heard.body)):
                    await exchange.go_on(heard.body[place : place + 1], more=True)
                    await asyncio.sleep(fault.seconds / len(heard.body))
                await exchange.go_on(b"", more=False)
            case _:
                await asyncio.sleep(fault.seconds)
                await exchange.respond(heard)

    async def _omit(self, exchange: _Exchange, fault: Fault) -> Heard:
        inputs = _inputs_of(exchange.body)
        if not inputs:
            return await self._ask(exchange)
        chosen = self._random.randrange(len(inputs))
        if fault.applied:
            heard = await self._ask(exchange)
            answer = json.loads(heard.body)
            results = answer.get("results")
            if isinstance(results, list) and results:
                results.pop(chosen % len(results))
            return _with_body(heard, answer)
        inputs.pop(chosen)
        if not inputs:
            return _with_body(Heard(207), {"status": "COMPLETE", "results": []})
        asked = {**json.loads(exchange.body), "inputs": inputs}
        heard = await _ask(self.app, exchange.scope, json.dumps(asked).encode())
        return _with_body(heard, json.loads(heard.body))


async def _read_body(receive: Receive) -> bytes | None:
    """Return the whole body; ``None`` if the client left before its end."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _ask_later(app: ASGIApp, exchange: _Exchange, seconds: float) -> Heard:
    await asyncio.sleep(seconds)
    return await _ask(app, exchange.scope, exchange.body)


async def _ask(app: ASGIApp, scope: Scope, body: bytes) -> Heard:
    """Let the application answer a request whose body is already here."""
    heard = Heard()
    parts: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            heard.status = message["status"]
            heard.headers = list(message.get("headers", ()))
        else:
            parts.append(message.get("body", b""))

    inner: MutableMapping[str, Any] = dict(scope)
    inner["headers"] = [each for each in scope["headers"] if each[0] != b"content-length"]
    await app(inner, receive, send)
    heard.body = b"".join(parts)
    return heard


def _inputs_of(body: bytes) -> list[Any]:
    """Return the inputs of a batch; none if the request is no batch."""
    try:
        asked = json.loads(body)
    except ValueError:
        return []
    inputs = asked.get("inputs") if isinstance(asked, dict) else None
    return inputs if isinstance(inputs, list) else []


def _with_body(heard: Heard, body: Mapping[str, Any]) -> Heard:
    """Return the answer with another body; one that went well becomes a 207."""
    if heard.status >= 300:
        return heard
    response = JSONResponse({"numErrors": 0, "errors": [], **body}, 207)
    kept = [each for each in heard.headers if each[0].lower().startswith(b"x-")]
    return Heard(response.status_code, [*response.raw_headers, *kept], bytes(response.body))


def _reset(transport: asyncio.Transport) -> None:
    """Close a connection so that its client sees a reset, not an end."""
    inner = transport.get_extra_info("socket")
    if inner is not None and inner.fileno() >= 0:
        # A copy, because uvloop's own object sets no options; options belong to the connection.
        with socket.socket(fileno=os.dup(inner.fileno())) as copy:
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
