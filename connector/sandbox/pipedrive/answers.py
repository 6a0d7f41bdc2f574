"""Answers, and the bodies of those that refuse.

The specification declares no error bodies; these are the ones that were seen (field notes).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connector.sandbox.control import RefusedError

Json = dict[str, Any]

_INFO: Final = "Please check developers.pipedrive.com for more information about Pipedrive API."
_BLOCKED: Final = (
    "<!DOCTYPE html><html><head><title>Access denied</title></head>"
    "<body><h1>Error 1015</h1><p>You are being rate limited. This page was produced by "
    "Cloudflare.</p></body></html>"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call is answered. ``body`` is JSON, or a text for a page."""

    status: int
    body: Json | str
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusalError(RefusedError):
    """The call is refused; nothing of it was written."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, answer.body)
        self.answer = answer


def describe_error(status: int, text: str, code: str | None = None) -> Json:
    """Return an error body."""
    body: Json = {"success": False, "error": text, "errorCode": status, "error_info": _INFO}
    if code is not None:
        body["code"] = code
    return {**body, "data": None, "additional_data": None}


def refusal(status: int, text: str, code: str | None = None) -> RefusalError:
    """Return a refusal, to be raised."""
    return RefusalError(Answer(status, describe_error(status, text, code)))


def bad_request(text: str) -> RefusalError:
    """Return the refusal of a request whose form or values are wrong."""
    return refusal(400, text, "ERR_SCHEMA_VALIDATION_FAILED")


def not_found(what: str) -> RefusalError:
    """Return the refusal of a call for something that is not there."""
    return refusal(404, f"{what} not found")


def gone(what: str) -> RefusalError:
    """Return the refusal of a call for something that was there."""
    return refusal(410, f"{what} is deleted")


def unauthorized() -> Answer:
    """Return the 401 of a token that is unknown or too old."""
    body = {
        "success": False,
        "error": "unauthorized access",
        "errorCode": 401,
        "error_info": "Please check developers.pipedrive.com",
    }
    return Answer(401, body, {"x-401-by-gw": "true"})


def missing_scope() -> RefusalError:
    """Return the 403 of a token that lacks a scope, which it does not name."""
    return refusal(403, "Scope and URL mismatch")


def feature_capped(what: str) -> RefusalError:
    """Return the 403 of a plan's limit."""
    return refusal(403, f"{what} limit reached", f"feature_capping_{what.lower()}_limit")


def throttled(headers: Mapping[str, str] | None = None) -> Answer:
    """Return the 429 of a burst or of the day's budget; only headers tell which."""
    return Answer(429, describe_error(429, "request over limit"), headers or {})


def blocked() -> Answer:
    """Return the page of the network in front, for API tokens that go on after many 429s."""
    return Answer(403, _BLOCKED)


def found(data: Any, additional: Json | None = None) -> Answer:
    """Return an answer with data."""
    body: Json = {"success": True, "data": data}
    if additional is not None:
        body["additional_data"] = additional
    return Answer(200, body)


def page_of(data: Sequence[Json], next_cursor: str | None) -> Answer:
    """Return a page of a v2 list."""
    return found(list(data), {"next_cursor": next_cursor})
