"""Credentials: each kind of auth as the API sees it, and none of them anywhere else."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from connector.config.models import OAuth
from connector.config.secret import Secret
from connector.crm.registry import Connection
from connector.errors import CrmAccessError
from connector.model.record import CrmObject, Record

Speak = Callable[..., Connection]
PEOPLE = CrmObject("people", "contact")

MAPPING = """
[auth]
{auth}
[contact]
object = "people"
once = "none"
[contact.create]
path = "/people"
query = {{ a = "1" }}
body = {{ name = "{{{{ fields.name }}}}" }}
id = "/id"
[contact.fields]
name = "{{{{ contact.display_name }}}}"
[message]
object = "notes"
once = "none"
[message.create]
path = "/notes"
id = "/id"
"""


def secret(text: str) -> Secret:
    return Secret(env="S", environ={"S": text})


def request_by(speak: Speak, auth: str, **settings: Any) -> httpx.Request:
    """Return the request that writes one contact."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": 1})

    at = speak(MAPPING.format(auth=auth), answer, **settings)

    async def write() -> None:
        await at.adapter.upsert(PEOPLE, [Record("wc_1", {"name": "Ana"})])
        await at.aclose()

    asyncio.run(write())
    (request,) = seen
    return request


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ('kind = "bearer"', "Authorization", "Bearer hush"),
        ('kind = "bearer"\nscheme = "Token"', "Authorization", "Token hush"),
        ('kind = "bearer"\nscheme = "Zoho-oauthtoken"', "Authorization", "Zoho-oauthtoken hush"),
        ('kind = "header"\nname = "X-Api-Key"', "X-Api-Key", "hush"),
        ('kind = "header"\nname = "User-Key"\nprefix = "v1"', "User-Key", "v1 hush"),
    ],
)
def test_a_token_stands_in_its_header(auth: str, header: str, value: str, speak: Speak) -> None:
    assert request_by(speak, auth).headers[header] == value


def test_nothing_is_signed_where_nothing_is_needed(speak: Speak) -> None:
    assert "Authorization" not in request_by(speak, 'kind = "none"').headers


def test_user_and_password_stand_in_the_usual_header(speak: Speak) -> None:
    request = request_by(speak, 'kind = "basic"', username="ana", password=secret("pä:ss"))

    assert request.headers["Authorization"] == (
        f"Basic {base64.b64encode('ana:pä:ss'.encode()).decode()}"
    )


def test_a_token_in_the_query_joins_what_is_there(speak: Speak) -> None:
    request = request_by(speak, 'kind = "query"\nname = "token"')

    assert dict(request.url.params) == {"a": "1", "token": "hush"}


def test_a_token_in_the_body_joins_what_is_there(speak: Speak) -> None:
    request = request_by(speak, 'kind = "body"\nname = "auth"')
    sent = b"".join(request.stream)  # type: ignore[arg-type]  # bytes, as it was sent

    assert json.loads(sent) == {"name": "Ana", "auth": "hush"}
    assert request.headers["Content-Length"] == str(len(sent))


def test_a_secret_address_is_used_as_it_is(speak: Speak) -> None:
    address = secret("https://portal.example.com/rest/1/s3cret")
    request = request_by(speak, 'kind = "url"', base_url=address, token=None)

    assert str(request.url) == "https://portal.example.com/rest/1/s3cret/people?a=1"


def test_a_request_is_signed_as_the_mapping_says(speak: Speak) -> None:
    auth = """
kind = "hmac"
name = "X-Hmac-Authorization"
signed = "{{ method }} {{ path }}"
signature = "raw"
value = "{{ username }}:{{ signature }}"
base64 = true
"""
    request = request_by(speak, auth, username="key", password=secret("hush"), token=None)

    digest = hmac.new(b"hush", b"POST /api/people", hashlib.sha256).digest()
    assert base64.b64decode(request.headers["X-Hmac-Authorization"]) == b"key:" + digest


def test_a_signature_may_cover_the_body(speak: Speak) -> None:
    auth = 'kind = "hmac"\nname = "X-Sign"\nsigned = "{{ body }}"\nalgorithm = "sha512"'
    request = request_by(speak, auth, password=secret("hush"), token=None)

    wanted = hmac.new(b"hush", request.content, hashlib.sha512).hexdigest()
    assert request.headers["X-Sign"] == wanted


@pytest.mark.parametrize("client", ["form", "header"])
@pytest.mark.parametrize("refresh", ["refresh", None])
def test_an_access_token_is_fetched_and_tells_where_to_go(
    client: str,
    refresh: str | None,
    speak: Speak,
) -> None:
    auth = f"""
kind = "oauth2"
scheme = "Zoho-oauthtoken"
client = "{client}"
base_url = "instance_url"
form = {{ scope = "crm" }}
"""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path == "/token":
            return httpx.Response(
                200,
                json={
                    "access_token": "fresh",
                    "expires_in": 3600,
                    "instance_url": "https://eu.example.com",
                },
            )
        return httpx.Response(200, json={"id": 1})

    oauth = OAuth(
        client_id="app",
        client_secret=secret("hush"),
        refresh_token=secret(refresh) if refresh else None,
        token_url="https://login.example.com/token",
    )
    at = speak(MAPPING.format(auth=auth), answer, oauth=oauth, token=None)

    async def write() -> None:
        for _ in range(2):
            await at.adapter.upsert(PEOPLE, [Record("wc_1", {"name": "Ana"})])
        await at.aclose()

    asyncio.run(write())
    token, _first, second = seen
    form = {name: values[0] for name, values in parse_qs(token.content.decode()).items()}
    grant = "refresh_token" if refresh else "client_credentials"
    assert (form["grant_type"], form["scope"]) == (grant, "crm")
    assert ("client_secret" in form) is (client == "form")
    assert ("Authorization" in token.headers) is (client == "header")
    assert form.get("refresh_token") == refresh
    assert second.headers["Authorization"] == "Zoho-oauthtoken fresh"
    assert second.url.host == "eu.example.com"


def test_a_token_that_is_gone_pauses_and_is_not_told(speak: Speak) -> None:
    gone = Secret(env="GONE", environ={})
    at = speak(MAPPING.format(auth='kind = "query"\nname = "t"'), lambda _: None, token=gone)

    async def write() -> Any:
        outcomes = await at.adapter.upsert(PEOPLE, [Record("wc_1", {"name": "Ana"})])
        await at.aclose()
        return outcomes

    (outcome,) = asyncio.run(write())
    assert isinstance(outcome.cause, CrmAccessError)
