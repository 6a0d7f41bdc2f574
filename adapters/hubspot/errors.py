"""HubSpot's errors, read by status, category and code, never by the wording of a message.

What is kept of one holds machine words and property names only: its messages repeat the values
that people typed.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import httpx

from connector.crm import CrmError, CrmRejectedError, CrmThrottledError, payload

Json = Mapping[str, Any]

_EXISTING_ID: Final = re.compile(r"Existing ID: (\d+)")
"""The one thing that stands nowhere but in a message."""
_WORD: Final = re.compile(r"[A-Za-z0-9_.]{1,80}")
_LOCKED_FOR: Final = timedelta(seconds=2)
_STATUSES: Final = {
    "VALIDATION_ERROR": HTTPStatus.BAD_REQUEST,
    "OBJECT_NOT_FOUND": HTTPStatus.NOT_FOUND,
    "CONFLICT": HTTPStatus.CONFLICT,
}
"""What a part of a batch would have been answered by itself."""
_SPECIFIC: Final = ("PROPERTY_DOESNT_EXIST",)
_CLASHES: Final = ("CONFLICT", "ALREADY_EXISTS", "UNIQUE", "DUPLICATE")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One error: of a whole call, or of one input of a batch."""

    status: int | None
    category: str
    code: str
    """The most specific machine word there is."""
    field: str | None = None
    existing_id: str | None = None
    """The record that already is what this one was to become."""
    traces: tuple[str, ...] = ()
    """Trace ids of the inputs it is about."""
    ids: tuple[str, ...] = ()
    """Record ids that it names."""
    said: str | None = None
    """HubSpot's own sentence, which may repeat values."""

    @property
    def detail(self) -> str:
        """Return what may be shown and kept: no value that a person typed."""
        words = dict.fromkeys(word for word in (self.category, self.code) if word)
        where = f" at property {self.field}" if self.field else ""
        return f"HubSpot: {' '.join(words) or self.status or 'an error'}{where}"

    @property
    def gone(self) -> bool:
        """Whether a record that was asked for is not there."""
        return self.category == "OBJECT_NOT_FOUND" or (
            not self.category and self.status == HTTPStatus.NOT_FOUND
        )

    @property
    def clash(self) -> bool:
        """Whether another record holds a value that must be unique."""
        words = f"{self.category} {self.code}"
        return self.status == HTTPStatus.CONFLICT or any(word in words for word in _CLASHES)


class HubSpotRejectedError(CrmRejectedError):
    """HubSpot refused a call as a whole, for the reason in ``trouble``."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(
            trouble.detail,
            code=trouble.code,
            status=trouble.status,
            field=trouble.field,
            said=trouble.said,
        )
        self.trouble = trouble


def refused(response: httpx.Response) -> CrmError:
    """Return the error of a call that was answered with a 4xx."""
    status = response.status_code
    if status == HTTPStatus.LOCKED:
        return CrmThrottledError(
            "HubSpot is busy with records of an earlier call", cooldown=_LOCKED_FOR, status=status
        )
    body = payload(response)
    return HubSpotRejectedError(read_trouble(body if isinstance(body, dict) else {}, status))


def read_trouble(body: Json, status: int | None = None) -> Trouble:
    """Read one error object, of an answer or, without ``status``, of a part of one.

    Every part of it may be missing.
    """
    category = _word(body.get("category"))
    if status is None:
        status = _STATUSES.get(category)
    code, field = _most_specific(body)
    message = body.get("message")
    existing = _EXISTING_ID.search(message) if isinstance(message, str) else None
    context = body.get("context")
    context = context if isinstance(context, dict) else {}
    return Trouble(
        status=status,
        category=category,
        code=code or category or str(status or "error"),
        field=field,
        existing_id=existing[1] if existing else None,
        traces=_texts(context.get("objectWriteTraceId")),
        ids=tuple(
            found
            for name in ("ids", "id", "fromObjectId", "toObjectId")
            for found in _texts(context.get(name))
        ),
        said=_sentence(message),
    )


def _most_specific(body: Json) -> tuple[str, str | None]:
    """Return code and property of the error's first part; a property that is missing goes first."""
    parts = [part for part in _parts(body) if part[0]]
    parts.sort(key=lambda part: part[0] not in _SPECIFIC)
    return parts[0] if parts else ("", None)


def _parts(body: Json) -> Iterator[tuple[str, str | None]]:
    errors = body.get("errors")
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict):
            context = error.get("context")
            names = _texts(context.get("propertyName")) if isinstance(context, dict) else ()
            yield _word(error.get("code")), _word(names[0]) if names else None
    for error in _embedded(body.get("message")):
        yield _word(error.get("error")), _word(error.get("name")) or None


def _embedded(message: object) -> Sequence[Json]:
    """Return the list of JSON objects that some messages end in."""
    if not isinstance(message, str) or "[{" not in message:
        return ()
    text = message[message.index("[{") : message.rindex("]") + 1] if "]" in message else ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return [each for each in found if isinstance(each, dict)]


def _sentence(message: object) -> str | None:
    """Return what a message says: the sentences of the parts that it embeds, else itself."""
    parts = [part.get("message") for part in _embedded(message)]
    told = "; ".join(part for part in parts if isinstance(part, str))
    return told or (message if isinstance(message, str) and message else None)


def _word(value: object) -> str:
    """Return a machine word; anything else, which may be a person's, is dropped."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
