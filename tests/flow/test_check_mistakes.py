"""``connector check`` tells a mistake with file, line and nearest name before it calls the CRM."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from connector.runtime.trial import Trial

NewTrial = Callable[..., Trial]

REST = """\
extends = "rest/sandbox"
[auth]
kind = "bearer"
[contact]
once = "lookup"
[contact.create]
path = "/v1/contacts"
body = "{{ fields }}"
id = "/data/id"
"""
PIPEDRIVE = """\
extends = "pipedrive"
[contact]
on_many = "review"
[contact.fields]
name = { value = "{{ contact.display_name }}", write = "create" }
[message]
object = "activities"
[message.fields]
subject = "{{ contact.display_name }}"
type = "whatsapp"
"""
MISTAKES = {
    # what stands there, what is written instead, the line, the field, the nearest name
    "rest template": ("{{ fields }}", "{{ feilds }}", 8, "contact.create.body", "fields"),
    "rest pointer": ('"/data/id"', '"data.id"', 9, "contact.create.id", "/data/id"),
    "rest option": ('"lookup"', '"lokup"', 5, "contact.once", "lookup"),
    "rest auth kind": ('"bearer"', '"baerer"', 3, "auth.kind", "bearer"),
    "rest auth key": ("kind =", 'schem = "Token"\nkind =', 3, "auth.schem", "scheme"),
    "pipedrive template": (
        '{{ contact.display_name }}", write',
        '{{ contact.dispaly_name }}", write',
        5,
        "contact.fields.name",
        "display_name",
    ),
    "pipedrive option": ('"review"', '"reveiw"', 3, "contact.on_many", "review"),
    "pipedrive option of a field": (
        '"create"',
        '"crate"',
        5,
        "contact.fields.name.write",
        "create",
    ),
    "pipedrive kind of record": ('"activities"', '"activites"', 7, "message.object", "activities"),
}


def prepare(new_trial: NewTrial, adapter: str, mapping: str, **options: Any) -> Trial:
    destination = {"mapping": "mine.toml", **options}
    trial = new_trial(adapter=adapter, set_up=False, destination=destination)
    (trial.folder / "mine.toml").write_text(mapping, encoding="utf-8")
    return trial


def told(answer: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return file, line, field and nearest name of all that ``check --json`` found wrong."""
    if "error" in answer:
        found = answer["error"]["problems"]
        return [(each["file"], each["line"], each["key"], each["nearest"]) for each in found]
    return [
        (each["file"], each["line"], each["field"], each["nearest"])
        for each in answer["checks"]
        if each["state"] == "fail" and each["file"] is not None
    ]


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_a_mistake_in_a_mapping_is_told_before_any_request(
    mistake: str, new_trial: NewTrial
) -> None:
    adapter = mistake.partition(" ")[0]
    there, instead, line, field, nearest = MISTAKES[mistake]
    source = {"rest": REST, "pipedrive": PIPEDRIVE}[adapter]
    assert source.count(there) == 1, "one mistake"
    trial = prepare(new_trial, adapter, source.replace(there, instead))

    answer = trial.command("check", adapter, check=False)

    assert told(answer) == [("mine.toml", line, field, nearest)], answer
    assert trial.crm.state()["calls"] == {}


@pytest.mark.parametrize(
    ("wrong", "key", "nearest"),
    [("tokn", "tokn", "token"), ("daily_token", "daily_token", "daily_tokens")],
)
@pytest.mark.parametrize("adapter", ["rest", "pipedrive"])
def test_a_mistake_in_a_destinations_own_keys_is_told_before_any_request(
    adapter: str, wrong: str, key: str, nearest: str, new_trial: NewTrial
) -> None:
    mapping = {"rest": REST, "pipedrive": PIPEDRIVE}[adapter]
    trial = prepare(new_trial, adapter, mapping, **{wrong: 5})
    lines = trial.config.read_text().splitlines()

    answer = trial.command("check", adapter, check=False)

    place = f"destinations.{adapter}.{key}"
    [(file, line, found, meant)] = told(answer)
    assert (file.rpartition("/")[2], found, meant) == ("config.toml", place, nearest)
    assert lines[line - 1] == f"{wrong} = 5"
    assert trial.crm.state()["calls"] == {}


def test_requests_have_no_place_in_a_mapping_for_pipedrive(new_trial: NewTrial) -> None:
    """There are no pointers and no auth to get wrong: Pipedrive's requests are fixed."""
    trial = prepare(new_trial, "pipedrive", PIPEDRIVE + '[auth]\nkind = "bearer"\n')

    answer = trial.command("check", "pipedrive", check=False)

    [(file, line, field, _)] = told(answer)
    assert (file, line, field) == ("mine.toml", 11, "auth")
    assert trial.crm.state()["calls"] == {}


def test_an_option_that_pipedrive_lacks_is_told_by_what_it_shows_and_nothing_is_written(
    new_trial: NewTrial,
) -> None:
    """Which options there are is the company's to say, so that this takes questions."""
    trial = prepare(new_trial, "pipedrive", PIPEDRIVE)
    trial.command("setup", "pipedrive", "--apply")
    trial.crm.order("calls", None, method="DELETE")
    wrong = PIPEDRIVE.replace('type = "whatsapp"', 'type = "whatsap"')
    (trial.folder / "mine.toml").write_text(wrong, encoding="utf-8")

    answer = trial.command("check", "pipedrive")

    assert told(answer) == [("mine.toml", 10, "message.fields.type", "whatsapp")]
    calls = trial.crm.order("calls", None, method="GET")["calls"]
    assert {each["method"] for each in calls} == {"GET"}
