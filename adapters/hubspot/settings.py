"""A HubSpot account's settings: where, how fast, and how its answers tell of limits."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Final

import httpx

from connector.crm import (
    AdapterSettings,
    Budgets,
    Clock,
    CrmAccessError,
    Draws,
    Rate,
    payload,
    retry_after,
)

BURST: Final[Draws] = {"burst": 1, "daily": 1}
"""What a call costs."""
SEARCH: Final[Draws] = {"search": 1, "daily": 1}
"""What a search costs: five a second for the whole account, counted apart from other calls."""

_SEARCHES: Final = Rate(requests=4, per=timedelta(seconds=1))
_SHARE: Final = 0.9
"""Of the account's limit, what we use: other programs of the company may share it."""
_COOLDOWNS: Final[Mapping[str, timedelta]] = {
    "TEN_SECONDLY_ROLLING": timedelta(seconds=10),
    "SECONDLY": timedelta(seconds=1),
    "DAILY": timedelta(hours=1),
}
"""By ``policyName``. A day's allowance ends at the account's midnight; asking again each hour costs
a call and needs no time zone."""
_CONTACT_TYPE: Final = "0-1"
"""HubSpot's id of the object type, as its pages' addresses have it."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_MOVING: Final = 477
_LONGEST_MOVE: Final = timedelta(hours=24)


class MissingScopesError(CrmAccessError):
    """HubSpot names the scopes, any one of which the token would need."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        super().__init__(
            f"the HubSpot token lacks the scope {' or '.join(scopes) or '(not named)'}",
            status=HTTPStatus.FORBIDDEN,
            remedy="add the scope to the service key or app, then `connector check`",
        )
        self.scopes = scopes


class HubSpotSettings(AdapterSettings):
    """One HubSpot account, by service key (or any static token) or OAuth."""

    needs_token: ClassVar[bool] = True
    default_base_url: ClassVar[str | None] = "https://api.hubapi.com"
    default_rate: ClassVar[Rate] = Rate(requests=90, per=timedelta(seconds=10))
    default_batch_wait: ClassVar[timedelta] = timedelta(seconds=2)
    token_path: ClassVar[str | None] = "/oauth/2026-03/token"  # noqa: S105 - an address

    def budgets(self, *, clock: Clock, used: Mapping[str, float] | None = None) -> Budgets:
        """Return the budgets: ``burst``, ``search`` and ``daily``."""
        return Budgets(
            {"burst": self.allowed_rate, "search": _SEARCHES},
            clock=clock,
            daily={"daily": self.daily_tokens},
            used=used,
        )

    def cooldown(self, response: httpx.Response) -> timedelta:
        """Return how long to stay away, by the limit that was met."""
        if response.status_code == _MOVING:
            return retry_after(response, default=timedelta(hours=1), longest=_LONGEST_MOVE)
        body = payload(response)
        policy = body.get("policyName") if isinstance(body, dict) else None
        return retry_after(response, default=_COOLDOWNS.get(str(policy), timedelta(seconds=10)))

    def observe(self, response: httpx.Response, budgets: Budgets) -> None:
        """Lower the budgets to our share of what ``X-HubSpot-RateLimit-*`` says."""
        most, left = _number(response, "Max"), _number(response, "Remaining")
        interval = _number(response, "Interval-Milliseconds")
        if most and left is not None and interval == self.allowed_rate.per / _MILLISECOND:
            reserve = most - int(most * _SHARE)
            budgets.lower("burst", limit=most - reserve, left=left - reserve)
        if (today := _number(response, "Daily")) is not None:
            budgets.lower("daily", limit=today, left=_number(response, "Daily-Remaining"))

    def record_url(
        self, record: str, crm_id: str, *, contact: str | None, account: str | None
    ) -> str | None:
        """Return a contact's page; a message is seen on the page of its contact, opened at it."""
        if account is None:
            return None
        if record == "contact":
            return f"{account}/record/{_CONTACT_TYPE}/{crm_id}"
        if contact is None:
            return None
        return f"{account}/record/{_CONTACT_TYPE}/{contact}/?engagement={crm_id}"

    def refusal(self, response: httpx.Response) -> CrmAccessError:
        """Return what to raise for a 401, 402 or 403, naming scopes where HubSpot does."""
        body = payload(response)
        category = str(body.get("category", "")) if isinstance(body, dict) else ""
        if category == "MISSING_SCOPES":
            return MissingScopesError(_missing_scopes(body))
        if response.status_code == HTTPStatus.FORBIDDEN and "LIMIT" in category:
            return CrmAccessError(
                "a limit of the HubSpot account is reached",
                reason="quota",
                status=response.status_code,
                remedy="look at the limits under Settings > Account in HubSpot",
            )
        return super().refusal(response)


def _number(response: httpx.Response, name: str) -> int | None:
    text = response.headers.get(f"X-HubSpot-RateLimit-{name}", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _missing_scopes(body: Mapping[str, Any]) -> tuple[str, ...]:
    scopes: list[str] = []
    for error in (body, *_dicts(body.get("errors"))):
        context = error.get("context")
        named = context.get("requiredGranularScopes") if isinstance(context, dict) else None
        scopes += [scope for scope in named or () if isinstance(scope, str)]
    return tuple(dict.fromkeys(scopes))


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
