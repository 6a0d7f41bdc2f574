"""Forms that change something: who may send one, and what is in it.

There is no session to ride on, but a browser that knows the admin token, or sits on the same
machine, sends it along for any page. So a change is taken only from a form that this process made
(its token is a keyed hash of the path it goes to) and that the browser says was sent by one of our
own pages.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from connector.errors import ConnectorError

FIELD: Final = "form"
"""The name of the hidden field."""
_LARGEST: Final = 64 * 1024
_MOST_FIELDS: Final = 1000
_KEPT: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-"


class FormRefusedError(ConnectorError):
    """A change that none of our pages asked for; nothing was done."""


class Forms:
    """Marks the forms of this process, and knows them again."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def token(self, path: str) -> str:
        """Return what a form that goes to ``path`` carries."""
        return hmac.new(self._secret, path.encode(), sha256).hexdigest()

    async def read(self, request: Request) -> dict[str, str]:
        """Return the fields of a form that may change something.

        Raises ``FormRefusedError`` for one that another site sent, or another process made.
        """
        fields = await read_fields(request)
        require_own_page(request.headers)
        given = fields.pop(FIELD, "").encode()
        if not hmac.compare_digest(given, self.token(request.url.path).encode()):
            raise FormRefusedError(
                "this page was made before the connector was started again",
                remedy="go back, load the page again, and repeat what you did",
            )
        return fields


def require_own_page(headers: Mapping[str, str]) -> None:
    """Raise ``FormRefusedError`` unless the browser says that one of our pages sent this."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    own = origin is not None and urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    if site not in {None, "same-origin"} or not (own or (origin is None and site is not None)):
        raise FormRefusedError(
            "this was not sent by a page of the dashboard", remedy="open the dashboard itself"
        )


async def read_fields(request: Request) -> dict[str, str]:
    """Return a form's fields; ``FormRefusedError`` for what is no form of ours."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise FormRefusedError("this is not a form", remedy="open the dashboard itself")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise FormRefusedError("this form is too large", remedy="do it in smaller parts")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise FormRefusedError(
            "this form can not be read", remedy="open the dashboard itself"
        ) from error
    return dict(pairs)


def actor_of(authorization: str) -> str:
    """Return who changes something: the dashboard, and the user name a browser was given."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "dashboard"
    try:
        user = base64.b64decode(credentials.strip(), validate=True).partition(b":")[0].decode()
    except (binascii.Error, UnicodeDecodeError):
        return "dashboard"
    name = "".join(letter for letter in user if letter in _KEPT)[:40]
    return f"dashboard:{name}" if name else "dashboard"
