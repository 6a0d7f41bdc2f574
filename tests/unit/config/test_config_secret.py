"""Secrets are named in the configuration and never shown."""

from pathlib import Path
from textwrap import dedent

import pytest

from connector.config.load import load_config
from connector.config.models import DestinationSettings
from connector.config.secret import Secret, reveal
from connector.errors import ConfigError, Problem

HIDDEN = "hunter2-canary"


def test_a_variable_is_read_again_each_time() -> None:
    environ = {"TOKEN": "one"}
    secret = Secret(env="TOKEN", environ=environ)
    environ["TOKEN"] = "two"

    assert secret.reveal() == "two"


def test_a_file_is_read_again_each_time_without_its_last_line_break(tmp_path: Path) -> None:
    file = tmp_path / "token"
    secret = Secret(file=file)
    revealed = []
    for content in ("one\n", "two\r\n", " three "):
        file.write_bytes(content.encode())
        revealed.append(secret.reveal())

    assert revealed == ["one", "two", " three "]


def test_a_secret_shows_its_source_only() -> None:
    secret = Secret(env="TOKEN", environ={"TOKEN": HIDDEN})

    assert f"{secret} {secret!r} {secret!s:>1}" == " ".join(["<secret env TOKEN>"] * 3)


def test_secrets_of_one_source_are_equal() -> None:
    one = Secret(env="A", environ={"A": "1"})

    assert one == Secret(env="A", environ={"A": "2"})
    assert len({one, Secret(env="A"), Secret(env="B"), Secret(file=Path("A"))}) == 3


@pytest.mark.parametrize("content", [None, "", "\n", f"{HIDDEN}\nsecond line\n", f"{HIDDEN}\0"])
def test_a_secret_that_cannot_be_used_is_an_error_that_does_not_tell_it(
    content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        Secret(file=file).reveal()

    assert str(file) in str(caught.value)
    assert HIDDEN not in str(caught.value)


def test_a_text_needs_no_revealing() -> None:
    assert reveal("plain") == reveal(Secret(env="A", environ={"A": "plain"}))


@pytest.mark.parametrize(
    ("written", "key", "said"),
    [
        (f'"{HIDDEN}"', "", "plain text"),
        ("1", "", "not a reference"),
        ("{}", "", "not exactly one place"),
        ('{ env = "A", file = "b" }', "", "not exactly one place"),
        ('{ evn = "A" }', ".evn", "not a key"),
        ("{ env = 1 }", ".env", "not a name"),
        ('{ env = "pat-na1-4711" }', ".env", "no name that an environment variable can have"),
        ('{ env = "MISSING" }', ".env", "variable MISSING is not set"),
        ('{ env = "EMPTY" }', ".env", "variable EMPTY is empty"),
        ('{ file = "missing" }', ".file", "missing cannot be read: No such file"),
        ('{ file = "." }', ".file", "cannot be read: Is a directory"),
    ],
)
def test_a_wrong_reference_is_told_why(written: str, key: str, said: str, tmp_path: Path) -> None:
    problem = _only_problem(tmp_path, written)

    assert f"whatsapp.verify_token{key}" == problem.key
    assert problem.line == 2
    assert said in problem.message
    assert HIDDEN not in str(problem)
    assert "pat-na1" not in str(problem)


def test_a_secret_file_is_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("deep", encoding="utf-8")

    problem = _only_problem(tmp_path, '{ file = "secret" }\nunknown = 1')

    assert problem.key == "whatsapp.unknown"


def test_a_secret_base_url_is_checked_and_not_told(tmp_path: Path) -> None:
    address = f'base_url = {{ env = "URL" }} # {HIDDEN}'

    problem = _only_problem(tmp_path, '{ env = "OK" }', address)

    assert problem.key == "destinations.crm.base_url"
    assert "unencrypted" in problem.message
    assert HIDDEN not in str(problem)


def _only_problem(folder: Path, verify_token: str, destination: str = "") -> Problem:
    file = folder / "config.toml"
    file.write_text(
        dedent("""\
        [whatsapp]
        verify_token = {}
        app_secrets = [{{ env = "OK" }}]
        numbers = [{{ phone_number_id = "1", name = "Vendas" }}]
        [destinations.crm]
        adapter = "crm"
        {}
        """).format(verify_token, destination),
        encoding="utf-8",
    )
    environ = {"OK": "fine", "EMPTY": "", "URL": f"http://crm.example.com/{HIDDEN}"}
    with pytest.raises(ConfigError) as caught:
        load_config(file, settings_models={"crm": DestinationSettings}, environ=environ)
    [problem] = caught.value.problems
    return problem
