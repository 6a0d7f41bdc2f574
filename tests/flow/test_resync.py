"""A changed mapping is tried dry, then written: exactly the records whose output changed."""

import asyncio
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from connector.ledger.engine import open_engine
from connector.ledger.schema import metadata
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
    trial.wait_until_settled(seconds=300)
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


def dump(trial: Trial) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the ledger that says anything of people and records.

    Left out are leases, and the runs in which a command is written down.
    """
    url = tomllib.loads(trial.config.read_text())["ledger"]["url"]
    engine = open_engine(url.replace(":///", f":///{trial.folder}/") if "sqlite" in url else url)
    names = ("webhook", "contact", "alias", "message", "media", "lane", "delivery", "review")
    with engine.connect() as connection:
        found = {
            name: sorted(
                (tuple(row) for row in connection.execute(select(metadata.tables[name]))), key=repr
            )
            for name in names
        }
    engine.dispose()
    return found


def records(trial: Trial) -> dict[str, Any]:
    """Return everything that HubSpot holds."""
    state = trial.crm.state()
    return {kind: state[kind] for kind in ("contacts", "communications")}


def change_the_mapping(trial: Trial, traffic: Traffic, *, daemon: bool) -> str:
    """Try a changed mapping dry, then write it; return what it came to."""
    messages = [each for person in traffic.expected for each in person.messages]
    expected = sum("vaso" in each.text for each in messages)
    everything = len(messages) + len(traffic.expected)
    assert 0 < expected < len(messages)
    (trial.folder / "ours.toml").write_text(STARRED)
    before, crm, written = bodies(trial), records(trial), writing_calls(trial)
    if daemon:
        trial.wait_until_ready(trial.start())
        assert trial.command("status")["destinations"]["hubspot"]["resync_offered"]
    ledger = dump(trial)

    dry = trial.command("resync", "--dry-run")

    assert (dry["selected"], dry["create"], dry["update"]) == (everything, 0, expected)
    assert dry["unchanged"] == everything - expected
    assert dry["calls"]["hubspot"] == -(-expected // 100)
    named = {item["key"] for item in dry["items"]}
    assert named == {key for key, body in before.items() if "vaso" in body}
    assert len(dry["items"]) == expected
    for item in dry["items"]:
        change = item["fields"]["hs_communication_body"]
        assert change["before"] == before[item["key"]]
        assert change["after"] == before[item["key"]] + " *"
    assert records(trial) == crm
    assert dump(trial) == ledger
    assert writing_calls(trial) == written

    real = trial.command("resync")

    assert (real["selected"], real["create"], real["update"]) == (everything, 0, expected)
    assert real["left"] == 0
    assert not trial.command("status")["destinations"]["hubspot"]["resync_offered"]
    after = bodies(trial)
    assert {key for key in after if after[key] != before[key]} == named
    assert all(after[key] == before[key] + " *" for key in named)
    calls = writing_calls(trial) - written
    estimate = dry["calls"]["hubspot"]
    assert calls <= estimate + 1 + estimate // 20  # a call now and then goes with room to spare

    again = trial.command("resync", "--dry-run")
    assert (again["update"], again["unchanged"], again["items"]) == (0, everything, [])
    return (
        f"{everything} records: the dry run named {expected} and changed nothing;"
        f" the real one touched these in {calls} writing calls"
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "command alone"])
def test_a_dry_run_names_exactly_what_changed_and_the_real_run_touches_exactly_that(
    new_trial: NewTrial, trial_ledger: str | None, *, daemon: bool
) -> None:
    traffic = burst(40, 600, base=BASE, seed=6)
    trial = begin(new_trial, traffic, ledger_url=trial_ledger)

    change_the_mapping(trial, traffic, daemon=daemon)


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_a_dry_run_of_ten_thousand_records_names_exactly_what_changed_and_changes_nothing(
    new_trial: NewTrial, record_property: Callable[[str, object], None]
) -> None:
    traffic = burst(400, 9600, base=BASE, seed=8)
    trial = begin(new_trial, traffic, crm={"burst_limit": 100_000})

    record_property("measured", change_the_mapping(trial, traffic, daemon=True))
