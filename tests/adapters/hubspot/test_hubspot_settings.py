"""What HubSpot's headers and refusals mean for pace and pauses; tokens and OAuth."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.hubspot.settings import HubSpotSettings, MissingScopesError
from connector.clock import SystemClock
from connector.config.models import OAuth
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.crm.answers import answer
from connector.crm.budget import Budgets
from connector.crm.contract.material import person, write
from connector.crm.registry import Connection
from connector.errors import CrmAccessError, CrmThrottledError
from connector.model.outcome import NotSent, Written


def secret(value: str) -> Secret:
    return Secret(env="S", environ={"S": value})


def settings(**options: Any) -> HubSpotSettings:
    return HubSpotSettings(adapter="hubspot", token=secret("pat"), **options)


def response(
    status: int, body: object = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    request = httpx.Request("POST", "https://api.hubapi.com/crm")
    raw = httpx.Response(status, json=body or {}, headers=headers, request=request)
    return answer(raw, raw.content)


def test_the_defaults_are_those_of_the_smallest_account() -> None:
    plain = settings()
    assert plain.endpoint == "https://api.hubapi.com"
    assert plain.allowed_rate == Rate(requests=90, per=timedelta(seconds=10))
    assert plain.company_wait == timedelta(seconds=2)
    assert set(plain.budgets(clock=SystemClock()).left()) == {"burst", "search", "daily"}


def test_a_token_or_oauth_is_required() -> None:
    with pytest.raises(ValidationError, match="is required"):
        HubSpotSettings(adapter="hubspot")


@pytest.mark.parametrize(
    ("policy", "wait"),
    [
        ("TEN_SECONDLY_ROLLING", timedelta(seconds=10)),
        ("SECONDLY", timedelta(seconds=1)),
        ("DAILY", timedelta(hours=1)),
        ("ANOTHER", timedelta(seconds=10)),
        (None, timedelta(seconds=10)),
    ],
)
def test_the_wait_follows_the_policy(policy: str | None, wait: timedelta) -> None:
    assert settings().cooldown(response(429, {"policyName": policy})) == wait


def test_a_wait_that_hubspot_names_wins() -> None:
    headers = {"Retry-After": "3"}
    limited = response(429, {"policyName": "DAILY"}, headers)
    assert settings().cooldown(limited) == timedelta(seconds=3)
    moving = response(477, None, {"Retry-After": "72000"})
    assert settings().cooldown(moving) == timedelta(hours=20)
    assert settings().cooldown(response(477)) == timedelta(hours=1)


def limit_headers(most: int, left: int, *, interval: int = 10_000, **daily: int) -> dict[str, str]:
    headers = {
        "X-HubSpot-RateLimit-Max": str(most),
        "X-HubSpot-RateLimit-Remaining": str(left),
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(interval),
    }
    for name, value in daily.items():
        headers[f"X-HubSpot-RateLimit-{name.replace('_', '-')}"] = str(value)
    return headers


def observed(headers: dict[str, str], **options: Any) -> Budgets:
    chosen = settings(**options)
    budgets = chosen.budgets(clock=SystemClock())
    chosen.observe(response(200, None, headers), budgets)
    return budgets


def test_headers_lower_the_budget_to_our_share() -> None:
    burst = observed(limit_headers(100, 99)).left()["burst"]
    assert (burst.limit, burst.left) == (90, 89)
    burst = observed(limit_headers(100, 30)).left()["burst"]
    assert burst.left == 20
    burst = observed(limit_headers(50, 49)).left()["burst"]
    assert (burst.limit, burst.left) == (45, 44)
    burst = observed(limit_headers(100, 2)).left()["burst"]
    assert burst.left == 0


def test_headers_never_raise_a_budget() -> None:
    burst = observed(limit_headers(190, 190)).left()["burst"]
    assert (burst.limit, burst.left) == (90, 90)


def test_headers_about_another_interval_say_nothing_of_ours() -> None:
    other = observed(limit_headers(10, 9, interval=1000)).left()["burst"]
    assert (other.limit, other.left) == (90, 90)
    strange = observed({"X-HubSpot-RateLimit-Max": "a lot"}).left()["burst"]
    assert strange.limit == 90


def test_the_day_is_learnt_from_headers() -> None:
    headers = limit_headers(100, 99, Daily=250_000, Daily_Remaining=249_000)
    daily = observed(headers).left()["daily"]
    assert (daily.limit, daily.left) == (250_000, 249_000)
    daily = observed(headers, daily_tokens=1000).left()["daily"]
    assert daily.limit == 1000


def test_missing_scopes_are_named() -> None:
    body = {
        "category": "MISSING_SCOPES",
        "errors": [{"context": {"requiredGranularScopes": ["a.read", "b.read"]}}, "odd", {}],
    }
    refusal = settings().refusal(response(403, body))
    assert isinstance(refusal, MissingScopesError)
    assert refusal.scopes == ("a.read", "b.read")
    assert "a.read or b.read" in str(refusal)


def test_other_refusals_have_their_reasons() -> None:
    assert settings().refusal(response(401)).reason == "auth"
    assert settings().refusal(response(402)).reason == "quota"
    assert settings().refusal(response(403)).reason == "auth"
    limited = settings().refusal(response(403, {"category": "RECORD_LIMIT_EXCEEDED"}))
    assert limited.reason == "quota"
    assert settings().refusal(response(403, {"category": "MISSING_SCOPES"})).reason == "auth"


def run(
    crm: Any, case: Callable[[Connection], Awaitable[None]], chosen: HubSpotSettings, **options: Any
) -> None:
    async def play() -> None:
        connection = crm.connect(settings=chosen, **options)
        try:
            await case(connection)
        finally:
            await connection.aclose()

    asyncio.run(play())


def static(crm: Any) -> HubSpotSettings:
    return HubSpotSettings(adapter="hubspot", base_url=crm.url, token=secret("pat-na1-good"))


def oauth(crm: Any) -> HubSpotSettings:
    crm.order(
        "POST",
        "/oauth",
        {"client_id": "app", "client_secret": "hush", "refresh_token": "refresh-0"},
    )
    return HubSpotSettings(
        adapter="hubspot",
        base_url=crm.url,
        oauth=OAuth(
            client_id="app", client_secret=secret("hush"), refresh_token=secret("refresh-0")
        ),
    )


def test_oauth_fetches_a_token_and_replaces_one_that_is_refused(start_portal: Any) -> None:
    with start_portal(rotate_refresh_tokens=True) as crm:
        kept: list[str] = []

        async def keep(token: str) -> None:
            kept.append(token)

        async def case(at: Connection) -> None:
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, Written)
            crm.order("DELETE", "/tokens")
            [outcome] = await write(at, crm.contact, [person(crm, 2)])
            assert isinstance(outcome, Written)
            account = await at.adapter.account()
            assert account.missing_scopes == ()

        run(crm, case, oauth(crm), on_rotated=keep)
        assert len(kept) == 2
        assert len(crm.contacts()) == 2


def test_an_app_that_was_disconnected_pauses(crm: Any) -> None:
    chosen = oauth(crm).model_copy(
        update={
            "oauth": OAuth(
                client_id="app", client_secret=secret("hush"), refresh_token=secret("old")
            )
        }
    )

    async def case(at: Connection) -> None:
        with pytest.raises(CrmAccessError) as caught:
            await at.adapter.account()
        assert caught.value.reason == "auth"

    run(crm, case, chosen)


def test_the_account_tells_what_is_left_of_today(start_portal: Any) -> None:
    with start_portal(daily_limit=1000) as crm:

        async def case(at: Connection) -> None:
            account = await at.adapter.account()
            assert 900 < account.budgets_left["daily"] < 1000
            assert account.id == "48015316"
            assert account.url == "https://app.hubspot.com/contacts/48015316"
            assert account.api_version == "2026-09"
            assert account.api_version_ends_at == datetime(2028, 3, 8, tzinfo=UTC)
            daily = at.budgets.left()["daily"]
            assert daily.limit == 1000
            assert daily.resets_at is not None
            assert timedelta(0) < daily.resets_at - datetime.now(UTC) <= timedelta(days=1)

        run(crm, case, static(crm))


def test_a_used_up_day_ends_the_run_until_it_resets(start_portal: Any) -> None:
    with start_portal(daily_limit=20) as crm:

        async def case(at: Connection) -> None:
            outcomes = [(await write(at, crm.contact, [person(crm, n)]))[0] for n in range(30)]
            assert isinstance(outcomes[0], Written)
            last = outcomes[-1]
            assert isinstance(last, NotSent)
            assert isinstance(last.cause, CrmThrottledError)
            assert last.cause.cooldown > timedelta(minutes=1)

        run(crm, case, static(crm))
        assert {each["status"] for each in crm.calls()} <= {200, 201}
