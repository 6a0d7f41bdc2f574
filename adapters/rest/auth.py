"""Who we are to an API: ``[auth]``. The secrets stand in the configuration, never in a mapping."""

import base64
import hmac
import json
import re
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx

from adapters.rest.reading import Path, Reader, Table
from connector.crm import (
    AdapterSettings,
    BearerToken,
    Clock,
    OAuth2,
    OnRotated,
    Secret,
    read_secret,
    reveal,
)

AuthKind = Literal["none", "bearer", "basic", "header", "query", "url", "body", "hmac", "oauth2"]

_KINDS: Final = ("none", "bearer", "basic", "header", "query", "url", "body", "hmac", "oauth2")
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "bearer": ("scheme",),
    "header": ("name", "prefix"),
    "query": ("name",),
    "body": ("name",),
    "hmac": ("name", "algorithm", "signed", "signature", "value", "base64"),
    "oauth2": ("scheme", "client", "base_url", "form"),
}
_ALGORITHMS: Final = ("sha256", "sha1", "sha512")
_SIGNATURES: Final = ("hex", "base64", "raw")
_SIGNED: Final = ("method", "path", "query", "body", "timestamp", "username")
_PLACE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_REFERENCE: Final = '{ env = "CRM_TOKEN" }'


@dataclass(frozen=True, slots=True)
class AuthPlan:
    """How requests are signed."""

    kind: AuthKind = "none"
    scheme: str = "Bearer"
    name: str = ""
    prefix: str = ""
    algorithm: str = "sha256"
    signed: str = ""
    signature: str = "hex"
    value: str = "{{ signature }}"
    base64: bool = False
    client_in_header: bool = False
    base_url_key: str | None = None
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def secret_parameter(self) -> str | None:
        """The query parameter that holds a secret, if one does."""
        return self.name if self.kind == "query" else None

    def make(
        self,
        settings: AdapterSettings,
        *,
        clock: Clock,
        token_url: Callable[[], str],
        rotated: str | None,
        on_rotated: OnRotated | None,
    ) -> httpx.Auth | None:
        """Return what signs requests; the secrets are read again for each."""
        token, oauth = settings.token, settings.oauth
        if oauth is not None and self.kind in {"bearer", "oauth2"}:
            return OAuth2(
                token_url=token_url,
                client_id=lambda: reveal(oauth.client_id),
                client_secret=oauth.client_secret.reveal,
                refresh_token=oauth.refresh_token.reveal if oauth.refresh_token else None,
                clock=clock,
                rotated=rotated,
                on_rotated=on_rotated,
                base_url_key=self.base_url_key,
                client_in_header=self.client_in_header,
                scheme=self.scheme,
                form=self.form,
            )
        match self.kind:
            case "basic":
                return Basic(settings)
            case "hmac":
                return HmacSignature(self, settings)
            case _:
                return None if token is None else self._with_token(token)

    def _with_token(self, token: Secret) -> httpx.Auth | None:
        match self.kind:
            case "bearer":
                return BearerToken(token, scheme=self.scheme)
            case "header":
                return BearerToken(token, header=self.name, scheme=self.prefix)
            case "query":
                return QueryToken(token, self.name)
            case "body":
                return BodyToken(token, self.name)
            case _:
                return None


class Basic(httpx.Auth):
    """User name and password in the usual header."""

    def __init__(self, settings: AdapterSettings) -> None:
        self._settings = settings

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign."""
        pair = f"{_username(self._settings)}:{_password(self._settings)}".encode()
        request.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        yield request


class QueryToken(httpx.Auth):
    """A token in the query, for an API that has no better place."""

    def __init__(self, token: Secret, name: str) -> None:
        self._token = token
        self._name = name

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign."""
        request.url = request.url.copy_set_param(self._name, read_secret(self._token.reveal))
        yield request


class BodyToken(httpx.Auth):
    """A token among the fields of a JSON body."""

    requires_request_body = True

    def __init__(self, token: Secret, name: str) -> None:
        self._token = token
        self._name = name

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign: the same request with another body, since the client watches this one."""
        body = json.loads(request.content) if request.content else {}
        if isinstance(body, dict):
            body[self._name] = read_secret(self._token.reveal)
            content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
            request.stream = httpx.ByteStream(content)
            request.headers["Content-Length"] = str(len(content))
            request.headers["Content-Type"] = "application/json"
        yield request


class HmacSignature(httpx.Auth):
    """A header that proves a shared secret for each request."""

    requires_request_body = True

    def __init__(self, plan: AuthPlan, settings: AdapterSettings) -> None:
        self._plan = plan
        self._settings = settings

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign."""
        plan = self._plan
        known = {
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query.decode("ascii"),
            "body": request.content.decode("utf-8"),
            "timestamp": str(int(time.time())),
            "username": _username(self._settings) if self._settings.username else "",
        }
        secret = _password(self._settings).encode()
        digest = hmac.new(secret, _fill(plan.signed, known).encode(), plan.algorithm).digest()
        value = _fill(plan.value, known | {"signature": _spell(digest, plan.signature)})
        if plan.base64:
            value = base64.b64encode(value.encode("latin-1")).decode()
        request.headers[plan.name] = value
        if "timestamp" in _places(plan.signed):
            request.headers["X-Timestamp"] = known["timestamp"]
        yield request


def _spell(digest: bytes, form: str) -> str:
    if form == "raw":
        return digest.decode("latin-1")
    return digest.hex() if form == "hex" else base64.b64encode(digest).decode()


def _fill(text: str, known: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: known[place[1]], text)


def _places(text: str) -> set[str]:
    return set(_PLACE.findall(text))


def _username(settings: AdapterSettings) -> str:
    name = settings.username
    return read_secret(lambda: reveal(name)) if name is not None else ""


def _password(settings: AdapterSettings) -> str:
    secret = settings.password or settings.token
    return read_secret(secret.reveal) if secret is not None else ""


def read_auth(reader: Reader, raw: object, settings: AdapterSettings) -> AuthPlan:
    """Read ``[auth]``, and see that the configuration has the secrets it needs."""
    path: Path = ("auth",)
    if raw is None:
        reader.complain(path, "is missing", expected='a table with kind = "bearer" or the like')
        return AuthPlan()
    if not isinstance(raw, dict):
        reader.complain(path, "is not a table", expected='a table with kind = "bearer"')
        return AuthPlan()
    kind: Any = reader.word(path, raw, "kind", _KINDS, required=True)
    if kind is None:
        return AuthPlan()
    table = reader.table(path, raw, ("kind", *_KEYS.get(kind, ())))
    plan = AuthPlan(
        kind=kind,
        scheme=reader.text(path, table, "scheme") or "Bearer",
        name=_read_name(reader, path, table, kind),
        prefix=reader.text(path, table, "prefix") or "",
        algorithm=reader.word(path, table, "algorithm", _ALGORITHMS) or "sha256",
        signed=_read_places(reader, path, table, "signed", _SIGNED, required=kind == "hmac"),
        signature=reader.word(path, table, "signature", _SIGNATURES) or "hex",
        value=_read_places(reader, path, table, "value", (*_SIGNED, "signature"))
        or "{{ signature }}",
        base64=bool(reader.flag(path, table, "base64")),
        client_in_header=reader.word(path, table, "client", ("form", "header")) == "header",
        base_url_key=reader.text(path, table, "base_url"),
        form=_read_form(reader, path, table),
    )
    _want_secrets(reader, plan, settings)
    return plan


def _read_name(reader: Reader, path: Path, table: Table, kind: str) -> str:
    named = kind in {"header", "query", "body", "hmac"}
    name = reader.text(path, table, "name", required=named, expected='such as "X-Api-Key"')
    if name and kind in {"header", "hmac"} and not re.fullmatch(r"[A-Za-z0-9-]+", name):
        reader.complain((*path, "name"), "is not the name of a header")
    return name or ""


def _read_places(
    reader: Reader,
    path: Path,
    table: Table,
    key: str,
    known: tuple[str, ...],
    *,
    required: bool = False,
) -> str:
    text = reader.text(path, table, key, required=required, expected='"{{ method }} {{ path }}"')
    for name in sorted(_places(text or "") - set(known)):
        reader.complain((*path, key), f"{name} is unknown", expected=", ".join(known))
    return text or ""


def _read_form(reader: Reader, path: Path, table: Table) -> Mapping[str, str]:
    raw = table.get("form", {})
    if isinstance(raw, dict) and all(isinstance(each, str) for each in raw.values()):
        return raw
    reader.complain((*path, "form"), "is not a table of texts", expected='{ scope = "crm" }')
    return {}


def _want_secrets(reader: Reader, plan: AuthPlan, settings: AdapterSettings) -> None:
    """Note what the configuration lacks of what this kind of auth needs."""
    by = f'is needed, since the mapping\'s [auth] says kind = "{plan.kind}"'
    match plan.kind:
        case "bearer" if settings.token is None and settings.oauth is None:
            reader.want_setting("token", by, expected=f"{_REFERENCE}, or oauth")
        case "header" | "query" | "body" if settings.token is None:
            reader.want_setting("token", by, expected=_REFERENCE)
        case "basic" if settings.username is None or settings.password is None:
            key = "password" if settings.username is not None else "username"
            reader.want_setting(key, by, expected="username and password")
        case "hmac" if settings.password is None and settings.token is None:
            reader.want_setting("password", by, expected='{ env = "CRM_SECRET" }')
        case "oauth2" if settings.oauth is None:
            reader.want_setting("oauth", by, expected="{ client_id, client_secret, token_url }")
        case "url" if not isinstance(settings.base_url, Secret):
            reader.want_setting(
                "base_url",
                "is a secret here, since the mapping's [auth] says that it holds one",
                expected='{ env = "CRM_URL" }',
            )
    if settings.oauth is not None and settings.oauth.token_url is None:
        reader.want_setting("oauth.token_url", "is missing", expected="an https address")
