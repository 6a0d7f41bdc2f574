"""Bodies: JSON out, and answers in, read whole up to a size and parsed once."""

import json
from typing import Any, Final

import httpx

from connector.crm.transport import ResponseTooLargeError

_SPENT_HEADERS: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


def write_json(value: Any) -> bytes:
    """Return JSON in UTF-8. Raises ``TypeError`` or ``ValueError`` for what JSON cannot say."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


async def read_body(response: httpx.Response, *, most_bytes: int) -> bytes:
    """Return an answer's body, decoded. Raises ``ResponseTooLargeError`` beyond ``most_bytes``."""
    parts = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > most_bytes:
            raise ResponseTooLargeError("the answer is larger than allowed")
        parts.append(part)
    return b"".join(parts)


def answer(response: httpx.Response, body: bytes) -> httpx.Response:
    """Return a response with its body in hand, whose ``payload`` is that body's JSON."""
    headers = [
        (name, value)
        for name, value in response.headers.raw  # bytes: a value need not be ASCII
        if name.lower() not in _SPENT_HEADERS
    ]
    return httpx.Response(
        response.status_code,
        headers=headers,
        content=body,
        request=response.request,
        extensions=_read_json(body),
    )


def payload(response: httpx.Response) -> Any:
    """Return the parsed JSON of an answer; ``None`` where it has no body, or none in JSON."""
    return response.extensions.get("payload")


def is_json(response: httpx.Response) -> bool:
    """Say whether an answer's body is JSON, ``null`` included."""
    return "payload" in response.extensions


def is_html(response: httpx.Response) -> bool:
    """Say whether an answer is a page for people: not the CRM, but something before it, spoke."""
    return "html" in response.headers.get("Content-Type", "").lower() or response.content[
        :64
    ].lstrip().lower().startswith((b"<!doctype", b"<html"))


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        return {"payload": json.loads(body)} if body else {}
    except (ValueError, RecursionError):
        return {}
