"""The part of Meta's Graph API that hands out files, and the only hosts a file is fetched from."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx

from connector.errors import ConfigError, CrmAccessError

_LARGEST_ANSWER: Final = 256 * 1024
_PASSING_CODES: Final = frozenset({1, 2, 4, 80007, 130429, 131000, 131016})
"""Graph error codes that are Meta's trouble or too many requests, whatever the HTTP status."""


class MediaError(Exception):
    """A file was not fetched. ``passing`` says whether trying again may help.

    ``access`` is set where the token is at fault, which is nothing about the file.
    """

    def __init__(self, code: str, *, passing: bool, access: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.passing = passing
        self.access = access


@dataclass(frozen=True, slots=True)
class MediaLocation:
    """Where Graph says a file is, for the next five minutes."""

    url: httpx.URL
    sha256: bytes | None
    size: int | None


class Graph:
    """Asks Graph where a file is, and opens it."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        version: str,
        token: Callable[[], str],
        hosts: Sequence[str],
    ) -> None:
        """``token`` is asked at every request; ``hosts`` as in ``[media]``."""
        self._client = client
        self._base = httpx.URL(base_url)
        self._version = version
        self._token = token
        self._hosts = tuple(host.lower() for host in hosts)

    async def locate(self, media_id: str) -> MediaLocation:
        """Return where a file is. Raises ``MediaError``."""
        if not media_id.isascii() or not media_id.isalnum():
            raise MediaError("bad_id", passing=False)
        url = self._base.copy_with(path=f"/{self._version}/{media_id}")
        async with self._get(url) as response:
            body = await _read(response)
        answer = _as_object(body)
        if response.status_code != HTTPStatus.OK:
            raise _refusal(response.status_code, answer.get("error"))
        found = answer.get("url")
        if not isinstance(found, str):
            raise MediaError("no_url", passing=True)
        size = str(answer.get("file_size"))
        return MediaLocation(
            url=self._allowed(found),
            sha256=read_sha256(answer.get("sha256")),
            size=int(size) if size.isdecimal() and len(size) < 20 else None,
        )

    @asynccontextmanager
    async def open(self, location: MediaLocation) -> AsyncIterator[httpx.Response]:
        """Open a file for reading. Raises ``MediaError``."""
        async with self._get(location.url) as response:
            if response.status_code != HTTPStatus.OK:
                raise _refusal(response.status_code, None)
            yield response

    @asynccontextmanager
    async def _get(self, url: httpx.URL) -> AsyncIterator[httpx.Response]:
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
        except ConfigError:
            raise MediaError("access", passing=True, access=True) from None
        try:
            async with self._client.stream(
                "GET", url, headers=headers, follow_redirects=False
            ) as response:
                yield response
        except CrmAccessError:
            raise MediaError("forbidden_address", passing=True) from None
        except httpx.HTTPError as error:
            raise MediaError(type(error).__name__, passing=True) from error

    def _allowed(self, text: str) -> httpx.URL:
        """Return a URL that the token may be shown to, or raise ``MediaError``.

        Graph's own origin, else https on its usual port at one of the configured hosts.
        """
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            raise MediaError("bad_url", passing=False) from None
        if (url.scheme, url.host, url.port) == (
            self._base.scheme,
            self._base.host,
            self._base.port,
        ):
            return url
        if url.scheme != "https" or url.port is not None or url.userinfo:
            raise MediaError("forbidden_url", passing=False)
        if not any(_fits(url.host, pattern) for pattern in self._hosts):
            raise MediaError("forbidden_host", passing=False)
        return url


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _fits(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


async def _read(response: httpx.Response) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > _LARGEST_ANSWER:
            raise MediaError("answer_too_large", passing=True)
    return body


def _as_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _refusal(status: int, error: object) -> MediaError:
    code = error.get("code") if isinstance(error, dict) else None
    if status == HTTPStatus.UNAUTHORIZED or code in {0, 190}:
        return MediaError("access", passing=True, access=True)
    passing = (
        code in _PASSING_CODES
        or status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
    return MediaError(f"http.{status}", passing=passing)


def read_sha256(value: object) -> bytes | None:
    """Return the 32 bytes of a digest, which comes in base64 or in hex."""
    if not isinstance(value, str):
        return None
    try:
        found = bytes.fromhex(value) if len(value) == 64 else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return None
    return found if len(found) == 32 else None
