"""Access tokens: refreshed in time, once at a time, and once more when refused."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from connector.config.secret import Secret
from connector.crm.oauth import BearerToken, OAuth2
from connector.errors import CrmAccessError, CrmThrottledError, CrmUnavailableError

TOKEN_URL = "https://crm.example.com/oauth/token"


class Clock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 5000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def boot(self) -> float:
        return self.seconds


class Crm:
    """Hands out access tokens for the one good refresh token and takes only the newest."""

    def __init__(self, *, rotates: bool = False, life: float = 1800) -> None:
        self.good = "refresh-0"
        self.rotates = rotates
        self.life = life
        self.issued = 0
        self.forms: list[dict[str, list[str]]] = []
        self.requests: list[httpx.Request] = []
        self.failure: httpx.Response | None = None
        self.valid: set[str] = set()
        self.extra: dict[str, object] = {}

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if str(request.url).startswith(TOKEN_URL):
            assert not request.url.query
            form = parse_qs(request.content.decode())
            self.forms.append(form)
            await asyncio.sleep(0)
            if self.failure is not None:
                return self.failure
            if form["refresh_token"] != [self.good]:
                return httpx.Response(400, json={"error": "invalid_grant"})
            self.issued += 1
            if self.rotates:
                self.good = f"refresh-{self.issued}"
            token = f"access-{self.issued}"
            self.valid = {token}
            return httpx.Response(
                200,
                json={
                    "access_token": token,
                    "refresh_token": self.good,
                    "expires_in": self.life,
                    **self.extra,
                },
            )
        self.requests.append(request)
        bearer = request.headers["Authorization"].removeprefix("Bearer ")
        return httpx.Response(200 if bearer in self.valid else 401, json={})


def make(clock: Clock, *, rotated: str | None = None, kept: list[str] | None = None) -> OAuth2:
    async def keep(token: str) -> None:
        await asyncio.sleep(0)
        if kept is not None:
            kept.append(token)

    return OAuth2(
        token_url=lambda: TOKEN_URL,
        client_id=lambda: "client",
        client_secret=lambda: "hush",
        refresh_token=lambda: "refresh-0",
        clock=clock,
        rotated=rotated,
        on_rotated=keep,
        base_url_key="api_domain",
    )


def run(
    crm: Crm, auth: OAuth2, *steps: Callable[[], None] | int, url: str = "https://crm.example.com/x"
) -> list[int]:
    """Send single requests (``1``), several at once (a larger number), or do a step between."""

    async def play() -> list[int]:
        statuses = []
        async with httpx.AsyncClient(transport=httpx.MockTransport(crm), auth=auth) as client:
            for step in steps:
                if callable(step):
                    step()
                    continue
                answers = await asyncio.gather(*(client.post(url, json={}) for _ in range(step)))
                statuses += [answer.status_code for answer in answers]
        return statuses

    return asyncio.run(play())


def test_a_token_is_fetched_once_and_used_until_a_minute_before_its_end() -> None:
    clock, crm = Clock(), Crm(life=1800)
    auth = make(clock)

    def pass_seconds(seconds: float) -> Callable[[], None]:
        def step() -> None:
            clock.seconds += seconds

        return step

    assert run(crm, auth, 1, 1, pass_seconds(1739), 1) == [200, 200, 200]
    assert crm.issued == 1
    assert run(crm, auth, pass_seconds(2), 1) == [200]
    assert crm.issued == 2


def test_credentials_go_in_the_form() -> None:
    crm = Crm()
    run(crm, make(Clock()), 1)
    assert crm.forms == [
        {
            "grant_type": ["refresh_token"],
            "client_id": ["client"],
            "client_secret": ["hush"],
            "refresh_token": ["refresh-0"],
        }
    ]


def test_many_requests_at_once_refresh_once() -> None:
    crm = Crm()
    assert run(crm, make(Clock()), 20) == [200] * 20
    assert crm.issued == 1


def test_a_refused_token_is_refreshed_once_and_the_request_sent_again() -> None:
    crm = Crm()
    auth = make(Clock())

    def revoke() -> None:
        crm.valid.clear()

    assert run(crm, auth, 1, revoke, 10) == [200] * 11
    assert crm.issued == 2


def test_a_fresh_token_that_is_refused_too_is_given_up() -> None:
    class Refusing(Crm):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            answer = await super().__call__(request)
            self.valid.clear()
            return answer

    crm = Refusing()
    assert run(crm, make(Clock()), 1) == [401]
    assert (crm.issued, len(crm.requests)) == (2, 2)


def test_a_rotated_refresh_token_is_kept_before_it_is_needed() -> None:
    clock, crm = Clock(), Crm(rotates=True, life=100)
    kept: list[str] = []
    auth = make(clock, kept=kept)

    def later() -> None:
        clock.seconds += 100

    assert run(crm, auth, 1, later, 1) == [200, 200]
    assert kept == ["refresh-1", "refresh-2"]


def test_the_kept_refresh_token_comes_first_and_then_the_configured_one() -> None:
    crm = Crm()
    crm.good = "refresh-7"
    assert run(crm, make(Clock(), rotated="refresh-7"), 1) == [200]
    assert [form["refresh_token"] for form in crm.forms] == [["refresh-7"]]
    crm = Crm()  # an admin connected the app again: only the configured one is good
    assert run(crm, make(Clock(), rotated="refresh-7"), 1) == [200]
    assert [form["refresh_token"] for form in crm.forms] == [["refresh-7"], ["refresh-0"]]


def test_a_refused_refresh_token_pauses() -> None:
    crm = Crm()
    crm.good = "another"
    with pytest.raises(CrmAccessError) as caught:
        run(crm, make(Clock()), 1)
    assert caught.value.reason == "auth"
    assert "refresh-0" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_busy_or_broken_token_endpoint_is_no_refusal() -> None:
    crm = Crm()
    crm.failure = httpx.Response(429, headers={"Retry-After": "3"})
    with pytest.raises(CrmThrottledError) as throttled:
        run(crm, make(Clock()), 1)
    assert throttled.value.cooldown == timedelta(seconds=3)
    for failure in (
        httpx.Response(503),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"expires_in": 3}),
    ):
        crm.failure = failure
        with pytest.raises(CrmUnavailableError) as caught:
            run(crm, make(Clock()), 1)
        assert caught.value.started is False


def test_a_failed_refresh_does_not_block_the_next() -> None:
    crm = Crm()
    auth = make(Clock())
    crm.failure = httpx.Response(503)
    with pytest.raises(CrmUnavailableError):
        run(crm, auth, 1)
    crm.failure = None
    assert run(crm, auth, 1) == [200]


@pytest.mark.parametrize(
    ("told", "used"),
    [
        ("https://company.crm.example.com/", "https://company.crm.example.com"),
        ("http://company.crm.example.com", None),
        ("https://localhost:9000", None),
        ("https://169.254.169.254", None),
        ("ftp://x", None),
        (17, None),
        (None, None),
    ],
)
def test_an_account_may_stand_at_its_own_public_address(told: object, used: str | None) -> None:
    crm = Crm()
    crm.extra = {"api_domain": told}
    auth = make(Clock())
    run(crm, auth, 1)
    assert auth.base_url == used


def test_a_bearer_token_is_read_anew_for_each_request(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    auth = BearerToken(Secret(file=file))
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client:
        client.get("https://crm.example.com")
        file.write_text("second\n")
        client.get("https://crm.example.com")
        file.unlink()
        with pytest.raises(CrmAccessError):
            client.get("https://crm.example.com")
    assert seen == ["Bearer first", "Bearer second"]


def test_a_client_may_say_who_it_is_in_the_header_and_learns_its_scopes() -> None:
    async def case() -> None:
        crm = Crm()
        crm.extra = {"scope": "base,contacts:full activities:full"}
        seen: list[httpx.Request] = []

        async def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return await crm(request)

        auth = OAuth2(
            token_url=lambda: TOKEN_URL,
            client_id=lambda: "client",
            client_secret=lambda: "hush",
            refresh_token=lambda: "refresh-0",
            clock=Clock(),
            client_in_header=True,
        )
        assert auth.scopes is None
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=auth) as http:
            assert (await http.get("https://crm.example.com/")).is_success
        assert seen[0].headers["Authorization"] == "Basic Y2xpZW50Omh1c2g="
        assert crm.forms[0].keys() == {"grant_type", "refresh_token"}
        assert auth.scopes == {"base", "contacts:full", "activities:full"}

    asyncio.run(case())
