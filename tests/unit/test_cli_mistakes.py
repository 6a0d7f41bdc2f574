"""What people mistype or have not right: told what, where and what to do, and never a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connector.cli.main import main

MADE = ["init", "--yes", "--adapter", "hubspot", "--phone-number-id", "106540352242922"]
NO_SERVER = "postgresql+psycopg://somebody@127.0.0.1:1/connector"

Told = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a configuration whose secrets are there, and no ledger yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONNECTOR_CONFIG", raising=False)
    assert main([*MADE, "--secrets", "file"]) == 0
    for name in ("app_secret", "hubspot_token"):
        (tmp_path / "secrets" / name).write_text("x" * 32)
    return tmp_path


@pytest.fixture
def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Return what a command that must fail with this status says of it."""

    def fail(*typed: str, status: int) -> str:
        capsys.readouterr()
        assert main(list(typed)) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("Error: ")
        assert "Next:" in err
        assert "Traceback" not in err
        assert "mistake in the connector" not in err
        return err

    assert folder.is_dir()
    return fail


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["statsu"], "Did you mean 'status'?"),
        (["nothing-like-it"], "No such command 'nothing-like-it'."),
        (["status", "--jsn"], "--json"),
        (["run", "--only", "recieve"], "did you mean 'receive'?"),
        (["resync", "--since", "yesterday"], "'yesterday' is not a time such as 2h"),
        (["resync", "--since", "2026-13-45"], "is not a time such as"),
        (["resync", "--since", "2026-01-02", "--until", "2026-01-01"], "--since is not before"),
        (["reconcile", "--window", "5x"], "'5x' is not a duration such as 30m"),
        (["dead-letters", "show", "first"], "'first' is not a valid integer"),
        (["dead-letters", "retry"], "--all"),
        (["db", "upgrade", "zzz"], "there is no revision 'zzz', only "),
        (["db", "backup", "config.toml"], "config.toml exists already"),
        (["mapping", "preview", "hubspott"], "did you mean 'hubspot'?"),
        (["mapping", "preview", "hubspot", "--event", "none.json"], "none.json"),
        (["demo", "--crm", "salesforce"], "'salesforce' is not one of"),
        (["init", "--yes"], "--phone-number-id is needed"),
        (["--config", "nope.toml", "status"], "nope.toml: does not exist"),
        (["--config", ".", "status"], "is a directory"),
    ],
)
def test_what_is_mistyped_is_named_with_what_was_expected(
    typed: list[str], says: str, told: Told
) -> None:
    assert says in told(*typed, status=2)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["dead-letters", "list", "--destination", "hubspt"], "did you mean 'hubspot'?"),
        (["reviews", "list", "--destination", "hubspt"], "only hubspot"),
        (["audit", "--destination", "hubspt"], "only hubspot"),
        (["resync", "--number", "Comercial"], "there is no number 'Comercial', only "),
        (["resync", "--contact", "+5511900000000"], "takes our key, a phone or a user id"),
    ],
)
def test_what_the_ledger_does_not_know_is_not_taken_for_nothing(
    typed: list[str], says: str, told: Told
) -> None:
    assert main(["db", "upgrade"]) == 0
    assert says in told(*typed, status=2)


@pytest.mark.parametrize("content", [b"this is = not [ toml", b"\xff\xfe\x00", b""])
def test_a_configuration_that_is_no_toml_is_named_with_what_to_do(
    content: bytes, folder: Path, told: Told
) -> None:
    (folder / "config.toml").write_bytes(content)
    assert "config.toml" in told("check", status=2)


def test_without_a_ledger_it_is_said_what_makes_one(told: Told) -> None:
    for typed in (["status"], ["audit"], ["explain", "wamid.x"], ["db", "current"], ["resync"]):
        assert "connector run" in told(*typed, status=3)


@pytest.mark.parametrize("typed", [["status"], ["db", "upgrade"], ["run"]])
def test_a_file_that_is_no_ledger_is_left_alone_and_told_of(
    typed: list[str], folder: Path, told: Told
) -> None:
    ledger = folder / "connector.db"
    ledger.write_text("the shopping list of somebody who names every file like this\n" * 9)
    before = ledger.read_bytes()
    assert "name another file in ledger.url" in told(*typed, status=3)
    assert ledger.read_bytes() == before


@pytest.mark.parametrize("typed", [["status"], ["db", "upgrade"], ["run"]])
def test_a_postgresql_that_does_not_answer_is_told_of(
    typed: list[str], folder: Path, told: Told
) -> None:
    file = folder / "config.toml"
    file.write_text(f'[ledger]\nurl = "{NO_SERVER}"\n' + file.read_text())
    err = told(*typed, status=3)
    assert "Connection refused" in err
    assert "ledger.url" in err
