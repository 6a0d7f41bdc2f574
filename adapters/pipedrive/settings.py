"""A Pipedrive company's settings: where, how fast, and how its answers tell of limits.

The company has tokens for a day, shared by all its users and programs, and each caller a number of
calls in any two seconds. What a call costs stands beside each call in ``calls``.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import urlsplit

import httpx

from connector.crm import (
    AdapterSettings,
    BearerToken,
    Budgets,
    Clock,
    CrmAccessError,
    Draws,
    Rate,
    payload,
    retry_after,
)

TOKENS: Final = "tokens"
"""The name of the day's budget."""
FIRST_PROBE: Final = timedelta(seconds=15)
LONGEST_PROBE: Final = timedelta(minutes=15)
"""How long a used-up day is left alone before it is asked whether it is over: in which time zone it
ends is not told, and more tokens may be bought. From the first to the longest it doubles."""

_WINDOW: Final = timedelta(seconds=2)
_SEARCHES: Final = Rate(requests=10, per=_WINDOW)
_SMALLEST_PLAN: Final = Rate(requests=20, per=_WINDOW)
_SMALLEST_OAUTH_PLAN: Final = Rate(requests=80, per=_WINDOW)
_DEAREST_CALL: Final = 20
"""Tokens; with less than that a 429 is the day's."""
_NEARLY_OVER: Final = 100
"""Tokens below which what is left by the headers is believed for a short time only: our own count
would hold until midnight UTC what may end any moment."""
_COMPANIES: Final = ".pipedrive.com"
_API_PATH: Final = re.compile(r"/(api(/v[12])?|v[12])$")
_SCOPES: Final = (
    (re.compile(r"/(persons/search|itemSearch)"), "search:read"),
    (re.compile(r"/(persons|notes)\b"), "contacts:full"),
    (re.compile(r"/personFields\b"), "contact-fields:full"),
    (re.compile(r"/activityTypes\b"), "admin"),
    (re.compile(r"/activities\b"), "activities:full"),
    (re.compile(r"/deals\b"), "deals:full"),
    (re.compile(r"/users$"), "users:read"),
)
"""The OAuth scope that a path needs; Pipedrive refuses without naming it."""


def draws(tokens: int) -> Draws:
    """Return what a call draws."""
    return {"burst": 1, TOKENS: tokens}


def search_draws(tokens: int) -> Draws:
    """Return what a search draws: searches have a window of their own beside the common one."""
    return {"burst": 1, "search": 1, TOKENS: tokens}


class PipedriveSettings(AdapterSettings):
    """One Pipedrive company, by a user's API token or OAuth.

    ``base_url`` is the company's own address; the common one, which is used without it, works and
    is slower. With OAuth the answer with an access token tells it.
    """

    needs_token: ClassVar[bool] = True
    default_base_url: ClassVar[str | None] = "https://api.pipedrive.com"
    default_token_url: ClassVar[str | None] = "https://oauth.pipedrive.com/oauth/token"  # noqa: S105 - an address
    client_in_header: ClassVar[bool] = True
    base_url_key: ClassVar[str | None] = "api_domain"
    default_rate: ClassVar[Rate] = _SMALLEST_PLAN
    default_batch_wait: ClassVar[timedelta] = timedelta(seconds=60)

    @property
    def endpoint(self) -> str:
        """Return the company's address, without a version that somebody copied along."""
        return _API_PATH.sub("", super().endpoint)

    @property
    def allowed_rate(self) -> Rate:
        """Return the configured rate, or that of the smallest plan."""
        return self.rate or (self.default_rate if self.oauth is None else _SMALLEST_OAUTH_PLAN)

    def auth(self, **oauth: object) -> httpx.Auth | None:
        """Return what signs requests: an API token has a header of its own."""
        if self.token is not None:
            return BearerToken(self.token, header="x-api-token", scheme="")
        return super().auth(**oauth)  # type: ignore[arg-type]  # passed on as it came

    def budgets(self, *, clock: Clock, used: Mapping[str, float] | None = None) -> Budgets:
        """Return the budgets: ``burst``, ``search`` and the day's ``tokens``."""
        return Budgets(
            {"burst": self.allowed_rate, "search": _SEARCHES},
            clock=clock,
            daily={TOKENS: self.daily_tokens},
            used=used,
        )

    def cooldown(self, response: httpx.Response) -> timedelta:
        """Return how long to stay away: only headers tell a burst from a used-up day."""
        left = _number(response, "x-daily-ratelimit-token-remaining")
        if left is not None and left < _DEAREST_CALL:
            return FIRST_PROBE
        seconds = _number(response, "x-ratelimit-reset")
        wait = _WINDOW if seconds is None else timedelta(seconds=min(max(seconds, 1), 60))
        return retry_after(response, default=wait)

    def observe(self, response: httpx.Response, budgets: Budgets) -> None:
        """Lower the budgets to what the headers say, as far as an answer has them."""
        most = _number(response, "x-ratelimit-limit")
        path = response.request.url.path
        if most and self.allowed_rate.per == _WINDOW and "earch" not in path:
            budgets.lower("burst", limit=most, left=_number(response, "x-ratelimit-remaining"))
        left = _number(response, "x-daily-ratelimit-token-remaining")
        if left is None:
            return
        budgets.lower(
            TOKENS,
            limit=_number(response, "x-daily-ratelimit-token-limit"),
            left=left,
            resets_in=FIRST_PROBE if left < _NEARLY_OVER else None,
        )

    def record_url(
        self, record: str, crm_id: str, *, contact: str | None, account: str | None
    ) -> str | None:
        """Return a person's page; activities and notes are seen on the page of their person."""
        person = crm_id if record == "contact" else contact
        company = self._company_url or account
        return None if person is None or company is None else f"{company}/person/{person}"

    @property
    def _company_url(self) -> str | None:
        """Return the company's own address, if that is the configured one."""
        if not isinstance(self.base_url, str):
            return None
        host = urlsplit(self.base_url).hostname or ""
        if not host.endswith(_COMPANIES) or host == f"api{_COMPANIES}":
            return None
        return f"https://{host}"

    def refusal(self, response: httpx.Response) -> CrmAccessError:
        """Return what to raise for a 401, 402 or 403, with the scope that such a call needs."""
        body = payload(response)
        code = str(body.get("code", "")) if isinstance(body, dict) else ""
        status = response.status_code
        if "capping" in code or "limit" in code:
            return CrmAccessError(
                "a limit of the Pipedrive plan is reached",
                reason="quota",
                status=status,
                remedy="look at the usage limits under Settings > Company in Pipedrive",
            )
        if status != HTTPStatus.FORBIDDEN:
            return super().refusal(response)
        path = response.request.url.path
        scope = next((scope for pattern, scope in _SCOPES if pattern.search(path)), "base")
        return CrmAccessError(
            f"Pipedrive refuses this to the token: it needs the scope {scope}, or a user who may",
            status=status,
            remedy="give the app that scope, or use the token of a user with that permission",
        )


def _number(response: httpx.Response, name: str) -> int | None:
    text = response.headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
