"""Tokens of both kinds, scopes, what calls cost, and the page that ends patience."""

import base64
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

COSTS = [
    ("GET", "v2/persons", None, 10),
    ("POST", "v2/persons", {"name": "Ana"}, 5),
    ("GET", "v2/persons/1", None, 1),
    ("PATCH", "v2/persons/1", {"name": "Bia"}, 5),
    ("GET", "v2/persons/search?term=1234&fields=phone", None, 20),
    ("POST", "v2/activities", {"subject": "x"}, 5),
    ("GET", "v2/activities", None, 10),
    ("PATCH", "v2/activities/1", {"subject": "y"}, 5),
    ("DELETE", "v2/activities/1", None, 3),
    ("POST", "v1/notes", {"content": "x", "person_id": 1}, 10),
    ("GET", "v1/notes", None, 20),
    ("GET", "v1/notes/1", None, 2),
    ("PUT", "v1/notes/1", {"content": "y"}, 10),
    ("DELETE", "v1/notes/1", None, 6),
    ("GET", "v2/deals", None, 10),
    ("GET", "v2/personFields", None, 10),
    ("GET", "v1/activityTypes", None, 20),
    ("POST", "v1/activityTypes", {"name": "Chat", "icon_key": "bubble"}, 10),
    ("GET", "v1/users/me", None, 2),
    ("GET", "v1/users", None, 20),
    ("DELETE", "v2/persons/1", None, 3),
]


def test_each_call_costs_what_the_specification_says(pipedrive: Any) -> None:
    spent = 0
    for method, path, body, cost in COSTS:
        pipedrive.data(method, path, body)
        spent += cost
        assert pipedrive.state()["tokens"] == spent, (method, path)


def test_wrong_and_missing_tokens_are_refused(pipedrive: Any) -> None:
    token = pipedrive.headers["x-api-token"]
    for headers, path in (
        ({}, "/api/v2/persons"),
        ({"x-api-token": "wrong"}, "/api/v2/persons"),
        ({"Authorization": f"Bearer {token}"}, "/api/v2/persons"),
        ({}, f"/api/v2/persons?api_token={token}"),
    ):
        answer = pipedrive.call("GET", path, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"] == "unauthorized access"
    assert pipedrive.state()["tokens"] == 0


def test_an_oauth_app_gets_access_tokens_that_end(pipedrive: Any) -> None:
    pipedrive.company.access.register("app", "hush", "refresh", ["base", "contacts:full"])
    basic = base64.b64encode(b"app:hush").decode()
    form = urlencode({"grant_type": "refresh_token", "refresh_token": "refresh"})
    headers = {
        "Authorization": f"Basic {basic}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = pipedrive.call("POST", "/oauth/token", content=form, headers=headers)
    granted = answer.json()
    assert granted["refresh_token"] == "refresh"
    assert granted["scope"] == "base,contacts:full"
    assert granted["api_domain"] == "http://crm"
    bearer = {"Authorization": f"Bearer {granted['access_token']}"}
    assert pipedrive.call("GET", "/api/v2/persons", headers=bearer).status_code == 200
    assert pipedrive.call("GET", "/api/v2/activities", headers=bearer).status_code == 403
    pipedrive.clock.now += 3600
    assert pipedrive.call("GET", "/api/v2/persons", headers=bearer).status_code == 401
    del headers["Authorization"]
    assert pipedrive.call("POST", "/oauth/token", content=form, headers=headers).status_code == 401


def test_a_burst_ends_in_429_and_counts_the_last_two_seconds(pipedrive: Any) -> None:
    pipedrive.company.settings.burst_limit = 3
    answers = [pipedrive.call("GET", "/api/v1/users/me") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit"] == "3"
    assert answers[2].headers["x-ratelimit-remaining"] == "0"
    assert pipedrive.state()["tokens"] == 6
    pipedrive.clock.now += 2
    assert pipedrive.call("GET", "/api/v1/users/me").status_code == 200


def test_searches_are_counted_apart(pipedrive: Any) -> None:
    pipedrive.company.settings.search_limit = 2
    path = "/api/v2/persons/search?term=1234&fields=phone"
    assert [pipedrive.call("GET", path).status_code for _ in range(3)] == [200, 200, 429]
    assert pipedrive.call("GET", "/api/v1/users/me").status_code == 200


def test_a_used_up_day_refuses_everything_until_midnight_over_there(pipedrive: Any) -> None:
    pipedrive.company.settings.daily_tokens = 4
    answers = [pipedrive.call("GET", "/api/v1/users/me") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[2].headers["x-daily-ratelimit-token-remaining"] == "0"
    pipedrive.clock.now = pipedrive.company.quota.resets_at().timestamp() - 1
    assert pipedrive.call("GET", "/api/v1/users/me").status_code == 429
    pipedrive.clock.now += 1
    assert pipedrive.call("GET", "/api/v1/users/me").status_code == 200


@pytest.mark.parametrize("told", [True, False])
def test_headers_of_the_day_may_be_missing(pipedrive: Any, told: bool) -> None:  # noqa: FBT001 - a parameter
    pipedrive.company.settings.daily_headers = told
    answer = pipedrive.call("GET", "/api/v1/users/me")
    assert ("x-daily-ratelimit-token-remaining" in answer.headers) is told


def test_a_token_that_goes_on_after_many_429s_meets_a_page(pipedrive: Any) -> None:
    settings = pipedrive.company.settings
    settings.burst_limit, settings.lockout_after = 1, 5
    answers = [pipedrive.call("GET", "/api/v1/users/me") for _ in range(8)]
    assert [each.status_code for each in answers] == [200, *([429] * 5), 403, 403]
    assert answers[-1].headers["content-type"].startswith("text/html")
    assert "Cloudflare" in answers[-1].text
    pipedrive.clock.now += settings.lockout_seconds
    assert pipedrive.call("GET", "/api/v1/users/me").status_code == 200


def test_old_paths_are_gone(pipedrive: Any) -> None:
    for path in ("/v2/persons", "/api/v1/persons", "/api/v1/activities", "/api/v2/notes"):
        assert pipedrive.call("GET", path).status_code == 404


def test_people_do_in_the_pages_what_the_api_does(pipedrive: Any) -> None:
    def order(method: str, path: str, body: Any) -> Any:
        answer = pipedrive.call(method, f"/_sandbox{path}", body, headers={})
        assert answer.status_code == 200, answer.text
        return answer.json()

    order("POST", "/field", {"name": "WhatsApp key"})
    custom = {"custom_fields": {"WhatsApp key": "wc_1"}}
    ana = order("POST", "/create", {"type": "persons", "body": {"name": "Ana", **custom}})["id"]
    bia = order("POST", "/create", {"type": "persons", "body": {"name": "Bia"}})["id"]
    order("POST", "/edit", {"type": "persons", "id": ana, "body": {"name": "Ana B."}})
    [first, _] = pipedrive.state()["persons"]
    assert (first["name"], first["custom"]) == ("Ana B.", {"WhatsApp key": "wc_1"})
    assert order("POST", "/merge", {"removed": ana, "survivor": bia}) == {"id": bia}
    order("POST", "/delete", {"type": "persons", "id": bia})
    state = pipedrive.state()
    assert state["counts"]["persons"] == 0
    assert state["tokens"] == 0
    answer = pipedrive.call("POST", "/_sandbox/create", {"type": "leads", "body": {}}, headers={})
    assert answer.status_code == 404
    order("POST", "/reset", {"schema": True})
    assert all(not each["is_custom_field"] for each in pipedrive.data("GET", "v2/personFields"))


def test_the_page_shows_people_and_their_timelines_as_text(pipedrive: Any) -> None:
    ana = pipedrive.person("<b>Ana</b>", "+5511987654321")
    participants = [{"person_id": ana, "primary": True}]
    body = {"subject": "WhatsApp <i>", "note": "<p>Oi</p>", "participants": participants}
    pipedrive.data("POST", "v2/activities", body)
    pipedrive.data("POST", "v1/notes", {"content": "<b>lembrete</b>", "person_id": ana})
    page = pipedrive.call("GET", "/", headers={})
    assert page.status_code == 200
    for shown in ("&lt;b&gt;Ana&lt;/b&gt;", "WhatsApp &lt;i&gt;", "<p>Oi</p>", "<b>lembrete</b>"):
        assert shown in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert pipedrive.call("GET", "/page.css", headers={}).status_code == 200


def test_it_runs_as_a_process_and_keeps_its_records(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "connector.sandbox", "pipedrive", "--data", str(tmp_path / "p.db")),
        *("--token-file", str(tmp_path / "token"), "--set", '{"daily_tokens": 500}'),
    ]
    for expected in ([1], [1, 2]):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            headers = {"x-api-token": (tmp_path / "token").read_text().strip()}
            with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
                made = client.post("/api/v2/persons", json={"name": "Ana"})
                assert made.status_code == 200
                assert made.headers["x-daily-ratelimit-token-limit"] == "500"
                found = client.get("/api/v2/persons").json()["data"]
                assert [each["id"] for each in found] == expected
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
