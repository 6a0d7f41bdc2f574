"""A thousand messages into Pipedrive while a fifth of all writes have an unknown outcome."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_pipedrive
from connector.sandbox.sender import send
from connector.sandbox.traffic import Traffic

NewTrial = Callable[..., Trial]

PEOPLE, MESSAGES = 100, 1_000
HARMS = ("timeout_after", "reset_after", "late_commit", "error_after")
SHARE = 0.2 / len(HARMS)
MAPPINGS = {
    "a conversation's activity": 'extends = "pipedrive"\n',
    "a message's activity": """
extends = "pipedrive"
[message]
granularity = "message"
[message.fields]
subject = "WhatsApp · {{ contact.display_name }}"
due_date = "{{ message.sent_at }}"
due_time = "{{ message.sent_at }}"
note = "{{ message.html }}"
""",
    "a message's note": """
extends = "pipedrive"
[message]
object = "notes"
granularity = "message"
[message.fields]
content = "{{ message.html }}"
subject = ""
type = ""
done = ""
due_date = ""
due_time = ""
note = ""
""",
}
"""What stands on a person's timeline. The sandbox's note of a conversation is told by its
activities' test: both are written anew whole."""


def prepare(new_trial: NewTrial, mapping: str) -> Trial:
    trial = new_trial(
        adapter="pipedrive",
        crm={
            "burst_limit": 10_000,
            "search_limit": 10_000,
            "daily_tokens": 1_000_000,
            "index_lag": 3,
        },
        set_up=False,
        destination={
            "mapping": "mine.toml",
            "batch_wait": "200ms",
            "rate": '{ requests = 400, per = "2s" }',
        },
        tuning={"request_timeout": 1},
    )
    (trial.folder / "mine.toml").write_text(mapping)
    trial.command("setup", "pipedrive", "--apply")
    return trial


def harm(trial: Trial) -> None:
    """Let a fifth of what makes or changes a record end in one of the four ways."""
    for kind in HARMS:
        for method in ("POST", "PATCH", "PUT"):
            match = {"call": "persons.*,activities.*,notes.*", "method": method}
            trial.crm.order(
                "faults", {"kind": kind, "share": SHARE, "seconds": 1.3, "match": match}
            )


def harmed_share(trial: Trial) -> float:
    """Return how large a part of all writes was struck, by the sandbox's own log."""
    calls = trial.crm.order("calls", None, method="GET")["calls"]
    writes = [each for each in calls if each["method"] in {"POST", "PATCH", "PUT"}]
    kinds = Counter(each["fault"] for each in writes)
    return sum(kinds[kind] for kind in HARMS) / len(writes)


def run(trial: Trial, traffic: Traffic, *, rate: float) -> str:
    """Send it all through the harm, and return what was seen."""
    trial.wait_until_ready(trial.start())
    harm(trial)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, rate=rate))
    trial.wait_until_settled(seconds=400)
    share = harmed_share(trial)
    state = trial.crm.state()
    verdict = compare_pipedrive(traffic.expected, state)
    audit = trial.command("audit")
    assert verdict.perfect, verdict
    assert (audit["difference"], audit["open"], audit["parked"]) == (0, 0, {})
    assert share > 0.12, f"only {share:.0%} of the writes were struck"
    return (
        f"{MESSAGES} messages, {share:.1%} of writes struck {dict(state['faults'])}, "
        f"{state['counts']}: none lost, none doubled"
    )


@pytest.mark.campaign
@pytest.mark.timeout(500)
@pytest.mark.parametrize("entry", list(MAPPINGS))
def test_a_thousand_messages_of_unknown_outcome_are_each_there_once(
    entry: str, new_trial: NewTrial, record_property: Callable[[str, object], None]
) -> None:
    trial = prepare(new_trial, MAPPINGS[entry])
    traffic = burst(PEOPLE, MESSAGES, base=datetime.now(UTC), seed=54)

    record_property("measured", run(trial, traffic, rate=60))
