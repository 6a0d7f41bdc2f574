"""What is said of secrets, API versions, tokens and files without asking anybody."""

from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connector.config.load import load_config
from connector.config.models import Config, DestinationSettings
from connector.runtime.graph_versions import judge_version
from connector.runtime.ledger_checks import check_files, judge_sqlite
from connector.runtime.token_checks import judge_end, token_end
from connector.runtime.whatsapp_checks import check_secrets

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


def _jwt(claims: str) -> str:
    body = urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2ln"


def test_a_token_that_tells_its_own_end_is_read() -> None:
    assert token_end(_jwt('{"exp": 1795000000}')) == datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    "token",
    [
        "pat-na1-0000",
        "a.b.c",
        _jwt("[]"),
        _jwt("{}"),
        _jwt('{"exp": "soon"}'),
        _jwt('{"exp": 1e30}'),
    ],
)
def test_a_token_that_tells_no_end_has_none(token: str) -> None:
    assert token_end(token) is None


def test_the_end_of_a_token_is_seen_a_week_before() -> None:
    def judged(days: float) -> list[str]:
        ends = datetime.now(UTC) + timedelta(days=days)
        return [each.state for each in judge_end("crm.credential", ends, remedy="a new one")]

    assert (judged(8), judged(6), judged(-1)) == (["ok"], ["warn"], ["fail"])
    assert list(judge_end("crm.credential", None, remedy="a new one")) == []
