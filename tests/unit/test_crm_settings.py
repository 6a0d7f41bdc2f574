"""What adapters' settings share, and how long a CRM asks us to wait."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import ClassVar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.clock import SystemClock
from connector.config.models import OAuth
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.crm.oauth import BearerToken, OAuth2
from connector.crm.settings import AdapterSettings
from connector.crm.waits import retry_after
from connector.errors import ConfigError


def secret(value: str) -> Secret:
    return Secret(env="S", environ={"S": value})


class Settings(AdapterSettings):
    default_base_url: ClassVar[str | None] = "https://api.example.com"
    default_rate: ClassVar[Rate] = Rate(requests=3, per=timedelta(seconds=1))
    default_batch_wait: ClassVar[timedelta] = timedelta(seconds=9)
    token_path: ClassVar[str | None] = "/token"


def test_what_is_not_set_is_the_adapters_default() -> None:
    settings = Settings(adapter="x")
    assert settings.endpoint == "https://api.example.com"
    assert settings.allowed_rate.requests == 3
    assert settings.company_wait == timedelta(seconds=9)


def test_what_is_set_wins() -> None:
    settings = Settings(
        adapter="x",
        base_url="https://crm.example.com/",
        rate=Rate(requests=1, per=timedelta(seconds=1)),
        batch_wait=timedelta(0),
    )
    assert settings.endpoint == "https://crm.example.com"
    assert settings.allowed_rate.requests == 1
    assert settings.company_wait == timedelta(0)


def test_an_address_that_is_a_secret_is_read_and_checked_when_used() -> None:
    places = {"S": "https://crm.example.com/hook/s3cret"}
    settings = Settings(adapter="x", base_url=Secret(env="S", environ=places))
    assert settings.endpoint == "https://crm.example.com/hook/s3cret"
    places["S"] = "http://crm.example.com/hook/s3cret"
    with pytest.raises(ConfigError) as caught:
        _ = settings.endpoint
    assert "s3cret" not in str(caught.value)


def test_a_crm_without_a_default_address_needs_one() -> None:
    with pytest.raises(ConfigError, match="base_url"):
        _ = AdapterSettings(adapter="x").endpoint


def test_credentials_decide_how_requests_are_signed() -> None:
    assert Settings(adapter="x").auth(clock=SystemClock()) is None
    assert isinstance(
        Settings(adapter="x", token=secret("t")).auth(clock=SystemClock()), BearerToken
    )
    oauth = OAuth(client_id="c", client_secret=secret("s"), refresh_token=secret("r"))
    assert isinstance(Settings(adapter="x", oauth=oauth).auth(clock=SystemClock()), OAuth2)


def token_urls_asked(settings: Settings) -> list[str]:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"access_token": "a", "expires_in": 60})

    async def ask() -> None:
        auth = settings.auth(clock=SystemClock())
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=auth) as client:
            await client.get("https://api.example.com/x")

    asyncio.run(ask())
    return asked


def test_access_tokens_come_from_the_crms_own_path_unless_named() -> None:
    oauth = OAuth(client_id="c", client_secret=secret("s"), refresh_token=secret("r"))
    assert (
        token_urls_asked(Settings(adapter="x", oauth=oauth))[0] == "https://api.example.com/token"
    )
    named = oauth.model_copy(update={"token_url": "https://login.example.com/t"})
    asked = token_urls_asked(Settings(adapter="x", oauth=named))
    assert asked == ["https://login.example.com/t", "https://api.example.com/x"]


def response(**headers: str) -> httpx.Response:
    return httpx.Response(429, headers={k.replace("_", "-"): v for k, v in headers.items()})


NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "0"}, 0),
        ({"Retry_After": "99999999999999999"}, 3600),
        (
            {
                "Retry_After": format_datetime(NOW + timedelta(seconds=90)),
                "Date": format_datetime(NOW),
            },
            90,
        ),
        (
            {"Retry_After": format_datetime(NOW - timedelta(days=1)), "Date": format_datetime(NOW)},
            0,
        ),
        ({"Retry_After": "soon"}, 10),
        ({"Retry_After": "-5"}, 10),
        ({"Retry_After": "1.5"}, 10),
        ({}, 10),
    ],
)
def test_waits_are_read_from_seconds_and_dates(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(response(**headers)) == timedelta(seconds=seconds)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_no_header_breaks_the_reading_of_waits(text: str) -> None:
    wait = retry_after(response(Retry_After=text))
    assert timedelta(0) <= wait <= timedelta(hours=1)
