"""A changed mapping is tried dry, then written: exactly the records whose output changed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.sender import send
from connector.sandbox.traffic import Traffic

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]

PLAIN = 'extends = "hubspot"\n'
STARRED = (
    PLAIN + "[message.fields]\nhs_communication_body = "
    "\"{{ message.html ~ ' *' if 'vaso' in message.text else message.html }}\"\n"
)


def begin(new_trial: NewTrial, traffic: Traffic, **options: Any) -> Trial:
    """Deliver everything with the plain mapping, and stop."""
    trial = new_trial(
        destination={"batch_wait": "200ms", "mapping": "ours.toml"}, set_up=False, **options
    )
    (trial.folder / "ours.toml").write_text(PLAIN)
    trial.command("setup", "hubspot", "--apply")
    trial.wait_until_ready(trial.start())
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, concurrency=16))
    trial.wait_until_settled(seconds=90)
    stop_all(trial)
    return trial


def stop_all(trial: Trial) -> None:
    for process in trial.processes:
        process.terminate()
        assert process.wait(20) == 0
    trial.processes.clear()


def bodies(trial: Trial) -> dict[str, str]:
    """Return what each message says in HubSpot, by our key."""
    return {
        each["properties"]["wa_message_key"]: each["properties"]["hs_communication_body"]
        for each in trial.crm.state()["communications"]
    }


def writing_calls(trial: Trial) -> int:
    calls = trial.crm.state(objects="none")["calls"]
    return sum(
        count
        for call, count in calls.items()
        if call.rpartition(".")[2] in {"create", "update", "upsert", "archive"}
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "command alone"])
def test_a_dry_run_names_exactly_what_changed_and_the_real_run_touches_exactly_that(
    new_trial: NewTrial, trial_ledger: str | None, *, daemon: bool
) -> None:
    traffic = burst(40, 600, base=BASE, seed=6)
    expected = sum("vaso" in each.text for person in traffic.expected for each in person.messages)
    assert 0 < expected < 600
    trial = begin(new_trial, traffic, ledger_url=trial_ledger)
    (trial.folder / "ours.toml").write_text(STARRED)
    before = bodies(trial)
    written = writing_calls(trial)
    if daemon:
        trial.wait_until_ready(trial.start())
        assert trial.command("status")["destinations"]["hubspot"]["resync_offered"]

    dry = trial.command("resync", "--dry-run")

    assert (dry["selected"], dry["create"], dry["update"]) == (640, 0, expected)
    assert dry["unchanged"] == 640 - expected
    assert dry["calls"]["hubspot"] == -(-expected // 100)
    named = {item["key"] for item in dry["items"]}
    assert named == {key for key, body in before.items() if "vaso" in body}
    assert len(dry["items"]) == expected
    for item in dry["items"]:
        change = item["fields"]["hs_communication_body"]
        assert change["before"] == before[item["key"]]
        assert change["after"] == before[item["key"]] + " *"
    assert bodies(trial) == before
    assert writing_calls(trial) == written

    real = trial.command("resync")

    assert (real["selected"], real["create"], real["update"]) == (640, 0, expected)
    assert real["left"] == 0
    assert not trial.command("status")["destinations"]["hubspot"]["resync_offered"]
    after = bodies(trial)
    assert {key for key in after if after[key] != before[key]} == named
    assert all(after[key] == before[key] + " *" for key in named)
    assert writing_calls(trial) - written <= dry["calls"]["hubspot"] + 1

    again = trial.command("resync", "--dry-run")
    assert (again["update"], again["unchanged"], again["items"]) == (0, 640, [])
