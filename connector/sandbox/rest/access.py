"""Who may call a sandbox REST CRM, and how often."""

import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connector.sandbox.rest.answers import Answer, RefusalError, refusal
from connector.sandbox.rest.settings import Settings

SCOPES = ("read", "write")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is behind a token."""

    token: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Refuse with 403 what the token is not for."""
        if scope not in self.scopes:
            raise refusal(403, "MISSING_SCOPE", scope=scope)


@dataclass(frozen=True, slots=True)
class _Held:
    caller: Caller
    until: float | None
    oauth: bool


class Access:
    """The tokens of one account, in memory, and the calls that each has made."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._tokens: dict[str, _Held] = {}
        self._apps: dict[str, tuple[str, str]] = {}
        self._calls: dict[str, deque[float]] = {}

    def grant(
        self, token: str, scopes: Sequence[str] | None = None, expires_in: float | None = None
    ) -> None:
        """Accept a static token, for everything where no scopes are named."""
        self._keep(token, scopes, expires_in, oauth=False)

    def revoke(self, token: str) -> None:
        """Stop accepting a token."""
        self._tokens.pop(token, None)

    def expire_all(self) -> None:
        """Let every OAuth access token be too old from now on."""
        self._tokens = {token: held for token, held in self._tokens.items() if not held.oauth}

    def register(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        scopes: Sequence[str] | None = None,
    ) -> None:
        """Install an OAuth app; with an empty refresh token it uses its own credentials."""
        del scopes
        self._apps[refresh_token] = (client_id, client_secret)

    def admit(self, header: str) -> Caller:
        """Return who calls, by the ``Authorization`` header; refuse with 401."""
        scheme, _, token = header.partition(" ")
        held = self._tokens.get(token) if scheme.lower() == "bearer" else None
        if held is None or (held.until is not None and held.until <= self._clock()):
            raise refusal(401, "BAD_TOKEN")
        return held.caller

    def count(self, caller: Caller) -> None:
        """Count a call; refuse with 429 the one too many."""
        now, span = self._clock(), self._settings.rate_seconds
        calls = self._calls.setdefault(caller.token, deque())
        while calls and calls[0] <= now - span:
            calls.popleft()
        if len(calls) >= self._settings.rate_limit:
            wait = str(max(1, round(calls[0] + span - now + 0.5))) if calls else "1"
            body = {"error": {"code": "RATE_LIMITED"}}
            raise RefusalError(Answer(429, body, {"Retry-After": wait}))
        calls.append(now)

    def exchange(self, form: Mapping[str, str]) -> Answer:
        """Answer a request for an access token."""
        kind = form.get("grant_type")
        presented = form.get("refresh_token", "") if kind == "refresh_token" else ""
        app = self._apps.get(presented)
        if kind not in {"refresh_token", "client_credentials"} or app is None:
            raise refusal(400, "invalid_grant")
        if (form.get("client_id"), form.get("client_secret")) != app:
            raise refusal(401, "invalid_client")
        answer: dict[str, str | int] = {
            "token_type": "Bearer",
            "expires_in": round(self._settings.oauth_seconds),
        }
        if presented:
            kept = presented
            if self._settings.rotate_refresh_tokens:
                kept = secrets.token_urlsafe(16)
                self._apps[kept] = self._apps.pop(presented)
            answer["refresh_token"] = kept
        token = secrets.token_urlsafe(24)
        self._keep(token, None, self._settings.oauth_seconds, oauth=True)
        return Answer(200, {"access_token": token, **answer})

    def _keep(
        self, token: str, scopes: Sequence[str] | None, expires_in: float | None, *, oauth: bool
    ) -> None:
        until = None if expires_in is None else self._clock() + expires_in
        caller = Caller(token, frozenset(SCOPES if scopes is None else scopes))
        self._tokens[token] = _Held(caller, until, oauth)
