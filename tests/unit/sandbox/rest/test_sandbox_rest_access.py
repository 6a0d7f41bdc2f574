"""Who may call a sandbox REST CRM, how often, and what the wire says in its name."""

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def bearer(token: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {token}"}


def ask_token(crm: Any, **form: str) -> httpx.Response:
    """Ask for an access token."""
    body = urlencode(form)
    answer: httpx.Response = crm.call("POST", "/oauth/token", content=body, headers=FORM)
    return answer


@pytest.mark.parametrize(
    "headers", [{}, bearer("another"), {"Authorization": "Basic a-token"}, {"X-Token": "a-token"}]
)
def test_a_call_needs_a_token(crm: Any, headers: Any) -> None:
    assert crm.refuse("GET", "me", headers=headers) == (401, "BAD_TOKEN")


def test_a_token_ends_and_can_be_revoked(crm: Any) -> None:
    crm.account.access.grant("short", expires_in=60)
    assert crm.data("GET", "me", headers=bearer("short"))
    crm.clock.now += 60
    assert crm.refuse("GET", "me", headers=bearer("short")) == (401, "BAD_TOKEN")

    crm.account.access.revoke("a-token")
    assert crm.refuse("GET", "me") == (401, "BAD_TOKEN")


def test_a_token_is_for_reading_or_writing(crm: Any) -> None:
    crm.account.access.grant("reader", ["read"])
    crm.account.access.grant("writer", ["write"])

    assert crm.data("GET", "me", headers=bearer("reader"))["scopes"] == ["read"]
    answer = crm.call("POST", "/v1/contacts", {"name": "Ana"}, headers=bearer("reader"))
    assert answer.status_code == 403
    assert answer.json() == {"error": {"code": "MISSING_SCOPE", "scope": "write"}}
    assert crm.refuse("GET", "contacts", headers=bearer("writer")) == (403, "MISSING_SCOPE")
    assert crm.data("POST", "contacts", {"name": "Ana"}, headers=bearer("writer"))


def test_one_call_too_many_waits(crm: Any) -> None:
    crm.account.settings.rate_limit = 2
    crm.account.settings.rate_seconds = 10
    crm.account.access.grant("another")
    assert crm.data("GET", "me")
    crm.clock.now += 4
    assert crm.data("GET", "me")

    answer = crm.call("GET", "/v1/me")

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "6")
    assert answer.json() == {"error": {"code": "RATE_LIMITED"}}
    assert crm.data("GET", "me", headers=bearer("another"))
    crm.clock.now += 6.1
    assert crm.data("GET", "me")


def test_an_app_gets_access_tokens_that_end(crm: Any) -> None:
    crm.account.access.register("app", "hush", "refresh")
    granted = ask_token(
        crm,
        grant_type="refresh_token",
        client_id="app",
        client_secret="hush",
        refresh_token="refresh",
    ).json()

    assert granted["refresh_token"] == "refresh"
    assert granted["expires_in"] == 3600
    assert crm.data("GET", "me", headers=bearer(granted["access_token"]))
    crm.clock.now += 3600
    ended = crm.refuse("GET", "me", headers=bearer(granted["access_token"]))
    assert ended == (401, "BAD_TOKEN")


def test_a_refresh_token_may_be_another_each_time(crm: Any) -> None:
    crm.account.access.register("app", "hush", "first")
    crm.account.settings.rotate_refresh_tokens = True
    form = {"grant_type": "refresh_token", "client_id": "app", "client_secret": "hush"}

    second = ask_token(crm, **form, refresh_token="first").json()["refresh_token"]

    assert second != "first"
    assert ask_token(crm, **form, refresh_token="first").status_code == 400
    assert ask_token(crm, **form, refresh_token=second).status_code == 200


def test_an_app_may_use_its_own_credentials(crm: Any) -> None:
    crm.account.access.register("app", "hush", "")
    form = {"grant_type": "client_credentials", "client_id": "app"}

    granted = ask_token(crm, **form, client_secret="hush").json()

    assert "refresh_token" not in granted
    assert crm.data("GET", "me", headers=bearer(granted["access_token"]))
    assert ask_token(crm, **form, client_secret="wrong").status_code == 401
    assert ask_token(crm, grant_type="password").status_code == 400


def test_the_side_door_ends_oauth_tokens_and_no_others(crm: Any) -> None:
    crm.account.access.register("app", "hush", "")
    form = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "hush"}
    token = ask_token(crm, **form).json()["access_token"]

    assert crm.call("DELETE", "/_sandbox/tokens", headers={}).is_success

    assert crm.refuse("GET", "me", headers=bearer(token)) == (401, "BAD_TOKEN")
    assert crm.data("GET", "me")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "throttle", "retry_after": 3}, 429, "RATE_LIMITED"),
        ({"kind": "unauthorized"}, 401, "BAD_TOKEN"),
        ({"kind": "error_before"}, 500, "INTERNAL"),
    ],
)
def test_harm_is_worded_as_this_crm_does(crm: Any, fault: Any, status: int, code: str) -> None:
    assert crm.order("faults", **fault).is_success

    assert crm.refuse("POST", "contacts", {"name": "Ana"}) == (status, code)
