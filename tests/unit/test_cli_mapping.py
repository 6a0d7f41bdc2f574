"""``connector mapping preview`` shows what would be sent, and sends nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.cli.main import main
from connector.sandbox.conversations import NUMBERS
from connector.sandbox.envelopes import (
    Person,
    Said,
    make_change,
    make_text,
    make_wamid,
    make_webhook,
    messages_change,
    write_message,
)

ANA = Person("Ana Souza", "5511987654321", "BR.1502576394655843")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONNECTOR_CONFIG", raising=False)


def _preview(capsys: pytest.CaptureFixture[str], *typed: str) -> dict[str, Any]:
    assert main(["mapping", "preview", *typed, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_shipped_mapping_is_shown_with_made_up_people(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = _preview(capsys, "hubspot")
    full, bare = found["samples"]
    assert full["contact"]["fields"]["phone"].startswith("+55")
    assert "phone" not in bare["contact"]["fields"]
    assert "phone" in full["contact"]["if_empty"]
    assert all("hs_communication_body" in each["fields"] for each in full["messages"])


def test_html_is_shown_as_it_would_be_sent(capsys: pytest.CaptureFixture[str]) -> None:
    full = _preview(capsys, "hubspot")["samples"][0]
    body = full["messages"][0]["fields"]["hs_communication_body"]
    assert "<b>Ana Souza</b>" in body


def test_the_message_of_an_event_is_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(
        make_wamid(ANA, 1, outbound=False),
        datetime(2026, 11, 24, 10, tzinfo=UTC),
        "text",
        make_text("Vocês entregam em Recife?"),
    )
    change = messages_change(NUMBERS[0], [ANA], [write_message(ANA, said)])
    body = make_webhook(NUMBERS[0], change)
    (tmp_path / "event.json").write_bytes(body)
    found = _preview(capsys, "hubspot", "--event", "event.json")
    [sample] = found["samples"]
    assert sample["contact"]["fields"]["firstname"] == "Ana"
    assert sample["contact"]["fields"]["phone"] == "+5511987654321"
    [message] = sample["messages"]
    assert "Vocês entregam em Recife?" in message["fields"]["hs_communication_body"]


def test_an_event_without_a_message_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = make_webhook(NUMBERS[0], make_change(NUMBERS[0], "account_update"))
    (tmp_path / "event.json").write_bytes(body)
    assert main(["mapping", "preview", "hubspot", "--event", "event.json"]) == 1
    assert "holds no message" in capsys.readouterr().err


def test_a_mapping_of_ones_own_tells_its_kind_by_what_it_extends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours.toml").write_text(
        'extends = "hubspot"\n[contact.fields]\nfirstname = "{{ contact.username }}"\n'
    )
    found = _preview(capsys, "ours.toml")
    assert found["adapter"] == "hubspot"
    assert found["samples"][0]["contact"]["fields"]["firstname"] == "ana.souza"


def test_a_misspelt_name_is_told_with_file_line_and_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours.toml").write_text(
        'extends = "hubspot"\n[contact.fields]\nfirstname = "{{ contact.fist_name }}"\n'
    )
    assert main(["mapping", "preview", "ours.toml", "--json"]) == 2
    [problem] = json.loads(capsys.readouterr().out)["error"]["problems"]
    assert (problem["file"], problem["line"]) == ("ours.toml", 3)
    assert problem["key"] == "contact.fields.firstname"
    assert problem["nearest"] == "first_name"


def test_a_mapping_that_is_not_there_is_told_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["mapping", "preview", "hubspt"]) == 2
    err = capsys.readouterr().err
    assert "there is no such mapping" in err
    assert "did you mean 'hubspot'?" in err


def test_a_mapping_of_an_unknown_kind_asks_for_the_adapter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours.toml").write_text('[contact]\nobject = "people"\n')
    assert main(["mapping", "preview", "ours.toml"]) == 1
    assert "--adapter" in capsys.readouterr().err


def test_what_could_steer_the_terminal_is_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours.toml").write_text(
        'extends = "hubspot"\n[contact.fields]\njobtitle = "[bold]\\u001b[31mred"\n'
    )
    assert main(["mapping", "preview", "ours.toml"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]" in out
