"""Who may see the private listener: the right host name, the token where one is set.

A page somewhere can make a browser on this machine ask the loopback address under a name of its
own (DNS rebinding). A loopback listener therefore answers to loopback names only; one that can be
reached from outside has a token, which that page does not know.
"""

import base64
import binascii
from collections.abc import Callable
from hmac import compare_digest
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.config.addresses import is_loopback
from connector.web.guesses import EVERY, Guesses

_OPEN: Final = frozenset({"/livez", "/readyz"})
_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SECURITY: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses what may not be seen, and marks every answer as private."""

    def __init__(self, app: ASGIApp, *, host: str, token: Callable[[], str | None]) -> None:
        """Guard ``app`` at ``host``; ``token`` gives the token each time it is needed."""
        self._app = app
        self._names = _NAMES | {host.lower()} if is_loopback(host) else None
        self._token = token
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refuse(scope)
        await (refusal or self._app)(scope, receive, send_marked)

    def _refuse(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self._names is not None and _host_name(headers.get("host", "")) not in self._names:
            return Response("this listener answers to loopback names only\n", status_code=421)
        if scope["path"] in _OPEN:
            return None
        token = self._token()
        if token is None:
            return None
        given = headers.get("authorization", "")
        address = (scope.get("client") or ("",))[0]
        if given and self._guesses.exhausted(address):
            return Response(
                "too many wrong tokens came from this address\n",
                status_code=429,
                headers={"retry-after": str(round(EVERY))},
            )
        if _knows(token, given):
            return None
        if given:
            self._guesses.count(address)
        return Response(
            "the admin token is needed\n",
            status_code=401,
            headers={"www-authenticate": 'Basic realm="connector", charset="UTF-8"'},
        )


def _host_name(header: str) -> str:
    """Return the name in a Host header, without its port and an IPv6 address's brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def _knows(token: str, authorization: str) -> bool:
    """Whether a header carries the token: as a bearer's, or as the password of any user."""
    scheme, _, credentials = authorization.partition(" ")
    given = credentials.strip().encode("latin-1")
    match scheme.lower():
        case "bearer":
            pass
        case "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                given = b""
        case _:
            given = b""
    return compare_digest(given, token.encode())
