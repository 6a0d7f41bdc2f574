"""The answers of the public listener, ready to be sent."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from prometheus_client import Counter

from connector import metrics

_LATER: Final = b"retry-after: 5\r\n"
_INERT: Final = (
    b"content-type: text/plain; charset=utf-8\r\n"
    b"x-content-type-options: nosniff\r\ncache-control: no-store\r\n"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and its headers; ``Date`` and ``Connection`` are added when it is sent."""

    status: int
    head: bytes
    body: bytes
    count: Counter
    refusal: Counter | None
    """What else is counted, where a request was refused."""


def make_answer(
    status: HTTPStatus, *, reason: str | None = None, headers: bytes = b"", body: bytes = b""
) -> Answer:
    """Return an answer; ``reason`` is the label under which a refusal is counted."""
    line = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: {len(body)}\r\n"
    return Answer(
        status=status.value,
        head=line.encode("ascii") + headers,
        body=body,
        count=metrics.WEBHOOK_REQUESTS.labels(str(status.value)),
        refusal=None if reason is None else metrics.WEBHOOK_REJECTED.labels(reason),
    )


def answer_challenge(challenge: str) -> Answer:
    """Return a challenge as text that no browser takes for a page."""
    return make_answer(HTTPStatus.OK, headers=_INERT, body=challenge.encode("ascii"))


STORED: Final = make_answer(HTTPStatus.OK)
NOT_UNDERSTOOD: Final = make_answer(HTTPStatus.BAD_REQUEST)
UNSIGNED: Final = make_answer(HTTPStatus.UNAUTHORIZED, reason="signature")
WRONGLY_SIGNED: Final = make_answer(HTTPStatus.FORBIDDEN, reason="signature")
WRONG_TOKEN: Final = make_answer(HTTPStatus.FORBIDDEN, reason="token")
NOT_FOUND: Final = make_answer(HTTPStatus.NOT_FOUND)
TOO_SLOW: Final = make_answer(HTTPStatus.REQUEST_TIMEOUT, reason="slow")
TOO_LARGE: Final = make_answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason="size")
ENCODED: Final = make_answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason="encoding")
TOO_MANY_HANDSHAKES: Final = make_answer(HTTPStatus.TOO_MANY_REQUESTS, headers=_LATER)
HEAD_TOO_LARGE: Final = make_answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, reason="size")
BROKEN: Final = make_answer(HTTPStatus.INTERNAL_SERVER_ERROR)
BUSY: Final = make_answer(HTTPStatus.SERVICE_UNAVAILABLE, reason="busy", headers=_LATER)
LEDGER_FAILS: Final = make_answer(HTTPStatus.SERVICE_UNAVAILABLE, reason="database", headers=_LATER)
