"""``connector test``: a message of nobody goes the whole way, and every way it can fail is told."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.cli.main import main
from connector.runtime.trial import SandboxCrm, Trial, free_port

NewTrial = Callable[..., Trial]


def start(trial: Trial, *arguments: str) -> None:
    trial.wait_until_ready(trial.start(*arguments))


def make_ledger(trial: Trial) -> None:
    """Make the ledger where no daemon does."""
    assert main(["db", "upgrade", "--config", str(trial.config)]) == 0


def rehearse(trial: Trial, *options: str) -> dict[str, Any]:
    return trial.command("test", "hubspot", *options)


def failures(found: dict[str, Any]) -> list[dict[str, Any]]:
    assert not found["ok"]
    return [each for each in found["checks"] if each["state"] == "fail"]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[SandboxCrm]:
    """Yield a sandbox REST CRM, to stand beside a trial's HubSpot."""
    folder = tmp_path / "other"
    folder.mkdir()
    crm = SandboxCrm.start("rest", folder)
    yield crm
    crm.stop()


def test_everything_arrives_is_compared_and_removed_and_no_other_crm_gets_it(
    new_trial: NewTrial, other: SandboxCrm, tmp_path: Path
) -> None:
    token = tmp_path / "other.token"
    token.write_text(other.token)
    trial = new_trial(
        extra="[destinations.other]\n"
        'adapter = "rest"\nmapping = "rest/sandbox"\nbatch_wait = "200ms"\n'
        f"base_url = {json.dumps(other.url)}\ntoken = {{ file = {json.dumps(str(token))} }}\n"
    )
    start(trial)

    found = rehearse(trial, "--all")

    assert found["ok"], found
    assert found["removed"] is True
    assert [each["record"] for each in found["records"]] == ["contact", *["message"] * 3]
    fields = [each for record in found["records"] for each in record["fields"]]
    assert len(fields) == 3 + 3 * 4
    assert all(each["same"] for each in fields)
    bodies = [each["found"] for each in fields if each["field"] == "hs_communication_body"]
    for words in ("edited", "caption", "answer"):
        assert sum(words in body for body in bodies) == 1
    trial.wait_until_settled()
    counts = trial.crm.state(objects="none")["counts"]
    assert (counts["contacts"], counts["communications"]) == (0, 0)
    assert sum(other.state(objects="none")["counts"].values()) == 0
    audit = trial.command("audit")
    assert (audit["received"], audit["skipped"], audit["difference"]) == (6, {"test": 6}, 0)


@pytest.mark.parametrize(
    ("crm", "settings", "records"),
    [
        ("pipedrive", {}, ["contact", "conversation"]),
        ("rest", {"mapping": "rest/sandbox"}, ["contact", *["message"] * 3]),
    ],
)
def test_a_picture_an_edit_and_a_status_arrive_in_other_crms_too(
    new_trial: NewTrial, crm: str, settings: dict[str, str], records: list[str]
) -> None:
    trial = new_trial(
        adapter=crm, set_up=crm != "rest", destination={"batch_wait": "200ms", **settings}
    )
    start(trial)

    found = trial.command("test", crm, "--all")

    assert found["ok"], found
    assert found["removed"] is True
    assert [each["record"] for each in found["records"]] == records
    fields = [each for record in found["records"] for each in record["fields"]]
    assert fields
    assert all(each["same"] for each in fields)
    texts = " ".join(str(each["found"]) for each in fields)
    for words in ("edited", "caption", "answer"):
        assert words in texts
    trial.wait_until_settled()
    state = trial.crm.state()
    left = [state.get(kind, []) for kind in ("persons", "activities", "contacts", "messages")]
    assert left == [[], [], [], []]
    assert trial.command("audit")["difference"] == 0


def test_what_is_kept_stays_in_the_crm(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)

    found = rehearse(trial, "--keep")

    assert found["ok"], found
    assert found["removed"] is None
    [contact] = trial.crm.state()["contacts"]
    assert contact["id"] == found["records"][0]["crm_id"]
    assert contact["properties"]["firstname"] == "Connector"


def test_a_revoked_token_is_told(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)
    trial.crm.order("tokens", {"token": trial.crm.token}, method="DELETE")

    [told] = failures(rehearse(trial))

    assert told["name"] == "hubspot.account"
    assert "credentials" in told["detail"]
    assert "token" in told["remedy"]


def test_a_missing_scope_is_told_by_its_name(new_trial: NewTrial) -> None:
    trial = new_trial()
    make_ledger(trial)
    scopes = ["crm.objects.contacts.read", "crm.schemas.contacts.read"]
    trial.crm.order("tokens", {"token": "pat-na1-narrow", "scopes": scopes})
    (trial.folder / "crm_token").write_text("pat-na1-narrow\n")

    told = failures(rehearse(trial))

    assert any(
        "crm.objects.contacts.write" in f"{each['detail']} {each['remedy']}" for each in told
    )


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ('wa_nickname = "{{ contact.display_name }}"', "wa_nickname"),
        ('createdate = "{{ contact.first_seen_at }}"', "read-only"),
        ('lifecyclestage = "no such stage"', "no such stage"),
        ('lifecyclestage = "{{ contact.display_name }}"', "lifecyclestage"),
    ],
    ids=["missing property", "read-only property", "wrong option", "wrong option of a template"],
)
def test_a_field_that_the_crm_does_not_take_is_told(
    new_trial: NewTrial, field: str, words: str
) -> None:
    trial = new_trial(set_up=False, destination={"mapping": "ours.toml", "batch_wait": "200ms"})
    (trial.folder / "ours.toml").write_text(f'extends = "hubspot"\n[contact.fields]\n{field}\n')
    trial.command("setup", "hubspot", "--apply")
    start(trial)

    [told] = failures(rehearse(trial))

    assert words in f"{told['field']} {told['detail']}"
    assert told["remedy"]
    trial.wait_until_settled()
    assert trial.crm.state()["contacts"] == []


def test_a_receiver_that_is_not_running_is_told(new_trial: NewTrial) -> None:
    trial = new_trial()
    make_ledger(trial)

    [told] = failures(rehearse(trial))

    assert "the receiver is not running" in told["detail"]
    assert "connector run" in told["remedy"]


def test_a_wrong_app_secret_is_told(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)
    (trial.folder / "app_secret").write_text("f" * 32 + "\n")

    [told] = failures(rehearse(trial))

    assert "another app secret" in told["detail"]


def test_an_address_that_is_no_receiver_is_told(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)

    [told] = failures(rehearse(trial, "--url", f"{trial.crm.url}/webhooks/whatsapp"))
    [away] = failures(rehearse(trial, "--url", f"http://127.0.0.1:{free_port()}/"))

    assert "it is not our receiver" in told["detail"]
    assert "not running" in away["detail"]


def test_nobody_who_records_or_delivers_is_told(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial, "--only", "receive")

    [told] = failures(rehearse(trial, "--wait", "1s"))

    assert "nobody has recorded it" in told["detail"]


def test_a_crm_that_is_away_is_told_with_what_it_waits_for(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)
    match = {"call": "contacts.upsert"}
    trial.crm.order("faults", {"kind": "unavailable", "share": 1.0, "match": match})

    [told] = failures(rehearse(trial, "--wait", "3s"))

    assert "it is not in the CRM" in told["detail"]
    trial.crm.order("faults", None, method="DELETE")
    trial.wait_until_settled()
    assert trial.crm.state()["contacts"] == []
