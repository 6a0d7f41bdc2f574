"""OAuth 2 access tokens, refreshed before they end; and plain bearer tokens, read at each use."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from connector.clock import Clock
from connector.config.addresses import check_url, is_loopback
from connector.config.secret import Secret
from connector.crm.waits import retry_after
from connector.errors import (
    ConfigError,
    CrmAccessError,
    CrmThrottledError,
    CrmUnavailableError,
)
from connector.failpoints import failpoint

Reveal = Callable[[], str]
OnRotated = Callable[[str], Awaitable[None]]
"""Keeps a new refresh token; the old one is dead from then on."""

_EARLY: Final = 60.0
"""Seconds before its end from which an access token is not used any more."""
_REFUSALS: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED})
_SHORTEST_LIFE: Final = 5.0
"""Seconds that a new token is used at least, however short its announced life is."""


def read_secret(reveal: Reveal) -> str:
    """Read a secret now. Raises ``CrmAccessError`` if it is gone: that pauses, and ends nothing."""
    try:
        return reveal()
    except ConfigError as error:
        raise CrmAccessError(f"a secret cannot be read: {error}", remedy=error.remedy) from None


class BearerToken(httpx.Auth):
    """A token in a header, read again at each request, so that replacing it needs no restart."""

    def __init__(
        self, token: Secret, *, header: str = "Authorization", scheme: str = "Bearer"
    ) -> None:
        self._token = token
        self._header = header
        self._prefix = f"{scheme} " if scheme else ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the token on the request."""
        request.headers[self._header] = f"{self._prefix}{read_secret(self._token.reveal)}"
        yield request


class OAuth2(httpx.Auth):
    """An access token that is refreshed a minute before its end, and once when it is refused.

    One refresh is under way at a time; the others wait for it and use what it brought. Client
    credentials and refresh token go in the form of the request, never in its URL; with
    ``client_in_header`` the client's id and secret go as Basic authorization instead.
    Without a refresh token the client's own credentials are exchanged. ``scheme`` is the word
    before the access token, ``form`` goes with each request for one (``scope``, ``audience``).
    ``on_rotated`` has kept a new refresh token before the access token that came with it is used;
    ``rotated`` is what it kept last. The configured refresh token is tried after that one, since
    an admin who connects the app again writes a new one there.

    Raises, out of the request that needed the token, ``CrmAccessError`` where the refresh token or
    the client is refused, ``CrmThrottledError``, or ``CrmUnavailableError`` with ``started`` false.
    """

    def __init__(
        self,
        *,
        token_url: Reveal,
        client_id: Reveal,
        client_secret: Reveal,
        refresh_token: Reveal | None,
        clock: Clock,
        rotated: str | None = None,
        on_rotated: OnRotated | None = None,
        base_url_key: str | None = None,
        client_in_header: bool = False,
        scheme: str = "Bearer",
        form: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._refresh_token = refresh_token
        self._rotated = rotated
        self._clock = clock
        self._on_rotated = on_rotated
        self._base_url_key = base_url_key
        self._client_in_header = client_in_header
        self._scheme = scheme
        self._form = form
        self._lock = asyncio.Lock()
        self._access_token: str | None = None
        self._ends_at = 0.0
        self.base_url: str | None = None
        """Where the account's API stands, if the token answer says so under ``base_url_key``."""
        self.scopes: frozenset[str] | None = None
        """What the access token may do, if the token answer says so."""

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Refresh if needed, send, and if the token is refused refresh and send once more."""
        refused: str | None = None
        while True:
            async with self._lock:
                if self._clock.boot() >= self._ends_at or self._access_token == refused:
                    tokens = self._refresh_tokens()
                    for token in tokens:
                        answer = yield self._refresh_request(token)
                        if await self._accept(answer, token, last=token is tokens[-1]):
                            break
                access_token = self._access_token
            request.headers["Authorization"] = f"{self._scheme} {access_token}"
            response = yield request
            if response.status_code != HTTPStatus.UNAUTHORIZED or refused is not None:
                return
            refused = access_token

    def _refresh_tokens(self) -> list[str | None]:
        if self._refresh_token is None:
            return [None]
        configured = read_secret(self._refresh_token)
        if self._rotated is None or self._rotated == configured:
            return [configured]
        return [self._rotated, configured]

    def _refresh_request(self, refresh_token: str | None) -> httpx.Request:
        client_id = read_secret(self._client_id)
        client_secret = read_secret(self._client_secret)
        if refresh_token is None:
            form = {"grant_type": "client_credentials", **self._form}
        else:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": refresh_token,
                **self._form,
            }
        headers = {"Accept": "application/json"}
        if self._client_in_header:
            pair = f"{client_id}:{client_secret}".encode()
            headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        else:
            form |= {"client_id": client_id, "client_secret": client_secret}
        return httpx.Request("POST", read_secret(self._token_url), data=form, headers=headers)

    async def _accept(
        self, response: httpx.Response, refresh_token: str | None, *, last: bool
    ) -> bool:
        """Take an answer's tokens; false if this refresh token is refused and another is left."""
        await response.aread()
        if response.status_code in _REFUSALS and not last:
            return False
        _require_success(response)
        answer = _read_answer(response)
        failpoint("token.after_refresh")
        new = answer.get("refresh_token")
        if refresh_token and isinstance(new, str) and new and new != refresh_token:
            if self._on_rotated is not None:
                await self._on_rotated(new)
            self._rotated = new
        self._access_token = answer["access_token"]
        life = answer.get("expires_in")
        seconds = float(life) if isinstance(life, int | float) else 1800.0
        self._ends_at = self._clock.boot() + max(seconds - _EARLY, _SHORTEST_LIFE)
        scope = answer.get("scope")
        if isinstance(scope, str):
            self.scopes = frozenset(scope.replace(",", " ").split())
        if self._base_url_key is not None:
            self.base_url = _read_base_url(answer.get(self._base_url_key))
        return True


def _require_success(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise CrmThrottledError(
            "too many requests for an access token", cooldown=retry_after(response)
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        raise CrmUnavailableError(
            f"no access token: the CRM answered {status}", status=status, started=False
        )
    raise CrmAccessError(
        f"no access token: the CRM answered {status}, so the refresh token, the client id or its "
        "secret is not good any more",
        status=status,
        remedy="connect the app to the account again and replace the refresh token",
    )


def _read_answer(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise CrmUnavailableError(
            "no access token: the CRM's answer does not hold one",
            status=response.status_code,
            started=False,
        )
    return answer


def _read_base_url(value: object) -> str | None:
    """Return an address that may be called; ``None`` for one that is no https address elsewhere."""
    try:
        url = check_url(value) if isinstance(value, str) else ""
    except ValueError:
        return None
    return (
        url if url.startswith("https:") and not is_loopback(urlsplit(url).hostname or "") else None
    )
