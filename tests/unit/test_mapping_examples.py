"""``connector mapping test`` runs the examples beside a mapping and tells what differs."""

import json
from pathlib import Path
from typing import Any

import pytest

from connector.cli.main import main
from connector.config.paths import shipped_mappings

OWN = 'extends = "hubspot"\n[contact.fields]\njobtitle = "{{ contact.username }}"\n'
EXAMPLE = """
[[test]]
name = "a username"
[test.event]
contacts = [{ user_id = "BR.1502576394655843", profile = { username = "ana" } }]
messages = [
  { from_user_id = "BR.1502576394655843", id = "wamid.1", timestamp = "1795525500",
    type = "text", text = { body = "Oi" } },
]
[test.contact]
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONNECTOR_CONFIG", raising=False)


def run(capsys: pytest.CaptureFixture[str], *typed: str, status: int) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["mapping", "test", *typed, "--json"]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def own(folder: Path, *lines: str) -> None:
    """Write a mapping with one example that wants these lines of its contact."""
    one_line = EXAMPLE.replace('"1795525500",\n    ', '"1795525500", ')
    (folder / "own.toml").write_text(OWN)
    (folder / "own.tests.toml").write_text(one_line + "\n".join(lines) + "\n")


def test_the_examples_of_shipped_mappings_come_out_as_they_should(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = run(capsys, status=0)

    assert found["ok"]
    assert {each["mapping"] for each in found["mappings"]} >= {"hubspot", "pipedrive"}
    assert all(each["tests"] >= 2 and each["failed"] == 0 for each in found["mappings"])
    assert main(["mapping", "test", "hubspot"]) == 0
    assert "All 2 examples come out as they should." in capsys.readouterr().out


def test_examples_are_no_mappings() -> None:
    assert not any("tests" in name for name in shipped_mappings())


def test_what_differs_is_told_with_both_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own(tmp_path, 'jobtitle = "somebody else"', 'phone = ""', 'lifecyclestage = ""')

    found = run(capsys, "own.toml", status=1)

    [item] = found["mappings"][0]["items"]
    assert item["differences"] == [
        {"record": "contact", "field": "jobtitle", "expected": "somebody else", "made": "ana"},
        {"record": "contact", "field": "lifecyclestage", "expected": "", "made": "lead"},
    ]
    assert main(["mapping", "test", "own.toml"]) == 1
    words = capsys.readouterr().out
    assert "somebody else" in words
    assert "1 of 1 examples differ." in words


def test_a_message_that_is_not_made_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own(tmp_path, 'jobtitle = "ana"', "[[test.messages]]", "[[test.messages]]")

    [item] = run(capsys, "own.toml", status=1)["mappings"][0]["items"]

    assert item["differences"] == [{"record": "messages", "field": None, "expected": 2, "made": 1}]


def test_an_event_without_a_message_fails_its_own_example_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own(tmp_path, 'jobtitle = "ana"', "[[test]]", 'name = "empty"', "event = '{}'")

    first, second = run(capsys, "own.toml", status=1)["mappings"][0]["items"]

    assert first["ok"]
    assert "holds no message" in second["error"]


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        (None, 1, "own.tests.toml"),
        ("test = 1", 2, "own.tests.toml"),
        ("[[test]\n", 2, "is no TOML"),
        ('[[test]]\nname = "x"\nevent = "{}"\ncontacts = {}\n', 2, "contacts"),
    ],
    ids=["no file", "wrong type", "no TOML", "unknown key"],
)
def test_examples_that_can_not_be_read_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, status: int, words: str
) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    if text is not None:
        (tmp_path / "own.tests.toml").write_text(text)

    assert words in json.dumps(run(capsys, "own.toml", status=status)["error"])
