"""A CRM that answers what no CRM should: a sandbox's own answers, harmed on the way."""

import json
import random
from collections.abc import Sequence
from typing import Final

import httpx

from tests.fuzz.mutations import mutate, write

RAW: Final[Sequence[tuple[int, str, bytes]]] = (
    (200, "application/json", b""),
    (200, "application/json", b"null"),
    (200, "application/json", b"[]"),
    (200, "application/json", b"{}"),
    (200, "application/json", b'{"id":1,"id":2,"results":[],"results":{},"data":1,"data":[]}'),
    (200, "application/json", b'{"data":NaN,"results":[Infinity]}'),
    (200, "application/json", b"[" * 100_000 + b"]" * 100_000),
    (200, "application/json", b'{"data":' + b"[" * 700 + b"]" * 700 + b"}"),
    (200, "application/json", b'{"id":' + b"9" * 5000 + b"}"),
    (200, "application/json", b'"\\ud800"'),
    (200, "application/json", b"\xff\xfe\x00\x00"),
    (200, "application/json", b"\xef\xbb\xbf{}"),
    (200, "text/html", b"<!doctype html><title>Hello</title>"),
    (200, "application/octet-stream", bytes(range(256)) * 40),
    (204, "application/json", b""),
    (207, "application/json", b'{"errors":[{"context":{"ids":7}}],"results":[7]}'),
    (301, "text/html", b""),
    (400, "application/json", b'{"errors":7,"message":[],"category":{}}'),
    (400, "application/json", b"\x00"),
    (404, "text/html", b"<html>"),
    (409, "application/json", b'{"message":"Existing ID: \\u0000"}'),
    (429, "application/json", b"[]"),
    (500, "text/plain", b"no"),
    (999, "application/json", b"{}"),
)
"""Answers that harm by themselves: status, type, body."""
HEADERS: Final[Sequence[tuple[str, str]]] = (
    ("Retry-After", "-1"),
    ("Retry-After", "NaN"),
    ("Retry-After", "1e400"),
    ("Retry-After", "9" * 400),
    ("Retry-After", "Wed, 99 Foo 2026"),
    ("X-RateLimit-Limit", "x"),
    ("X-RateLimit-Remaining", "-9"),
    ("X-RateLimit-Reset", "inf"),
    ("X-HubSpot-RateLimit-Remaining", "²"),
    ("X-HubSpot-RateLimit-Interval-Milliseconds", "0"),
    ("X-HubSpot-RateLimit-Max", "nan"),
    ("X-HubSpot-RateLimit-Daily", "-5"),
    ("X-Daily-Requests-Left", "1e9"),
    ("Date", "yesterday"),
    ("Link", '<:::>; rel="next"'),
    ("Content-Type", "application/json; charset=\u00e9"),
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "gzip, gzip"),
)
STATUSES: Final = (200, 201, 207, 400, 403, 404, 409, 422, 429, 500)


class Harm(httpx.AsyncBaseTransport):
    """Passes requests on, and harms the answers by the numbers of a list; later ones go as is."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.seeds: list[int] = []
        """One for each answer to come; 0 leaves it as it is."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        answer = await self._inner.handle_async_request(request)
        body = await answer.aread()
        headers = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
        seed = self.seeds.pop(0) if self.seeds else 0
        if seed == 0:
            return httpx.Response(answer.status_code, headers=headers, content=body)
        chance = random.Random(seed)  # noqa: S311 - not a secret
        status = answer.status_code
        if chance.random() < 0.25:
            status, kind, body = chance.choice(RAW)
            headers["Content-Type"] = kind
        else:
            try:
                body = write(mutate(json.loads(body), seed))
            except ValueError:
                body = body[: len(body) // 2]
            if chance.random() < 0.3:
                status = chance.choice(STATUSES)
        if chance.random() < 0.3:
            name, value = chance.choice(HEADERS)
            headers[name] = value
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return httpx.Response(status, headers=raw, stream=httpx.ByteStream(body))
