"""The command line beside the real daemon: looking, mending, and what it refuses."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connector.cli.main import main
from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.sender import send

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]


class Shell:
    """Types commands at a trial's configuration, in this process."""

    def __init__(self, trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
        self._trial = trial
        self._capsys = capsys

    def json(self, *typed: str, status: int = 0) -> dict[str, Any]:
        """Run a command with ``--json`` and return its answer."""
        found: dict[str, Any] = json.loads(self.words(*typed, "--json", status=status))
        return found

    def words(self, *typed: str, status: int = 0) -> str:
        """Run a command that ends with this status, and return what it prints to stdout."""
        self._capsys.readouterr()
        ended = main([*typed, "--config", str(self._trial.config)])
        out, err = self._capsys.readouterr()
        assert ended == status, err or out
        return out


def _send(trial: Trial, contacts: int = 4, messages: int = 12, seed: int = 1) -> None:
    traffic = burst(contacts, messages, base=BASE, seed=seed)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))


def _start(trial: Trial) -> subprocess.Popen[bytes]:
    process = trial.start()
    trial.wait_until_ready(process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(30) == 0


def test_an_installation_is_checked_set_up_run_and_looked_at(
    new_trial: NewTrial, trial_ledger: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = new_trial(set_up=False, ledger_url=trial_ledger)
    shell = Shell(trial, capsys)

    before = shell.json("check", "hubspot", status=1)
    lacking = [each for each in before["checks"] if each["name"] == "hubspot.keys"]
    assert {each["state"] for each in lacking} == {"fail"}
    assert {each["remedy"] for each in lacking} == {"connector setup hubspot --apply"}
    told = shell.json("setup", "hubspot")
    assert {each["state"] for each in told["changes"]} == {"wanted"}
    made = shell.json("setup", "hubspot", "--apply")
    assert {each["state"] for each in made["changes"]} == {"created"}
    after = shell.json("check")
    assert after["ok"]
    assert "exactly one record, whatever is killed" in after["promises"]["hubspot"]

    process = _start(trial)
    _send(trial)
    trial.wait_until_settled()
    status = shell.json("status")
    assert status["ready"]
    assert status["destinations"]["hubspot"]["holder"]
    assert status["destinations"]["hubspot"]["open"] == 0
    assert status["destinations"]["hubspot"]["budgets"]["burst"]["limit"] == 90
    assert "Running." in shell.words("status")
    contact = trial.crm.state(objects="contacts")["contacts"][0]
    story = shell.json("explain", contact["properties"]["phone"])
    assert story["contact"]["phone"] == contact["properties"]["phone"]
    assert story["deliveries"][0]["crm_id"] == contact["id"]
    assert shell.json("explain", contact["id"])["kind"] == "crm_record"
    assert f"as {contact['id']}" in shell.words("explain", contact["id"])
    assert shell.json("explain", "wamid.nobody", status=1)["found"] is False
    balance = shell.json("audit", "--destination", "hubspot")
    assert (balance["received"], balance["synced"], balance["difference"]) == (12, 12, 0)
    assert "Nothing is missing." in shell.words("audit")

    calls = trial.crm.state(objects="none")
    again = shell.json("replay")
    assert again["webhooks"] > 0
    trial.wait_until_settled()
    assert shell.json("audit")["synced"] == 12
    assert trial.crm.state(objects="none")["counts"] == calls["counts"]

    _stop(process)
    alone = shell.json("replay", "--since", "1h")
    assert alone == {"webhooks": again["webhooks"], "by_daemon": False}
    stopped = shell.json("status")
    assert not stopped["ready"]
    assert "connector run" in stopped["reasons"][0]


def test_a_second_daemon_on_one_file_is_refused(
    new_trial: NewTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = new_trial()
    _start(trial)
    assert main(["run", "--config", str(trial.config)]) == 3
    assert "another daemon holds the ledger" in capsys.readouterr().err


def test_a_role_that_does_not_exist_is_wrong_usage(
    new_trial: NewTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = new_trial(set_up=False)
    assert main(["run", "--only", "receive,dream", "--config", str(trial.config)]) == 2
    assert "no role 'dream'" in capsys.readouterr().err


def test_a_misspelt_field_is_told_with_file_line_and_the_nearest(
    new_trial: NewTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = new_trial(set_up=False, destination={"mapping": "ours.toml"})
    (trial.folder / "ours.toml").write_text(
        'extends = "hubspot"\n[contact.fields]\nfistname = "{{ contact.first_name }}"\n'
    )
    shell = Shell(trial, capsys)
    shell.words("setup", "hubspot", "--apply")
    found = shell.json("check", status=1)
    [wrong] = [each for each in found["checks"] if each["state"] == "fail"]
    assert (wrong["name"], wrong["file"], wrong["line"]) == ("hubspot.schema", "ours.toml", 3)
    assert (wrong["field"], wrong["nearest"]) == ("contact.fields.fistname", "firstname")
    words = shell.words("check", "hubspot", status=1)
    assert "ours.toml:3: contact.fields.fistname" in words
    assert "did you mean 'firstname'?" in words


def test_a_crm_that_can_not_be_reached_fails_its_checks_and_no_others(
    new_trial: NewTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = new_trial()
    trial.crm.stop()
    found = Shell(trial, capsys).json("check", "hubspot", status=1)
    states = {each["name"]: each["state"] for each in found["checks"]}
    assert states["hubspot.account"] == "fail"
    assert states["hubspot.keys"] == states["hubspot.schema"] == "skipped"
    assert states["config"] == states["hubspot.mapping"] == "ok"
    assert found["promises"] == {"hubspot": None}


BROKEN = 'extends = "hubspot"\n[contact.fields]\nlifecyclestage = "no such stage"\n'


def test_dead_letters_are_listed_shown_retried_and_given_up(
    new_trial: NewTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = new_trial(set_up=False, destination={"mapping": "ours.toml", "batch_wait": "200ms"})
    (trial.folder / "ours.toml").write_text(BROKEN)
    shell = Shell(trial, capsys)
    shell.words("setup", "hubspot", "--apply")
    process = _start(trial)
    _send(trial, contacts=3, messages=3)
    wait_until(lambda: _parked(trial) == 3, seconds=30, what="three contacts are parked")

    listed = shell.json("dead-letters", "list")
    assert listed["total"] == 3
    first, second, _ = listed["items"]
    assert first["record"] == "contact"
    assert first["code"].startswith("rejected.")
    assert first["crm_status"] == 400
    assert "lifecyclestage" in first["crm_detail"]
    assert f"dead-letters retry {first['id']}" in first["next"]
    assert shell.json("dead-letters", "list", "--limit", "1")["total"] == 3
    assert len(shell.json("dead-letters", "list", "--limit", "1")["items"]) == 1
    assert shell.json("dead-letters", "list", "--code", "rejected")["total"] == 3
    assert shell.json("dead-letters", "list", "--code", "in_doubt")["total"] == 0
    assert shell.json("dead-letters", "list", "--older-than", "1h")["total"] == 0
    assert shell.json("dead-letters", "list", "--destination", "hubspot")["total"] == 3
    unknown = shell.json("dead-letters", "list", "--destination", "other", status=2)
    assert unknown["error"]["kind"] == "usage"
    words = shell.words("dead-letters", "list")
    assert "lifecyclestage" in words
    assert "The CRM refused this record for what it says." in words

    shown = shell.json("dead-letters", "show", str(first["id"]))
    assert shown["fields"]["lifecyclestage"] == "no such stage"
    assert shown["fields"]["phone"].startswith("+55")
    assert shown["note"] is None
    assert "no such stage" in shell.words("dead-letters", "show", str(first["id"]))
    shell.words("dead-letters", "show", "999999", status=1)

    assert shell.json("dead-letters", "retry", str(first["id"])) == {"retried": 1, "missing": 0}
    wait_until(lambda: _parked(trial) == 3, seconds=30, what="it is parked again")
    gone = shell.json("dead-letters", "retry", "999999", status=1)
    assert gone == {"retried": 0, "missing": 1}

    told = shell.json("dead-letters", "discard", str(second["id"]), "--reason", "a test number")
    assert told == {"discarded": 1, "missing": 0}
    assert shell.json("dead-letters", "list")["total"] == 2
    wait_until(
        lambda: sum(shell.json("audit")["skipped"].values()) == 1,
        seconds=30,
        what="the message of the discarded contact is skipped too",
    )

    _stop(process)
    (trial.folder / "ours.toml").write_text('extends = "hubspot"\n')
    _start(trial)
    trial.wait_until_settled()
    wait_until(lambda: _parked(trial) == 0, seconds=30, what="the mended mapping sends them")
    assert shell.json("audit")["synced"] == 2
    assert shell.json("dead-letters", "list")["items"] == []


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["retry"], "--all"),
        (["retry", "1", "--all"], "--all"),
        (["retry", "1", "--code", "rejected"], "filters"),
        (["discard", "1"], "--reason"),
    ],
)
def test_dead_letters_are_never_changed_by_mistake(
    typed: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dead-letters", *typed]) == 2
    assert told in capsys.readouterr().err


def test_a_pause_is_told_and_ended_by_a_person(
    new_trial: NewTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = new_trial(tuning={"probe": 3600})
    shell = Shell(trial, capsys)
    _start(trial)
    trial.crm.order("tokens", {"token": trial.crm.token}, method="DELETE")
    _send(trial)
    wait_until(
        lambda: trial.status()["destinations"]["hubspot"]["state"] == "paused",
        seconds=30,
        what="the destination is paused",
    )
    found = shell.json("status")["destinations"]["hubspot"]
    assert (found["reason"], found["parked"]) == ("auth", 0)
    assert "replace the token" in shell.words("status")
    failed = shell.json("check", "hubspot", status=1)
    assert (
        "credentials"
        in {each["name"]: each for each in failed["checks"]}["hubspot.account"]["detail"]
    )

    trial.crm.order("tokens", {"token": trial.crm.token})
    told = shell.json("resume", "hubspot")
    assert told == {"destination": "hubspot", "was": "paused", "state": "open"}
    trial.wait_until_settled()
    assert shell.json("audit")["synced"] == 12
    assert shell.json("resume", "hubspot")["was"] == "open"
    assert "was open already" in shell.words("resume", "hubspot")


def test_a_destination_that_is_not_configured_is_wrong_usage(
    new_trial: NewTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = new_trial(set_up=False)
    for typed in (["resume", "hubspt"], ["check", "hubspt"], ["setup", "hubspt"]):
        assert main([*typed, "--config", str(trial.config)]) == 2
        told = "there is no destination 'hubspt', only hubspot; did you mean 'hubspot'?"
        assert told in capsys.readouterr().err


def test_a_resync_needs_no_daemon_to_have_run_before(
    new_trial: NewTrial, trial_ledger: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = new_trial(ledger_url=trial_ledger)
    shell = Shell(trial, capsys)
    shell.words("db", "upgrade")
    assert shell.json("resync")["selected"] == 0
    assert shell.json("resync", "--dry-run")["selected"] == 0


def _parked(trial: Trial) -> int:
    try:
        found = trial.status()["destinations"]["hubspot"]
    except httpx.HTTPError:
        return -1
    return int(found["parked"]) if not found["in_doubt"] else -1
