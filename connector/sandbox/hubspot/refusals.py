"""Answers, and the bodies of those that refuse (field notes: the error table)."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from connector.sandbox.control import RefusedError

Json = dict[str, Any]

POLICY_TEXT: Final = {
    "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
    "SECONDLY": "You have reached your secondly limit.",
    "DAILY": "You have reached your daily limit.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call is answered: a status, a JSON body or none, and headers of its own."""

    status: int
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusalError(RefusedError):
    """The call, or one input of it, is refused; nothing of it was written."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, answer.body or {})
        self.answer = answer

    @property
    def body(self) -> Json:
        """The error, which a refusal always has."""
        return self.answer.body or {}


class Invalid(NamedTuple):
    """One property value that cannot be taken."""

    name: str
    code: str
    message: str


def describe_error(
    category: str,
    message: str,
    *,
    context: Mapping[str, Sequence[str]] | None = None,
    errors: Sequence[Json] = (),
    sub_category: str | None = None,
) -> Json:
    """Return HubSpot's error body; every part but status and message is optional there."""
    body: Json = {
        "status": "error",
        "message": message,
        "correlationId": str(uuid.uuid4()),
        "category": category,
    }
    if sub_category:
        body["subCategory"] = sub_category
    if context:
        body["context"] = {name: list(values) for name, values in context.items()}
    if errors:
        body["errors"] = list(errors)
    return body


def refusal(
    status: int,
    category: str,
    message: str,
    *,
    context: Mapping[str, Sequence[str]] | None = None,
    errors: Sequence[Json] = (),
    sub_category: str | None = None,
) -> RefusalError:
    """Return a refusal, to be raised."""
    body = describe_error(
        category, message, context=context, errors=errors, sub_category=sub_category
    )
    return RefusalError(Answer(status, body))


def bad_request(message: str, **context: Sequence[str]) -> RefusalError:
    """Return the refusal of a request whose form is wrong."""
    return refusal(400, "VALIDATION_ERROR", message, context=context)


def not_found(message: str, **context: Sequence[str]) -> RefusalError:
    """Return the refusal of a call for something that is not there."""
    return refusal(404, "OBJECT_NOT_FOUND", message, context=context)


def invalid_values(invalid: Sequence[Invalid]) -> RefusalError:
    """Return the refusal of property values: the details are JSON inside the message."""
    details = [
        {"isValid": False, "message": each.message, "error": each.code, "name": each.name}
        for each in invalid
    ]
    text = json.dumps(details, separators=(",", ":"))
    return refusal(
        400,
        "VALIDATION_ERROR",
        f"Property values were not valid: {text}",
        errors=[
            {
                "message": each.message,
                "code": each.code,
                "context": {"propertyName": [each.name]},
            }
            for each in invalid
        ],
    )


def missing_by_portal_rule(names: Sequence[str]) -> RefusalError:
    """Return the refusal of a creation without what the portal's admin requires (since 2026-09)."""
    return refusal(
        400,
        "VALIDATION_ERROR",
        "Required properties of the create form were not set.",
        errors=[
            {
                "message": f"Property {name} is required",
                "code": "MISSING_REQUIRED_PROPERTY",
                "context": {"propertyName": [name]},
            }
            for name in names
        ],
    )


def taken_value(status: int, singular: str, name: str, owner: int) -> RefusalError:
    """Return the refusal of a unique value that another record holds."""
    if status == 409:
        text = f"{singular.capitalize()} already exists. Existing ID: {owner}"
        return refusal(409, "CONFLICT", text)
    return invalid_values(
        [Invalid(name, "CONFLICTING_UNIQUE_VALUE", f"{owner} already has that value.")]
    )


def throttled(policy: str, *, retry_after: int | None = None) -> Answer:
    """Return the 429 of a rate limit, by the name of its policy."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(
        429,
        {
            "status": "error",
            "message": POLICY_TEXT.get(policy, "You have reached a limit."),
            "errorType": "RATE_LIMIT",
            "correlationId": str(uuid.uuid4()),
            "policyName": policy,
            "requestId": str(uuid.uuid4()),
        },
        headers,
    )


def unauthorized(category: str = "INVALID_AUTHENTICATION") -> Answer:
    """Return the 401 of a token that is unknown or, with ``EXPIRED_AUTHENTICATION``, too old."""
    text = {
        "EXPIRED_AUTHENTICATION": "The OAuth token used to make this call has expired.",
    }.get(category, "Authentication credentials not found or not valid.")
    return Answer(401, describe_error(category, text))


def missing_scopes(scopes: Sequence[str]) -> RefusalError:
    """Return the 403 of a token that lacks every one of ``scopes``."""
    return refusal(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call.",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": list(scopes)},
            }
        ],
    )
