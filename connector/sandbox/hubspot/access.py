"""Who may call: static tokens, and OAuth apps whose access tokens expire."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connector.sandbox.hubspot.refusals import (
    Answer,
    RefusalError,
    missing_scopes,
    unauthorized,
)
from connector.sandbox.hubspot.settings import Settings
from connector.sandbox.hubspot.store import Store


@dataclass(frozen=True, slots=True)
class Caller:
    """The app behind a token."""

    app: str
    scopes: frozenset[str] | None
    """``None`` means all."""
    oauth: bool

    def require(self, any_of: Sequence[str]) -> None:
        """Refuse with 403 unless one of the scopes was granted. No scopes asked, none needed."""
        if any_of and self.scopes is not None and not self.scopes.intersection(any_of):
            raise missing_scopes(any_of)


class Access:
    """The tokens of one portal, kept in its store."""

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], float]) -> None:
        self._connection = store.connection
        self._settings = settings
        self._clock = clock
        self._known: dict[str, tuple[Caller, float | None]] = {}

    def grant(
        self, token: str, scopes: Sequence[str] | None = None, expires_in: float | None = None
    ) -> None:
        """Accept a static token, with all scopes where none are named."""
        expires_at = None if expires_in is None else self._clock() + expires_in
        self._keep(token, f"static:{token[-8:]}", scopes, expires_at, oauth=False)

    def revoke(self, token: str) -> None:
        """Stop accepting a token."""
        self._known.pop(token, None)
        self._connection.execute("DELETE FROM token WHERE token = ?", (token,))

    def expire_all(self) -> None:
        """Let every OAuth access token be too old from now on."""
        self._known.clear()
        self._connection.execute(
            "UPDATE token SET expires_at = ? WHERE oauth = 1", (self._clock(),)
        )

    def register(
        self,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        scopes: Sequence[str] | None = None,
    ) -> None:
        """Install an OAuth app."""
        self._connection.execute(
            "INSERT OR REPLACE INTO oauth_app VALUES (?, ?, ?, ?)",
            (refresh_token, client_id, client_secret, _dump(scopes)),
        )

    def admit(self, header: str | None) -> Caller:
        """Return who calls, by the ``Authorization`` header; refuse with 401."""
        scheme, _, token = (header or "").partition(" ")
        found = self._find(token) if scheme.lower() == "bearer" and token else None
        if found is None:
            raise RefusalError(unauthorized())
        caller, expires_at = found
        if expires_at is not None and expires_at <= self._clock():
            raise RefusalError(unauthorized("EXPIRED_AUTHENTICATION"))
        return caller

    def refresh(self, form: Mapping[str, str]) -> Answer:
        """Exchange a refresh token for a new access token: the form of a token request."""
        if form.get("grant_type") != "refresh_token":
            return _oauth_error("unsupported_grant_type", "BAD_GRANT_TYPE")
        presented = form.get("refresh_token", "")
        row = self._connection.execute(
            "SELECT client_id, client_secret, scopes FROM oauth_app WHERE refresh_token = ?",
            (presented,),
        ).fetchone()
        if row is None:
            return _oauth_error("invalid_grant", "BAD_REFRESH_TOKEN")
        client_id, client_secret, scopes = row
        if (form.get("client_id"), form.get("client_secret")) != (client_id, client_secret):
            return _oauth_error("invalid_client", "BAD_CLIENT_SECRET")
        refresh_token = presented
        if self._settings.rotate_refresh_tokens:
            refresh_token = secrets.token_urlsafe(24)
            self._connection.execute(
                "UPDATE oauth_app SET refresh_token = ? WHERE refresh_token = ?",
                (refresh_token, presented),
            )
        access_token = secrets.token_urlsafe(32)
        seconds = self._settings.oauth_seconds
        granted = None if scopes is None else json.loads(scopes)
        self._keep(access_token, f"oauth:{client_id}", granted, self._clock() + seconds, oauth=True)
        return Answer(
            200,
            {
                "access_token": access_token,
                "refresh_token": refresh_token,
                "expires_in": round(seconds),
                "token_type": "bearer",
                "hub_id": self._settings.portal_id,
            },
        )

    def _keep(
        self,
        token: str,
        app: str,
        scopes: Sequence[str] | None,
        expires_at: float | None,
        *,
        oauth: bool,
    ) -> None:
        self._known.pop(token, None)
        self._connection.execute(
            "INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?, ?)",
            (token, app, _dump(scopes), expires_at, oauth),
        )

    def _find(self, token: str) -> tuple[Caller, float | None] | None:
        found = self._known.get(token)
        if found is None:
            row = self._connection.execute(
                "SELECT app, scopes, expires_at, oauth FROM token WHERE token = ?", (token,)
            ).fetchone()
            if row is None:
                return None
            scopes = None if row[1] is None else frozenset(json.loads(row[1]))
            found = self._known[token] = Caller(row[0], scopes, bool(row[3])), row[2]
        return found


_OAUTH_TEXT: Final = {
    "BAD_GRANT_TYPE": "grant_type must be refresh_token",
    "BAD_REFRESH_TOKEN": "refresh token is invalid, expired or revoked",
    "BAD_CLIENT_SECRET": "client id or secret is wrong",
}


def _oauth_error(error: str, status: str) -> Answer:
    text = _OAUTH_TEXT[status]
    body = {"error": error, "error_description": text, "status": status, "message": text}
    return Answer(400, body)


def _dump(scopes: Sequence[str] | None) -> str | None:
    return None if scopes is None else json.dumps(list(scopes))
