"""``connector init`` writes what the connector then reads, and overwrites nothing."""

import stat
import tomllib
from pathlib import Path

import pytest

from connector.cli.main import main
from connector.config.load import load_config
from connector.crm.registry import settings_models

GIVEN = ["init", "--yes", "--adapter", "hubspot", "--phone-number-id", "106540352242922"]
ENVIRON = {
    "WHATSAPP_APP_SECRET": "a",
    "WHATSAPP_VERIFY_TOKEN": "b",
    "HUBSPOT_TOKEN": "c",
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*ENVIRON, "CONNECTOR_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_written_is_a_valid_configuration(tmp_path: Path) -> None:
    assert main([*GIVEN, "--name", 'The "shop"', "--waba-id", "1022", "--country", "mx"]) == 0
    config = load_config(
        tmp_path / "config.toml", settings_models=settings_models(), environ=ENVIRON
    )
    [number] = config.whatsapp.numbers
    assert (number.phone_number_id, number.waba_id) == ("106540352242922", "1022")
    assert (number.name, number.country) == ('The "shop"', "MX")
    assert config.destinations["hubspot"].mapping == "mappings/hubspot.toml"
    assert str(config.schedule.timezone) == "America/Sao_Paulo"


def test_the_mapping_is_a_copy_to_edit(tmp_path: Path) -> None:
    assert main(GIVEN) == 0
    own = (tmp_path / "mappings" / "hubspot.toml").read_text(encoding="utf-8")
    assert "[contact.fields]" in own
    assert tomllib.loads(own)["contact"]["object"] == "contacts"


def test_each_line_says_what_it_is_for(tmp_path: Path) -> None:
    assert main(GIVEN) == 0
    lines = (tmp_path / "config.toml").read_text(encoding="utf-8").splitlines()
    assert all("#" in line for line in lines if line)


@pytest.mark.parametrize("existing", ["config.toml", "mappings/hubspot.toml"])
def test_nothing_is_overwritten_and_nothing_written_beside_it(
    existing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / existing
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    assert main(GIVEN) == 1
    assert f"{existing} exists already" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_wrong_answers_are_told_together_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*GIVEN, "--country", "Brazil", "--timezone", "America/SaoPaulo"]) == 2
    err = capsys.readouterr().err
    assert "country" in err
    assert "did you mean 'America/Sao_Paulo'?" in err
    assert list(tmp_path.iterdir()) == []


def test_secrets_as_files_are_private_and_the_verify_token_is_made_up(tmp_path: Path) -> None:
    assert main([*GIVEN, "--secrets", "file"]) == 0
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    token = folder / "verify_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text().strip()) >= 32
    for name in ("app_secret", "hubspot_token"):
        (folder / name).write_text("x")
    load_config(tmp_path / "config.toml", settings_models=settings_models(), environ={})


def test_the_file_may_be_named(tmp_path: Path) -> None:
    assert main([*GIVEN, "--config", "there/connector.toml"]) == 0
    assert (tmp_path / "there" / "connector.toml").is_file()
    assert (tmp_path / "there" / "mappings" / "hubspot.toml").is_file()


def test_an_adapter_that_is_not_installed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--yes", "--adapter", "salesforce", "--phone-number-id", "1"]) == 2
    assert "no adapter 'salesforce'" in capsys.readouterr().err


def test_what_has_no_default_is_asked_for_even_with_yes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["init", "--yes"]) == 2
    assert "--phone-number-id" in capsys.readouterr().err


def test_a_crm_that_wants_a_user_gets_one_and_a_password(tmp_path: Path) -> None:
    known = ["--base-url", "https://kinto.example.com", "--phone-number-id", "1"]
    kinto = ["init", "--yes", "--adapter", "rest", "--mapping", "rest/kinto", *known]
    assert main(kinto) == 2, "the user has no default"
    assert main([*kinto, "--username", "connector"]) == 0
    config = load_config(
        tmp_path / "config.toml",
        settings_models=settings_models(),
        environ={**ENVIRON, "REST_PASSWORD": "d"},
    )
    settings = config.destinations["rest"]
    assert settings.username == "connector"
    assert settings.password is not None
    assert settings.password.reveal() == "d"
    assert settings.token is None


def test_a_mapping_that_is_not_shipped_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    known = ["--base-url", "https://crm.example.com", "--phone-number-id", "1"]
    assert main(["init", "--yes", "--adapter", "rest", "--mapping", "rest/none", *known]) == 2
    assert "no mapping 'rest/none'" in capsys.readouterr().err
