"""What an admin is told about a configuration file."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest
from pydantic import field_validator

from connector.config.load import find_config, load_config
from connector.config.models import Config, DestinationSettings
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.errors import ConfigError, Problem

ENVIRON = {"APP_SECRET": "s3cr3t-app", "VERIFY": "s3cr3t-verify", "TOKEN": "s3cr3t-token"}
MINIMAL = dedent("""\
    [whatsapp]
    app_secrets = [{ env = "APP_SECRET" }]
    verify_token = { env = "VERIFY" }
    [[whatsapp.numbers]]
    phone_number_id = "106540352242922"
    name = "Vendas"
    [destinations.sales]
    adapter = "fast"
    token = { env = "TOKEN" }
    """)


class FastSettings(DestinationSettings):
    """The settings of an adapter with a key of its own."""

    speed: int = 1

    @field_validator("speed")
    @classmethod
    def _check_speed(cls, speed: int) -> int:
        if speed > 10:
            raise ValueError("is more than this CRM stands")
        return speed


class GuardedSettings(DestinationSettings):
    """The settings of an adapter that has to prove who it is."""

    needs_token = True


MODELS: dict[str, type[DestinationSettings]] = {"fast": FastSettings, "guarded": GuardedSettings}
Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(source: str, environ: Mapping[str, str] = ENVIRON) -> Config:
        file = tmp_path / "config.toml"
        file.write_text(source, encoding="utf-8")
        return load_config(file, settings_models=MODELS, environ=environ)

    return load


@pytest.fixture
def complaints(load: Load) -> Callable[..., dict[str, Problem]]:
    def complaints(source: str, environ: Mapping[str, str] = ENVIRON) -> dict[str, Problem]:
        with pytest.raises(ConfigError) as caught:
            load(source, environ)
        return {problem.key: problem for problem in caught.value.problems}

    return complaints


Complaints = Callable[..., dict[str, Problem]]


def test_what_is_required_is_enough(load: Load, tmp_path: Path) -> None:
    config = load(MINIMAL)

    assert config.file == tmp_path / "config.toml"
    assert config.webhook.port == 8080
    assert config.whatsapp.numbers[0].country == "BR"
    assert config.schedule.timezone == ZoneInfo("America/Sao_Paulo")
    assert config.reconcile.window == timedelta(hours=24)
    assert config.privacy.retention == timedelta(days=365)
    assert config.ledger.min_free == 512 * 1024 * 1024
    assert config.destinations["sales"].rate is None


def test_paths_start_at_the_folder_of_the_file(load: Load, tmp_path: Path) -> None:
    config = load(MINIMAL)

    assert config.ledger.url == f"sqlite:///{tmp_path}/connector.db"
    assert config.media.directory == tmp_path / "media"


def test_a_destination_is_read_by_its_adapters_settings(load: Load) -> None:
    config = load(MINIMAL + 'speed = 3\nrate = { requests = 5, per = "10s" }\nbatch_wait = "0s"\n')

    settings = config.destinations["sales"]
    assert isinstance(settings, FastSettings)
    assert settings.speed == 3
    assert settings.rate == Rate(requests=5, per=timedelta(seconds=10))
    assert settings.batch_wait == timedelta(0)


def test_all_problems_are_told_at_once(complaints: Complaints) -> None:
    found = complaints(
        dedent("""\
        [webhook]
        port = "8080"
        pth = "/x"
        [whatsapp]
        app_secrets = [{ env = "APP_SECRET" }]
        [[whatsapp.numbers]]
        phone_number_id = "1"
        name = "Vendas"
        country = "Brasil"
        [destinations.sales]
        adapter = "fasst"
        rate = { requests = 0, per = "10" }
        numbers = ["Venda"]
        [tuning]
        lease = 10
        """)
    )

    assert set(found) == {
        "webhook.port",
        "webhook.pth",
        "whatsapp.verify_token",
        "whatsapp.numbers[0].country",
        "destinations.sales.adapter",
        "destinations.sales.rate.requests",
        "destinations.sales.rate.per",
        "destinations.sales.numbers[0]",
        "tuning.lease",
    }
    assert sorted(problem.line or 0 for problem in found.values()) == [
        2,
        3,
        4,
        9,
        11,
        12,
        12,
        13,
        15,
    ]
    assert "whole number" in str(found["webhook.port"].expected)
    assert found["webhook.pth"].nearest == "path"
    assert found["destinations.sales.adapter"].nearest == "fast"
    assert found["destinations.sales.numbers[0]"].nearest == "Vendas"
    assert '"24h"' in str(found["destinations.sales.rate.per"].expected)


def test_an_empty_file_is_told_what_is_required(complaints: Complaints) -> None:
    assert set(complaints("")) == {"whatsapp", "destinations"}


def test_problems_come_in_the_order_of_the_file(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load("[tuning]\nprobe = 0\n[log]\nlevel = 1\n[admin]\nport = -1\n" + MINIMAL)

    assert [problem.key for problem in caught.value.problems] == [
        "tuning.probe",
        "log.level",
        "admin.port",
    ]


@pytest.mark.parametrize(
    ("lines", "key", "expected"),
    [
        ('[ledger]\nurl = "mysql://host/db"', "ledger.url", "sqlite:///"),
        ('[ledger]\nurl = "sqlite://"', "ledger.url", "sqlite:///"),
        ('[ledger]\nurl = "postgresql://me:pw@host/db"', "ledger.url", "PGPASSWORD"),
        ('[ledger]\nurl = "postgresql://host/db?password=x"', "ledger.url", "PGPASSWORD"),
        ('[ledger]\nmin_free = "lots"', "ledger.min_free", "512MiB"),
        ("[webhook]\nmax_body_bytes = 1000", "webhook.max_body_bytes", "3145728"),
        ('[webhook]\npath = "hook"', "webhook.path", "/webhooks/whatsapp"),
        ('[webhook]\npath = "/replies/x"', "webhook.path", "any other path"),
        ('[admin]\nhost = "0.0.0.0"', "admin.token", "CONNECTOR_ADMIN_TOKEN"),
        ('[admin]\nhost = "::"', "admin.token", "CONNECTOR_ADMIN_TOKEN"),
        ('[media]\nhosts = ["*"]', "media.hosts[0]", "lookaside"),
        ('[privacy]\nmask = ["cpff"]', "privacy.mask[0]", '"cpf"'),
        ('[privacy]\nblock = ["someone"]', "privacy.block[0]", "+55"),
        ('[privacy]\nretention = "never"', "privacy.retention", '"forever"'),
        ('[schedule]\ncheck = "hourly"', "schedule.check", "five fields"),
        ('[schedule]\ncheck = "61 * * * *"', "schedule.check", "five fields"),
        ('[schedule]\ncheck = "0 3 * * 0"', "schedule.check", "mon-fri"),
        ('[schedule]\ntimezone = "Sao Paulo"', "schedule.timezone", "America/Sao_Paulo"),
        ('[reconcile]\nwindow = "0s"', "reconcile.window", "more than 0"),
        ('[reconcile]\nwindow = "200000d"', "reconcile.window", "365d"),
        ('[reconcile]\nrepair = "yes"', "reconcile.repair", '"restore"'),
        ("[reconcile]\nbrake = { share = 1.5 }", "reconcile.brake.share", "at most 1"),
        ("[tuning]\nquiet_period = inf", "tuning.quiet_period", "finite"),
        ("[tuning]\nbackoff_max = 1", "tuning.backoff_max", "at least 2"),
        ("[tuning]\nrequest_timeout = 60", "tuning.lease", "124"),
    ],
)
def test_a_wrong_value_is_told_what_was_expected(
    lines: str, key: str, expected: str, complaints: Complaints
) -> None:
    found = complaints(f"{lines}\n{MINIMAL}")

    assert [key] == list(found)
    assert expected in str(found[key].expected)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('base_url = "http://crm.example.com"', "base_url"),
        ('base_url = "https://me:pw@crm.example.com"', "base_url"),
        ('base_url = "https://crm.example.com?key=1"', "base_url"),
        ('base_url = "ftp://crm.example.com"', "base_url"),
        ('base_url = "http://169.254.169.254"\nallow_http = true', "base_url"),
        ('base_url = "https://[::ffff:169.254.169.254]"', "base_url"),
        ('base_url = "https://x:port"', "base_url"),
        ('allow_networks = ["10.0.0.1/8"]', "allow_networks[0]"),
        ('allow_networks = ["169.254.0.0/16"]', "allow_networks[0]"),
        ("daily_tokens = 0", "daily_tokens"),
        ('mapping = "mappings/nowhere.toml"', "mapping"),
        ("numbers = []", "numbers"),
        ('token_url = "https://x.example"', "token_url"),
    ],
)
def test_a_wrong_setting_of_a_destination_is_found(
    line: str, key: str, complaints: Complaints
) -> None:
    assert [f"destinations.sales.{key}"] == list(complaints(f"{MINIMAL}{line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        'base_url = "https://crm.example.com/api"',
        'base_url = "http://localhost:8055"',
        'base_url = "http://127.0.0.1:8055"',
        'base_url = "http://[::1]:8055"',
        'base_url = "http://crm.internal"\nallow_http = true',
        'allow_networks = ["10.0.0.0/8", "fd00::/8"]',
    ],
)
def test_a_right_setting_of_a_destination_is_taken(line: str, load: Load) -> None:
    assert load(f"{MINIMAL}{line}\n").destinations["sales"].adapter == "fast"


OAUTH = (
    'oauth = { client_id = "me", client_secret = { env = "TOKEN" }, '
    'refresh_token = { env = "TOKEN" } }\n'
)


def test_a_token_and_oauth_exclude_each_other(complaints: Complaints) -> None:
    found = complaints(MINIMAL + OAUTH)

    assert list(found) == ["destinations.sales.token"]
    assert "beside oauth" in found["destinations.sales.token"].message


def test_an_adapter_can_ask_for_a_token_or_oauth(complaints: Complaints, load: Load) -> None:
    source = MINIMAL.replace('token = { env = "TOKEN" }\n', "").replace('"fast"', '"guarded"')

    assert list(complaints(source)) == ["destinations.sales.token"]
    assert load(source + OAUTH).destinations["sales"].oauth is not None


def test_a_token_is_fetched_from_a_safe_address(complaints: Complaints) -> None:
    oauth = OAUTH.replace(" }\n", ', token_url = "http://login.example.com" }\n')

    assert list(complaints(MINIMAL.replace("\ntoken =", "\n#") + oauth)) == [
        "destinations.sales.oauth"
    ]


def test_an_adapters_own_check_is_told_in_its_words(complaints: Complaints) -> None:
    found = complaints(f"{MINIMAL}speed = 11\n")

    assert found["destinations.sales.speed"].message == "is more than this CRM stands"


def test_a_destination_without_a_name_is_told_what_its_table_looks_like(
    complaints: Complaints,
) -> None:
    found = complaints(MINIMAL.replace("[destinations.sales]", "[destinations]"))

    assert "[destinations.hubspot]" in str(found["destinations.adapter"].expected)


def test_two_numbers_with_one_name_are_told_apart(complaints: Complaints) -> None:
    second = '[[whatsapp.numbers]]\nphone_number_id = "106540352242922"\nname = "Vendas"\n'

    found = complaints(MINIMAL + second)

    assert {"whatsapp.numbers[1].name", "whatsapp.numbers[1].phone_number_id"} == set(found)


def test_a_wrong_entry_does_not_make_its_list_look_empty(complaints: Complaints) -> None:
    found = complaints(MINIMAL.replace('{ env = "APP_SECRET" }', '"plain"'))

    assert list(found) == ["whatsapp.app_secrets[0]"]


def test_keys_of_an_unknown_adapter_are_not_judged(complaints: Complaints) -> None:
    found = complaints(MINIMAL.replace('"fast"', '"other"') + "colour = 1\n")

    assert list(found) == ["destinations.sales.adapter"]


def test_the_path_of_the_file_is_not_a_setting(complaints: Complaints) -> None:
    assert list(complaints(f'file = "x"\n{MINIMAL}')) == ["file"]


@pytest.mark.parametrize(
    ("source", "line"),
    [("[webhook\nport = 1\n", 1), ("a = 1\nb = = 2\n", 2), ("a = 1\nb = [1,\n", 3)],
)
def test_a_file_that_is_not_toml_is_told_the_line(
    source: str, line: int, complaints: Complaints
) -> None:
    assert line == complaints(source)[""].line


def test_a_file_that_is_not_text_is_told_the_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"# one\n# caf\xe9\n")

    with pytest.raises(ConfigError) as caught:
        load_config(file, settings_models={}, environ={})

    assert caught.value.problems[0].line == 2


def test_a_byte_order_mark_is_no_problem(load: Load) -> None:
    assert load(f"\ufeff{MINIMAL}").webhook.port == 8080


def test_a_destination_overrides_what_it_names_of_reconcile(load: Load) -> None:
    config = load(f'{MINIMAL}reconcile = {{ repair = "report" }}\n[reconcile]\nheal = false\n')

    reconcile = config.reconcile_for("sales")

    assert reconcile.repair == "report"
    assert reconcile.heal is False
    assert config.reconcile.repair == "restore"


def test_a_job_can_be_off_and_memory_can_be_for_ever(load: Load) -> None:
    config = load(f'[schedule]\ncheck = "off"\n[privacy]\nretention = "forever"\n{MINIMAL}')

    assert config.schedule.check is None
    assert config.privacy.retention is None


def test_blocked_people_are_kept_as_digits_or_user_ids(load: Load) -> None:
    config = load(f'[privacy]\nblock = ["+55 (11) 91234-5678", "BR.1349ab"]\n{MINIMAL}')

    assert config.privacy.block == ("5511912345678", "BR.1349ab")


def test_a_private_listener_with_a_token_may_be_reached_from_afar(load: Load) -> None:
    config = load(f'[admin]\nhost = "0.0.0.0"\ntoken = {{ env = "TOKEN" }}\n{MINIMAL}')

    assert config.admin.token == Secret(env="TOKEN")


def test_a_configuration_shows_no_secret(load: Load) -> None:
    shown = repr(load(MINIMAL)) + load(MINIMAL).model_dump_json()

    assert re.findall("s3cr3t", shown) == []
    assert "<secret env TOKEN>" in shown


def test_the_option_goes_before_the_variable_and_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("option.toml", "variable.toml", "config.toml"):
        (tmp_path / name).touch()
    environ = {"CONNECTOR_CONFIG": str(tmp_path / "variable.toml")}
    monkeypatch.chdir(tmp_path)

    assert find_config(tmp_path / "option.toml", environ) == tmp_path / "option.toml"
    assert find_config(None, environ) == tmp_path / "variable.toml"
    assert find_config(None, {}) == Path("config.toml")


@pytest.mark.parametrize(
    ("option", "environ", "file"),
    [
        (Path("gone.toml"), {}, "gone.toml"),
        (None, {"CONNECTOR_CONFIG": "lost.toml"}, "lost.toml"),
        (None, {}, "config.toml"),
    ],
)
def test_a_missing_file_says_how_to_make_one(
    option: Path | None,
    environ: dict[str, str],
    file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError) as caught:
        find_config(option, environ)

    assert file == caught.value.problems[0].file
    assert "connector init" in str(caught.value.remedy)
