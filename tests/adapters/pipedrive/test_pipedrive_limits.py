"""Limits, refusals and credentials: what an answer means for the whole destination."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from adapters.pipedrive import PipedriveSettings
from connector.config.models import OAuth
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.crm.registry import Connection, build_adapter
from connector.errors import CrmAccessError, CrmThrottledError, CrmUnavailableError
from connector.model.outcome import Written
from connector.model.record import CrmObject, Record

ME = {"success": True, "data": {"id": 1, "company_id": 5, "company_domain": "acme"}}
Respond = Callable[[httpx.Request], httpx.Response]


class HandClock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 36_000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def boot(self) -> float:
        return self.seconds


def secret(value: str) -> Secret:
    return Secret(env="X", environ={"X": value})


def connect(respond: Respond, clock: HandClock | None = None, **settings: Any) -> Connection:
    if "oauth" not in settings:
        settings["token"] = secret("c0ffee")
    return build_adapter(
        PipedriveSettings(adapter="pipedrive", **settings),
        destination="pipedrive",
        contact=CrmObject("persons", "contact", "WhatsApp key"),
        message=CrmObject("activities", "message"),
        requests={},
        request_timeout=5,
        clock=clock or HandClock(),
        transport=httpx.MockTransport(respond),
    )


def answer(status: int, headers: Mapping[str, str] | None = None) -> Respond:
    body = {"success": False, "error": "no", "errorCode": status} if status >= 400 else ME
    return lambda _: httpx.Response(status, json=body, headers=headers)


async def ask(at: Connection) -> Exception | None:
    try:
        await at.adapter.account()
    except (CrmAccessError, CrmThrottledError, CrmUnavailableError) as error:
        return error
    return None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 2),
        ({"x-ratelimit-reset": "1"}, 1),
        ({"x-ratelimit-reset": "1", "Retry-After": "7"}, 7),
        ({"x-daily-ratelimit-token-remaining": "0"}, 15),
        ({"x-daily-ratelimit-token-remaining": "9000", "x-ratelimit-reset": "2"}, 2),
    ],
)
def test_headers_tell_how_long_a_429_is_waited_out(headers: dict[str, str], seconds: float) -> None:
    async def case() -> None:
        error = await ask(connect(answer(429, headers)))
        assert isinstance(error, CrmThrottledError)
        assert error.cooldown == timedelta(seconds=seconds)

    asyncio.run(case())


def test_429s_in_a_row_are_waited_out_for_longer_and_longer() -> None:
    """A used-up day may come without a header that says so."""

    async def case() -> None:
        clock = HandClock()
        status = 429

        def respond(request: httpx.Request) -> httpx.Response:
            return answer(status)(request)

        at = connect(respond, clock)
        waits = []
        for _ in range(12):
            error = await ask(at)
            assert isinstance(error, CrmThrottledError)
            waits.append(error.cooldown.total_seconds())
            clock.seconds += waits[-1]
        assert waits[:4] == [2, 4, 8, 16]
        assert waits[-1] == 900
        status = 200
        assert await ask(at) is None
        status = 429
        error = await ask(at)
        assert isinstance(error, CrmThrottledError)
        assert error.cooldown == timedelta(seconds=2)

    asyncio.run(case())


def test_429s_of_calls_that_were_under_way_together_count_once() -> None:
    async def case() -> None:
        at = connect(answer(429))
        errors = [await ask(at) for _ in range(5)]
        waits = [each.cooldown for each in errors if isinstance(each, CrmThrottledError)]
        assert waits == [timedelta(seconds=2)] * 5

    asyncio.run(case())


def test_a_used_up_day_stops_us_and_ends_by_itself() -> None:
    """Others spend the same budget. For a while nothing is asked, then it is looked at again."""

    async def case() -> None:
        clock = HandClock()
        left = "0"
        asked: list[str] = []

        def respond(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            headers = {"x-daily-ratelimit-token-remaining": left}
            return answer(200, headers)(request)

        at = connect(respond, clock, daily_tokens=30_000)
        assert await ask(at) is None
        error = await ask(at)
        assert isinstance(error, CrmThrottledError)
        assert error.cooldown == timedelta(seconds=15)
        assert len(asked) == 1
        clock.seconds += 15
        left = "29998"
        assert await ask(at) is None
        assert await ask(at) is None
        assert len(asked) == 3

    asyncio.run(case())


def test_our_own_share_of_the_day_is_kept_whatever_others_leave() -> None:
    async def case() -> None:
        clock = HandClock()
        headers = {
            "x-daily-ratelimit-token-limit": "30000",
            "x-daily-ratelimit-token-remaining": "29000",
        }
        at = connect(answer(200, headers), clock, daily_tokens=5)
        assert await ask(at) is None
        assert await ask(at) is None
        error = await ask(at)
        assert isinstance(error, CrmThrottledError)
        assert error.cooldown == timedelta(hours=14)
        clock.seconds += error.cooldown.total_seconds()
        assert await ask(at) is None

    asyncio.run(case())


def test_what_an_earlier_holder_spent_counts() -> None:
    settings = PipedriveSettings(adapter="pipedrive", token=secret("x"), daily_tokens=100)
    budgets = settings.budgets(clock=HandClock(), used={"tokens": 97.0})
    assert budgets.left()["tokens"].left == 3


def test_headers_lower_the_burst_but_not_below_what_searches_say() -> None:
    async def case() -> None:
        def respond(request: httpx.Request) -> httpx.Response:
            search = "search" in request.url.path
            limit = "10" if search else "18"
            body = {"success": True, "data": {"items": []}} if search else ME
            headers = {"x-ratelimit-limit": limit, "x-ratelimit-remaining": limit}
            return httpx.Response(200, json=body, headers=headers)

        at = connect(respond)
        await at.adapter.account()
        adapter: Any = at.adapter
        await adapter._calls.search_phones("12345678")
        assert at.budgets.left()["burst"].limit == 18
        assert at.budgets.left()["search"].limit == 10

    asyncio.run(case())


def test_a_page_of_cloudflares_stops_the_whole_account() -> None:
    page = "<!DOCTYPE html><html><body>produced by Cloudflare</body></html>"

    async def case() -> None:
        error = await ask(connect(lambda _: httpx.Response(403, html=page)))
        assert isinstance(error, CrmUnavailableError)
        assert error.cooldown == timedelta(minutes=10)

    asyncio.run(case())


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (401, "", "auth"),
        (402, "", "quota"),
        (403, "", "auth"),
        (403, "feature_capping_deals_limit", "quota"),
    ],
)
def test_refusals_say_who_has_to_act(status: int, code: str, reason: str) -> None:
    body = {"success": False, "error": "no", "errorCode": status, "code": code}

    async def case() -> None:
        error = await ask(connect(lambda _: httpx.Response(status, json=body)))
        assert isinstance(error, CrmAccessError)
        assert error.reason == reason

    asyncio.run(case())


def test_an_api_token_goes_in_its_own_header_and_never_in_the_address() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(200)(request)

    async def case() -> None:
        base = "https://acme.pipedrive.com/api/v2"  # copied with a version, which is left out
        assert await ask(connect(respond, base_url=base)) is None

    asyncio.run(case())
    [request] = seen
    assert str(request.url) == "https://acme.pipedrive.com/api/v1/users/me"
    assert request.headers["x-api-token"] == "c0ffee"
    assert "Authorization" not in request.headers


def test_oauth_asks_in_basic_and_moves_to_the_companys_own_address() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path == "/oauth/token":
            body = {
                "access_token": "fresh",
                "refresh_token": "refresh",
                "expires_in": 3599,
                "scope": "base,contacts:full",
                "api_domain": "https://acme.pipedrive.com",
            }
            return httpx.Response(200, json=body)
        return answer(200)(request)

    async def case() -> None:
        oauth = OAuth(
            client_id="app", client_secret=secret("hush"), refresh_token=secret("refresh")
        )
        at = connect(respond, oauth=oauth)
        account = await at.adapter.account()
        assert account.missing_scopes == ("search:read", "activities:full")
        assert account.url == "https://acme.pipedrive.com"
        await at.adapter.account()

    asyncio.run(case())
    token, first, second = seen
    assert str(token.url) == "https://oauth.pipedrive.com/oauth/token"
    assert token.headers["Authorization"] == "Basic YXBwOmh1c2g="
    form = parse_qs(token.content.decode())
    assert form == {"grant_type": ["refresh_token"], "refresh_token": ["refresh"]}
    assert first.headers["Authorization"] == "Bearer fresh"
    assert (first.url.host, second.url.host) == ("api.pipedrive.com", "acme.pipedrive.com")


def test_the_pace_follows_the_plan_and_the_way_to_sign_in() -> None:
    token = PipedriveSettings(adapter="pipedrive", token=secret("x"))
    oauth = OAuth(client_id="app", client_secret=secret("s"), refresh_token=secret("r"))
    app = PipedriveSettings(adapter="pipedrive", oauth=oauth)
    rate = Rate(requests=100, per=timedelta(seconds=2))
    premium = PipedriveSettings(adapter="pipedrive", token=secret("x"), rate=rate)
    assert [each.allowed_rate.requests for each in (token, app, premium)] == [20, 80, 100]
    assert token.company_wait == timedelta(seconds=60)
    assert connect(answer(200)).adapter.limits.concurrency == 5
    assert connect(answer(200), rate=rate).adapter.limits.concurrency == 10


def test_an_answer_without_the_record_leaves_a_write_in_doubt() -> None:
    """It was applied, and under which id is unknown."""
    field = {
        "field_name": "WhatsApp key",
        "field_code": "c" * 40,
        "field_type": "varchar",
        "is_custom_field": True,
    }

    def respond(request: httpx.Request) -> httpx.Response:
        if "Fields" in request.url.path:
            return httpx.Response(200, json={"success": True, "data": [field]})
        return httpx.Response(200, json={"success": True, "data": None})

    async def case() -> None:
        at = connect(respond)
        with pytest.raises(Exception, match="does not hold the record") as caught:
            await at.adapter.upsert(
                CrmObject("persons", "contact", "WhatsApp key"), [Record("wc_1", {"name": "Ana"})]
            )
        assert type(caught.value).__name__ == "CrmInDoubtError"

    asyncio.run(case())


def test_a_sandbox_day_that_is_used_up_parks_nothing_and_resumes(start_company: Any) -> None:
    """The sandbox's day holds 60 tokens until the budget is raised. 10 go for the schema."""

    async def case(crm: Any) -> None:
        clock = HandClock()
        at = build_adapter(
            crm.settings(),
            destination="pipedrive",
            contact=crm.contact,
            message=crm.message,
            requests={},
            request_timeout=10,
            clock=clock,
        )
        try:
            written = 0
            waits: list[timedelta] = []
            for number in range(20):
                record = Record(f"wc_{number}", {"name": f"Ana {number}"})
                try:
                    [outcome] = await at.adapter.upsert(crm.contact, [record])
                except CrmThrottledError as error:
                    waits.append(error.cooldown)
                else:
                    assert isinstance(outcome, Written)
                    written += 1
            assert (written, len(waits)) == (10, 10)
            assert max(waits) <= timedelta(minutes=15)
            assert len(crm.contacts()) == written
            crm.order("PATCH", "/settings", {"daily_tokens": 30_000})
            clock.seconds += 15
            [outcome] = await at.adapter.upsert(crm.contact, [Record("wc_x", {"name": "Bia"})])
            assert isinstance(outcome, Written)
        finally:
            await at.aclose()

    with start_company(daily_tokens=60) as crm:
        asyncio.run(case(crm))


def test_a_day_that_stays_used_up_is_asked_more_and_more_seldom() -> None:
    async def case() -> None:
        clock = HandClock()
        at = connect(answer(429, {"x-daily-ratelimit-token-remaining": "0"}), clock)
        asked = []
        for _ in range(400):
            error = await ask(at)
            assert isinstance(error, CrmThrottledError)
            if error.status is not None:
                asked.append(clock.seconds)
            clock.seconds += error.cooldown.total_seconds()
        gaps = [round(later - sooner) for sooner, later in pairwise(asked)]
        assert gaps[:4] == [15, 30, 60, 120]
        assert set(gaps[7:]) == {900}

    asyncio.run(case())
