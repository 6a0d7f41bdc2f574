"""The public listener's ASGI app: the handshake, and events that are stored before their 200.

A bare ASGI app, because a framework costs more here than all the rest. It decides by content only;
every time limit, and its 408, is the connection's (``connector.receive.listener``).
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hmac import compare_digest
from time import perf_counter
from typing import Any, Final
from urllib.parse import parse_qs

from connector import metrics
from connector.errors import ConnectorError
from connector.receive.group_commit import GroupCommit
from connector.receive.signature import judge_signature

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_EMPTY: Final = ((b"content-length", b"0"),)
_LATER: Final = (*_EMPTY, (b"retry-after", b"5"))
_GOING: Final = (*_LATER, (b"connection", b"close"))
_PLAIN: Final = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
_START_200: Final = {"type": "http.response.start", "status": 200, "headers": _EMPTY}
_END: Final = {"type": "http.response.body"}
_REQUESTS: Final = {
    status: metrics.WEBHOOK_REQUESTS.labels(str(status))
    for status in (200, 400, 401, 403, 404, 413, 415, 429, 503)
}
_REQUESTS_200: Final = _REQUESTS[200]


class _RefusedError(Exception):
    """How a request is answered that is not taken."""

    def __init__(self, status: int, reason: str, headers: Headers = _EMPTY) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


class _ClientGoneError(Exception):
    """Nobody is there to be answered."""


class ReceiveApp:
    """Answers Meta. While ``draining`` is set, new events are sent away with 503."""

    def __init__(
        self,
        intake: GroupCommit,
        *,
        path: str,
        app_secrets: Sequence[bytes],
        verify_token: bytes,
        max_body_bytes: int = 4 * 1024 * 1024,
        max_held_bytes: int = 128 * 1024 * 1024,
        room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take events at ``path``, signed with any of ``app_secrets``.

        ``max_held_bytes`` bounds the bodies that all requests together hold in memory; ``room``
        says whether the ledger's disk has room for more.
        """
        self.draining = False
        self._intake = intake
        self._path = path
        self._app_secrets = tuple(app_secrets)
        self._verify_token = verify_token
        self._max_body_bytes = max_body_bytes
        self._max_held_bytes = max_held_bytes
        self._held_bytes = 0
        self._room = room
        self._handshakes = _Allowance(burst=20, per_second=2)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. What is asked anywhere but at our path, ``/replies`` too, is 404."""
        if scope["type"] != "http":
            return
        if scope["path"] != self._path:
            await _answer(send, 404, _EMPTY)
        elif scope["method"] == "POST":
            await self._answer_event(scope["headers"], receive, send)
        elif scope["method"] == "GET":
            await self._answer_handshake(scope["query_string"], send)
        else:
            await _answer(send, 404, _EMPTY)

    async def _answer_event(
        self, headers: Sequence[tuple[bytes, bytes]], receive: Receive, send: Send
    ) -> None:
        started = perf_counter()
        try:
            signature = self._admit(headers)
            body = await self._receive_body(receive)
            try:
                await self._store(signature, body)
            finally:
                self._held_bytes -= len(body)
        except _RefusedError as refused:
            metrics.WEBHOOK_REJECTED.labels(refused.reason).inc()
            await _answer(send, refused.status, refused.headers)
        except _ClientGoneError:
            return
        else:
            await send(_START_200)
            await send(_END)
            _REQUESTS_200.inc()
            metrics.WEBHOOK_BYTES.observe(len(body))
        metrics.WEBHOOK_SECONDS.observe(perf_counter() - started)

    def _admit(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return the signature, or refuse a request by its headers, before its body is read."""
        signature: bytes | None = None
        length = 0
        for name, value in headers:
            if name == b"x-hub-signature-256":
                signature = value if signature is None else b"given twice"
            elif name == b"content-length":
                length = int(value)
            elif name == b"content-encoding":
                raise _RefusedError(415, "encoding")
        if signature is None:
            raise _RefusedError(401, "signature")
        if length > self._max_body_bytes:
            raise _RefusedError(413, "size")
        if self.draining:
            raise _RefusedError(503, "busy", _GOING)
        if self._intake.full:
            raise _RefusedError(503, "busy", _LATER)
        if not self._room():
            raise _RefusedError(503, "database", _LATER)
        return signature

    async def _receive_body(self, receive: Receive) -> bytes:
        """Return the whole body, counted in ``_held_bytes``; at no time more than is allowed."""
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
            if len(body) > self._max_body_bytes:
                raise _RefusedError(413, "size")
            self._held_bytes += len(body)
            return body
        pieces: list[bytes] = []
        try:
            await self._collect(message, receive, pieces)
        except BaseException:
            self._held_bytes -= sum(map(len, pieces))
            raise
        return b"".join(pieces)

    async def _collect(
        self, message: Mapping[str, Any], receive: Receive, pieces: list[bytes]
    ) -> None:
        size = 0
        while message["type"] == "http.request":
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            self._held_bytes += len(pieces[-1])
            if size > self._max_body_bytes:
                raise _RefusedError(413, "size")
            if self._held_bytes > self._max_held_bytes:
                raise _RefusedError(503, "busy", _LATER)
            if not message.get("more_body"):
                return
            message = await receive()
        raise _ClientGoneError

    async def _store(self, signature: bytes, body: bytes) -> None:
        """Return once the body is in the ledger."""
        if judge_signature(signature, body, self._app_secrets) != "valid":
            raise _RefusedError(403, "signature")
        stored = self._intake.offer(body)
        if stored is None:
            raise _RefusedError(503, "busy", _LATER)
        try:
            await stored
        except ConnectorError:
            raise _RefusedError(503, "database", _LATER) from None

    async def _answer_handshake(self, query_string: bytes, send: Send) -> None:
        """Give back the challenge to whoever knows the verify token, as text that does nothing."""
        if not self._handshakes.take():
            await _answer(send, 429, _LATER)
            return
        try:
            query = parse_qs(query_string.decode("ascii"), max_num_fields=16)
        except ValueError:
            query = {}
        token, challenge, mode = (
            query.get(f"hub.{name}", [""])[0] for name in ("verify_token", "challenge", "mode")
        )
        given = token.encode("utf-8", "surrogateescape")
        if not compare_digest(given, self._verify_token) or mode != "subscribe":
            metrics.WEBHOOK_REJECTED.labels("token").inc()
            await _answer(send, 403, _EMPTY)
        elif _CHALLENGE.fullmatch(challenge) is None:
            await _answer(send, 400, _EMPTY)
        else:
            text = challenge.encode("ascii")
            length = (b"content-length", str(len(text)).encode("ascii"))
            await _answer(send, 200, (*_PLAIN, length), text)


class _Allowance:
    """A budget that refills: ``burst`` at once, ``per_second`` in the long run."""

    def __init__(self, *, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at = perf_counter()

    def take(self) -> bool:
        now = perf_counter()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    _REQUESTS[status].inc()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
