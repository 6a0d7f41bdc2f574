"""What is said of Meta's side, of API versions and of promises, without asking anybody real."""

import asyncio
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.config.load import load_config
from connector.config.models import Config, DestinationSettings
from connector.runtime.callback_checks import NEEDED, USEFUL, check_receiver
from connector.runtime.finding import Finding
from connector.runtime.graph_versions import judge_version
from connector.runtime.ledger_checks import check_files, judge_sqlite
from connector.runtime.whatsapp_checks import ask_meta, check_secrets

TODAY = date(2026, 11, 24)
APP_SECRET = "0123456789abcdef0123456789abcdef"

CONFIG = """
[whatsapp]
app_secrets = [{ file = "app_secret" }]
verify_token = { file = "verify_token" }
access_token = { file = "access_token" }
[[whatsapp.numbers]]
phone_number_id = "106540352242922"
waba_id = "102290129340398"
name = "Vendas"
[destinations.crm]
adapter = "any"
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a configuration with its secrets in files that only their owner may read."""
    for name, text in {
        "app_secret": APP_SECRET,
        "verify_token": "v" * 40,
        "access_token": "EAA-canary",
    }.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text)
    (tmp_path / "config.toml").write_text(CONFIG)
    return load_config(tmp_path / "config.toml", settings_models={"any": DestinationSettings})


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("v27.0", "ok"),
        ("v26.0", "ok"),
        ("v25.0", "ok"),
        ("v21.0", "warn"),
        ("v20.0", "fail"),
        ("v19.0", "fail"),
    ],
)
def test_a_version_of_metas_api_is_judged_by_its_end(version: str, state: str) -> None:
    assert judge_version(version, today=TODAY).state == state


def test_the_warning_begins_ninety_days_before() -> None:
    assert judge_version("v21.0", today=date(2026, 10, 22)).state == "ok"
    assert judge_version("v21.0", today=date(2026, 10, 23)).state == "warn"
    assert judge_version("v21.0", today=date(2027, 1, 21)).state == "fail"


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ((3, 40, 1), "warn"),
        ((3, 51, 2), "warn"),
        ((3, 44, 5), "warn"),
        ((3, 44, 6), "ok"),
        ((3, 50, 7), "ok"),
        ((3, 51, 3), "ok"),
    ],
)
def test_an_sqlite_with_the_wal_reset_bug_is_warned_of(
    version: tuple[int, int, int], state: str
) -> None:
    assert judge_sqlite(version).state == state


def test_good_secrets_are_told_from_weak_ones(config: Config, tmp_path: Path) -> None:
    assert {finding.state for finding in check_secrets(config)} == {"ok"}
    (tmp_path / "verify_token").write_text("short")
    (tmp_path / "app_secret").write_text("not what Meta gives")
    found = {finding.name: finding for finding in check_secrets(config)}
    assert found["whatsapp.verify_token"].state == "warn"
    assert found["whatsapp.app_secrets[0]"].state == "warn"
    assert "short" not in found["whatsapp.verify_token"].detail


def test_files_that_others_may_read_are_named(config: Config, tmp_path: Path) -> None:
    assert [finding.state for finding in check_files(config)] == ["ok"]
    (tmp_path / "access_token").chmod(0o644)
    [finding] = check_files(config)
    assert finding.state == "warn"
    assert str(tmp_path / "access_token") in finding.detail
    assert "app_secret" not in finding.detail


def _ask(config: Config, answers: dict[str, tuple[int, Any]]) -> dict[str, Finding]:
    def answer(request: httpx.Request) -> httpx.Response:
        assert "EAA-canary" not in str(request.url)
        assert APP_SECRET not in str(request.url)
        of_the_app = request.url.path.endswith("/subscriptions")
        token = f"1|{APP_SECRET}" if of_the_app else "EAA-canary"
        assert request.headers["Authorization"] == f"Bearer {token}"
        path = re.sub(r"^/v25\.0", "", request.url.path)
        status, body = answers[path]
        return httpx.Response(status, json=body)

    found = asyncio.run(ask_meta(config, transport=httpx.MockTransport(answer)))
    return {finding.name: finding for finding in found}


GOOD = {
    "/102290129340398/subscribed_apps": (
        200,
        {"data": [{"whatsapp_business_api_data": {"id": "1", "name": "Our app"}}]},
    ),
    "/106540352242922": (
        200,
        {
            "verified_name": "Oficina",
            "quality_rating": "GREEN",
            "status": "CONNECTED",
            "throughput": {"level": "STANDARD"},
        },
    ),
    "/1/subscriptions": (
        200,
        {
            "data": [
                {
                    "object": "whatsapp_business_account",
                    "callback_url": "https://example.com/webhooks/whatsapp",
                    "active": True,
                    "fields": [{"name": each, "version": "v25.0"} for each in (*NEEDED, *USEFUL)],
                }
            ]
        },
    ),
}


def _subscribed(*fields: str, **entry: Any) -> dict[str, tuple[int, Any]]:
    """Return the good answers, with an app that subscribes to these fields."""
    listed = {"object": "whatsapp_business_account", "fields": list(fields), **entry}
    return GOOD | {"/1/subscriptions": (200, {"data": [listed]})}


def test_a_subscribed_account_and_a_good_number_are_well(config: Config) -> None:
    found = _ask(config, GOOD)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert "Our app" in found["whatsapp.subscription"].detail


def test_an_account_without_subscription_is_told_since_nothing_would_arrive(
    config: Config,
) -> None:
    found = _ask(config, GOOD | {"/102290129340398/subscribed_apps": (200, {"data": []})})
    assert found["whatsapp.subscription"].state == "fail"
    assert "nothing will arrive" in found["whatsapp.subscription"].detail


def test_what_meta_refuses_is_told_in_its_words_without_people(config: Config) -> None:
    error = {"error": {"message": "Unsupported get request for 5511987654321", "code": 100}}
    found = _ask(config, GOOD | {"/106540352242922": (400, error)})
    finding = found["whatsapp.numbers.Vendas"]
    assert finding.state == "fail"
    assert "Meta answered 400: Unsupported get request" in finding.detail
    assert "5511987654321" not in json.dumps(finding.as_json())
    assert finding.remedy is not None


def test_a_number_that_people_block_is_warned_of(config: Config) -> None:
    found = _ask(config, GOOD | {"/106540352242922": (200, {"quality_rating": "RED"})})
    assert found["whatsapp.numbers.Vendas"].state == "warn"


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"error": "words"}'])
def test_an_answer_that_is_no_use_is_a_failure_and_no_crash(config: Config, body: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(502, text=body))
    found = asyncio.run(ask_meta(config, transport=transport))
    assert {finding.state for finding in found} == {"fail"}
    assert all("Meta answered 502" in finding.detail for finding in found)


def test_without_a_token_meta_is_not_asked(config: Config) -> None:
    plain = config.model_copy(
        update={"whatsapp": config.whatsapp.model_copy(update={"access_token": None})}
    )
    [finding] = asyncio.run(ask_meta(plain))
    assert finding.state == "skipped"


def test_where_meta_posts_and_how_much_a_number_bears_are_told(config: Config) -> None:
    found = _ask(config, GOOD)
    assert "https://example.com/webhooks/whatsapp" in found["whatsapp.callback"].detail
    assert found["whatsapp.fields"].state == "ok"
    assert "throughput standard" in found["whatsapp.numbers.Vendas"].detail


def test_an_app_without_the_fields_we_need_is_told(config: Config) -> None:
    without = _ask(config, _subscribed("account_update"))["whatsapp.fields"]
    some = _ask(config, _subscribed("messages"))["whatsapp.fields"]
    other = _ask(config, _subscribed("messages", object="page"))["whatsapp.fields"]
    asleep = _ask(config, _subscribed("messages", active=False))["whatsapp.fields"]
    assert (without.state, some.state, other.state, asleep.state) == (
        "fail",
        "warn",
        "fail",
        "fail",
    )
    assert "no message will arrive" in without.detail
    assert "smb_message_echoes" in some.detail


def test_an_app_that_does_not_take_our_secret_is_told(config: Config) -> None:
    error = {"error": {"message": "Invalid OAuth access token signature", "code": 190}}
    found = _ask(config, GOOD | {"/1/subscriptions": (400, error)})["whatsapp.fields"]
    assert found.state == "warn"
    assert "does not take our app secret" in found.detail
    assert APP_SECRET not in json.dumps(found.as_json())


def test_a_number_that_is_not_connected_fails(config: Config) -> None:
    answer = {"quality_rating": "GREEN", "status": "DISCONNECTED"}
    found = _ask(config, GOOD | {"/106540352242922": (200, answer)})["whatsapp.numbers.Vendas"]
    assert found.state == "fail"
    assert "disconnected" in found.detail


@pytest.mark.parametrize(
    ("status", "text", "state"),
    [(200, None, "ok"), (200, "hello", "fail"), (403, "", "fail"), (404, "", "fail")],
    ids=["ours", "somebody else's", "another token", "another path"],
)
def test_the_receiver_is_met_as_meta_would(
    config: Config, status: int, text: str | None, state: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["hub.verify_token"] == "v" * 40
        echo = request.url.params["hub.challenge"] if text is None else text
        return httpx.Response(status, text=echo)

    found = asyncio.run(check_receiver(config, transport=httpx.MockTransport(answer)))
    assert found.state == state
    assert "v" * 40 not in json.dumps(found.as_json())


def test_a_receiver_that_does_not_run_here_is_no_failure(config: Config) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    found = asyncio.run(check_receiver(config, transport=httpx.MockTransport(refuse)))
    assert found.state == "skipped"
