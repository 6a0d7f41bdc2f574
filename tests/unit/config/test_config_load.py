"""A configuration file is found and read, and all of its problems are told at once."""

import re
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest

from connector.config.load import find_config, load_config
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.errors import ConfigError
from tests.unit.config.loading import MINIMAL, Complaints, FastSettings, Load


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
