"""From signed webhooks to Pipedrive by the real daemon, and to three CRMs at once."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.runtime.trial import SandboxCrm, Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.call_log import Call, busiest
from connector.sandbox.comparison import compare_hubspot, compare_pipedrive, compare_rest
from connector.sandbox.sender import send
from connector.sandbox.traffic import DayOfTraffic, Traffic

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]
ROOMY = {"burst_limit": 10_000, "search_limit": 10_000, "daily_tokens": 1_000_000}
AMBIGUOUS = ("reset_after", "error_after", "timeout_after", "late_commit")


def post(trial: Trial, traffic: Traffic, **options: Any) -> None:
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, **options))


def start(trial: Trial) -> None:
    trial.wait_until_ready(trial.start())


def part(traffic: Traffic, begin: int, end: int) -> Traffic:
    return Traffic(traffic.webhooks[begin:end], traffic.expected, traffic.numbers)


def assert_all_there(trial: Trial, traffic: Traffic, *, seconds: float = 100) -> None:
    trial.wait_until_settled(seconds=seconds)
    verdict = compare_pipedrive(traffic.expected, trial.crm.state())
    assert verdict.perfect, verdict
    audit = trial.command("audit")
    assert (audit["difference"], audit["open"], audit["parked"]) == (0, 0, {})


def test_a_day_of_traffic_is_in_pipedrive_once(
    new_trial: NewTrial, trial_ledger: str | None
) -> None:
    trial = new_trial(adapter="pipedrive", ledger_url=trial_ledger, crm={"search_limit": 100})
    start(trial)
    traffic = DayOfTraffic(seed=1, base=BASE)

    post(trial, traffic)

    assert_all_there(trial, traffic)
    counts = trial.crm.state(objects="none")["counts"]
    assert counts["persons"] == len(traffic.expected)
    assert counts["activities"] < traffic.messages / 3, "a day's conversation is one activity"
    calls = [Call(**each) for each in trial.crm.order("calls", None, method="GET")["calls"]]
    assert busiest(calls, 2.0) <= 20, "the smallest plan's window is never exceeded"
    assert 429 not in {each.status for each in calls}


@pytest.mark.parametrize("granularity", ["conversation", "message"])
def test_writes_of_unknown_outcome_lose_and_double_nothing(
    new_trial: NewTrial, granularity: str
) -> None:
    destination = {"batch_wait": "200ms"}
    if granularity == "message":
        destination["mapping"] = "each.toml"
    trial = new_trial(
        adapter="pipedrive",
        crm={**ROOMY, "index_lag": 3},
        set_up=False,
        destination=destination,
        tuning={"request_timeout": 1},
    )
    (trial.folder / "each.toml").write_text(EACH_MESSAGE)
    trial.command("setup", "pipedrive", "--apply")
    start(trial)
    traffic = burst(20, 80, base=BASE, seed=51)
    for kind in AMBIGUOUS:
        match = {"call": "persons.*,activities.*", "method": "POST"}
        trial.crm.order("faults", {"kind": kind, "share": 0.05, "seconds": 1.3, "match": match})

    post(trial, traffic, rate=40)
    trial.wait_until_settled(seconds=200)

    fired = trial.crm.state(objects="none")["faults"]
    assert sum(fired.get(kind, 0) for kind in AMBIGUOUS) > 2, fired
    trial.crm.order("faults", None, method="DELETE")
    assert_all_there(trial, traffic)


EACH_MESSAGE = """
extends = "pipedrive"
[message]
granularity = "message"
[message.fields]
subject = "WhatsApp · {{ contact.display_name }}"
due_date = "{{ message.sent_at }}"
due_time = "{{ message.sent_at }}"
note = "{{ message.html }}"
"""


def test_a_used_up_day_parks_nothing_and_goes_on_when_there_are_tokens_again(
    new_trial: NewTrial,
) -> None:
    trial = new_trial(adapter="pipedrive", crm=ROOMY)
    start(trial)
    traffic = burst(20, 60, base=BASE, seed=52)
    post(trial, part(traffic, 0, 20))
    trial.wait_until_settled()
    spent = trial.crm.state(objects="none")["tokens_today"]
    trial.crm.order("settings", {"daily_tokens": spent + 40}, method="PATCH")

    post(trial, part(traffic, 20, 60))
    wait_until(
        lambda: pipedrive(trial)["state"] == "throttled",
        seconds=30,
        what="the day is used up",
        last_words=trial.last_words,
    )
    said = pipedrive(trial)
    assert (said["parked"], said["in_doubt"]) == (0, 0)
    assert said["open"] > 0
    refused = trial.crm.state(objects="none")["calls"]
    assert sum(refused.values()) < 200, "a used-up day is not asked again and again"
    trial.crm.order("settings", {"daily_tokens": 1_000_000}, method="PATCH")

    assert_all_there(trial, traffic)


def pipedrive(trial: Trial) -> dict[str, Any]:
    found: dict[str, Any] = trial.status()["destinations"]["pipedrive"]
    return found


@pytest.fixture
def others(tmp_path: Path) -> Iterator[dict[str, SandboxCrm]]:
    """Yield a sandbox Pipedrive and a sandbox REST CRM, to stand beside a trial's HubSpot."""
    folder = tmp_path / "others"
    folder.mkdir()
    made = {
        "pipedrive": SandboxCrm.start("pipedrive", folder, settings={**ROOMY, "index_lag": 0.2}),
        "rest": SandboxCrm.start("rest", folder),
    }
    yield made
    for crm in made.values():
        crm.stop()


def test_one_of_three_crms_that_is_down_delays_neither_of_the_others(
    new_trial: NewTrial, others: dict[str, SandboxCrm], tmp_path: Path
) -> None:
    trial = new_trial(extra=_destinations(others, tmp_path))
    trial.command("setup", "pipedrive", "--apply")
    start(trial)
    traffic = burst(12, 48, base=BASE, seed=53)
    others["pipedrive"].order("faults", {"kind": "unavailable", "share": 1.0})

    post(trial, traffic)
    wait_until(
        lambda: (
            compare_hubspot(traffic.expected, trial.crm.state()).perfect
            and compare_rest(traffic.expected, others["rest"].state()).perfect
        ),
        seconds=40,
        what="the two that answer have it all",
        last_words=trial.last_words,
    )
    wait_until(
        lambda: pipedrive(trial)["state"] in {"broken", "half_open"},
        seconds=60,
        what="Pipedrive is known to be down",
        last_words=trial.last_words,
    )
    said = trial.status()["destinations"]
    assert said["pipedrive"]["parked"] == 0
    assert [said[name]["state"] for name in ("hubspot", "rest")] == ["open", "open"]
    assert others["pipedrive"].state()["persons"] == []
    others["pipedrive"].order("faults", None, method="DELETE")

    trial.wait_until_settled()
    verdict = compare_pipedrive(traffic.expected, others["pipedrive"].state())
    assert verdict.perfect, verdict
    audit = trial.command("audit")
    for name in ("hubspot", "pipedrive", "rest"):
        part = audit["destinations"][name]
        assert (part["synced"], part["difference"], part["parked"]) == (48, 0, {})


def _destinations(others: dict[str, SandboxCrm], folder: Path) -> str:
    lines: list[str] = []
    for name, crm in others.items():
        token = folder / f"{name}.token"
        token.write_text(crm.token)
        lines += [
            f"[destinations.{name}]",
            f'adapter = "{name}"',
            f"base_url = {json.dumps(crm.url)}",
            f"token = {{ file = {json.dumps(str(token))} }}",
            'batch_wait = "200ms"',
        ]
        if name == "rest":
            lines.append('mapping = "rest/sandbox"')
    return "\n".join(lines) + "\n"
