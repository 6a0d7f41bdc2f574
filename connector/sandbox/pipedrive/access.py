"""Who may call: API tokens in ``x-api-token``, and OAuth apps whose access tokens expire."""

import base64
import binascii
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connector.sandbox.pipedrive.answers import Answer, RefusalError, missing_scope, unauthorized
from connector.sandbox.pipedrive.settings import Settings

SCOPES: Final = (
    "base",
    "contacts:full",
    "activities:full",
    "deals:full",
    "search:read",
    "contact-fields:full",
    "users:read",
    "admin",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The user or app behind a token."""

    app: str
    scopes: frozenset[str] | None
    """``None`` means all."""
    oauth: bool

    def require(self, any_of: Sequence[str]) -> None:
        """Refuse with 403 unless one of the scopes was granted. No scopes asked, none needed."""
        if any_of and self.scopes is not None and not self.scopes.intersection(any_of):
            raise missing_scope()


@dataclass(frozen=True, slots=True)
class _App:
    client_id: str
    client_secret: str
    scopes: Sequence[str] | None


class Access:
    """The tokens of one company, in memory."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._tokens: dict[str, tuple[Caller, float | None]] = {}
        self._apps: dict[str, _App] = {}

    def grant(
        self, token: str, scopes: Sequence[str] | None = None, expires_in: float | None = None
    ) -> None:
        """Accept an API token, with all permissions where none are named."""
        until = None if expires_in is None else self._clock() + expires_in
        self._tokens[token] = Caller(f"token:{token[-8:]}", _frozen(scopes), oauth=False), until

    def revoke(self, token: str) -> None:
        """Stop accepting a token."""
        self._tokens.pop(token, None)

    def expire_all(self) -> None:
        """Let every OAuth access token be too old from now on."""
        self._tokens = {token: held for token, held in self._tokens.items() if not held[0].oauth}

    def register(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        scopes: Sequence[str] | None = None,
    ) -> None:
        """Install an OAuth app."""
        self._apps[refresh_token] = _App(client_id, client_secret, scopes)

    def admit(self, headers: Mapping[str, str]) -> Caller:
        """Return who calls; refuse with 401. A token in the address counts for nothing."""
        token = headers.get("x-api-token", "")
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        oauth = not token and scheme.lower() == "bearer"
        held = self._tokens.get(bearer if oauth else token)
        if held is None or held[0].oauth is not oauth:
            raise RefusalError(unauthorized())
        caller, until = held
        if until is not None and until <= self._clock():
            raise RefusalError(unauthorized())
        return caller

    def refresh(self, authorization: str, form: Mapping[str, str], domain: str) -> Answer:
        """Exchange a refresh token for an access token; the client speaks in Basic, not the form.

        ``domain`` is what the answer calls ``api_domain``.
        """
        if form.get("grant_type") != "refresh_token":
            return _oauth_error("unsupported_grant_type")
        presented = form.get("refresh_token", "")
        app = self._apps.get(presented)
        if app is None:
            return _oauth_error("invalid_grant")
        if _read_basic(authorization) != (app.client_id, app.client_secret):
            return Answer(401, {"success": False, "error": "invalid_client"})
        if self._settings.rotate_refresh_tokens:
            del self._apps[presented]
            presented = secrets.token_urlsafe(24)
            self._apps[presented] = app
        access_token = secrets.token_urlsafe(32)
        seconds = self._settings.oauth_seconds
        caller = Caller(f"oauth:{app.client_id}", _frozen(app.scopes), oauth=True)
        self._tokens[access_token] = caller, self._clock() + seconds
        return Answer(
            200,
            {
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": round(seconds),
                "refresh_token": presented,
                "scope": ",".join(SCOPES if app.scopes is None else app.scopes),
                "api_domain": domain,
            },
        )


def _frozen(scopes: Sequence[str] | None) -> frozenset[str] | None:
    return None if scopes is None else frozenset(scopes)


def _oauth_error(word: str) -> Answer:
    return Answer(400, {"success": False, "error": word})


def _read_basic(header: str) -> tuple[str, str] | None:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password
