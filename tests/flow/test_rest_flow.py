"""From signed webhooks to a REST CRM, by the real daemon, in each way to keep a record single."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.runtime.trial import SandboxCrm, Trial, prepare_trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.comparison import Verdict, compare_rest
from connector.sandbox.sender import send
from connector.sandbox.traffic import DayOfTraffic, Traffic

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]

LOOKUP = """
extends = "rest/sandbox"
[contact]
once = "lookup"
[contact.create]
path = "/v1/contacts"
body = "{{ fields }}"
id = "/data/id"
[message]
once = "lookup"
[message.create]
path = "/v1/messages"
body = "{{ fields }}"
id = "/data/id"
"""
HEADER = """
extends = "rest/sandbox"
[contact]
once = "header"
key_ttl = "1h"
[contact.create]
path = "/v1/contacts"
headers = { Idempotency-Key = "{{ idempotency_key }}" }
body = "{{ fields }}"
id = "/data/id"
[message]
once = "header"
key_ttl = "1h"
[message.create]
path = "/v1/messages"
headers = { Idempotency-Key = "{{ idempotency_key }}" }
body = "{{ fields }}"
id = "/data/id"
"""
CONVERSATIONS = """
extends = "rest/sandbox"
[message]
granularity = "conversation"
[message.fields]
direction = ""
status = ""
text = "{{ conversation.transcript_html }}"
sent_at = "{{ conversation.started_at }}"
"""
NONE = LOOKUP.replace('"lookup"', '"none"')
AMBIGUOUS = ("timeout_after", "reset_after", "late_commit", "error_after")


@pytest.fixture
def new_trial(tmp_path: Path) -> Iterator[NewTrial]:
    """Return a function that prepares a trial against a sandbox REST CRM."""
    trials: list[Trial] = []

    def make(mapping: str | None = None, *, crm: dict[str, Any] | None = None) -> Trial:
        folder = tmp_path / f"trial{len(trials)}"
        folder.mkdir()
        reference = "rest/sandbox"
        if mapping is not None:
            (folder / "crm.toml").write_text(mapping)
            reference = "crm.toml"
        sandbox = SandboxCrm.start("rest", folder, settings={"index_lag": 0.2, **(crm or {})})
        destination = {"mapping": reference, "batch_wait": "200ms"}
        trial = prepare_trial(
            folder, sandbox, adapter="rest", destination=destination, tuning={"request_timeout": 1}
        )
        trials.append(trial)
        return trial

    yield make
    for trial in trials:
        trial.stop()


def deliver(trial: Trial, traffic: Traffic) -> Verdict:
    """Start the daemon, send everything, wait until it is settled, and judge what the CRM holds."""
    trial.wait_until_ready(trial.start())
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))
    trial.wait_until_settled(seconds=100)
    return compare_rest(traffic.expected, trial.crm.state())


def harm(trial: Trial, kinds: tuple[str, ...], *, count: int) -> None:
    """Let writes of new records go wrong in each of these ways."""
    for number, kind in enumerate(kinds):
        match = {"call": "contacts.all,messages.all,contacts.put,messages.put"}
        for method in ("POST", "PUT"):
            trial.crm.order(
                "faults",
                {
                    "kind": kind,
                    "count": count,
                    "skip": 2 + number,
                    "seconds": 1.3,
                    "match": {**match, "method": method},
                },
            )


@pytest.mark.parametrize("mapping", [None, LOOKUP, HEADER], ids=["put", "lookup", "header"])
def test_a_day_of_traffic_is_in_a_rest_crm_once(mapping: str | None, new_trial: NewTrial) -> None:
    trial = new_trial(mapping)
    traffic = DayOfTraffic(seed=1, base=BASE)

    verdict = deliver(trial, traffic)

    assert verdict.perfect, verdict
    audit = trial.command("audit")
    assert audit["difference"] == audit["open"] == 0


def test_a_crm_that_refuses_every_dozen_of_calls_is_asked_for_nobody_again_and_again(
    new_trial: NewTrial,
) -> None:
    """Its limit is lower than the mapping says, and a person costs two searches."""
    trial = new_trial(crm={"rate_limit": 12})
    people = 40
    traffic = burst(people, people, base=BASE, seed=7)

    verdict = deliver(trial, traffic)

    assert verdict.perfect, verdict
    state = trial.crm.state(objects="none")
    assert state["statuses"]["429"] > 1
    assert state["calls"]["contacts.all"] < 3 * 2 * people


def test_a_crm_that_refuses_every_dozen_of_calls_is_read_for_nobody_again_and_again(
    new_trial: NewTrial,
) -> None:
    """What people filled in is read before a contact is written, each by a call of its own."""
    people = 40
    trial = new_trial('extends = "rest/sandbox"\n')
    assert deliver(trial, burst(people, people, base=BASE, seed=9)).perfect
    trial.crm.order("settings", {"rate_limit": 12}, method="PATCH")
    (trial.folder / "crm.toml").write_text(
        """
        extends = "rest/sandbox"
        [contact.fields]
        username = "nobody"
        """
    )
    trial.processes[-1].terminate()
    trial.processes[-1].wait()
    trial.wait_until_ready(trial.start())

    trial.command("resync")
    trial.wait_until_settled(seconds=100)

    assert {each["username"] for each in trial.crm.state()["contacts"]} == {"nobody"}
    state = trial.crm.state(objects="none")
    assert state["statuses"]["429"] > 1
    reads_and_writes = state["calls"]["contacts.one"]
    assert 2 * people <= reads_and_writes < 5 * 2 * people


@pytest.mark.parametrize("mapping", [None, LOOKUP, HEADER], ids=["put", "lookup", "header"])
def test_writes_of_unknown_outcome_lose_and_double_nothing(
    mapping: str | None, new_trial: NewTrial
) -> None:
    trial = new_trial(mapping)
    traffic = burst(20, 60, base=BASE, seed=5)
    harm(trial, AMBIGUOUS, count=3)

    verdict = deliver(trial, traffic)

    fired = trial.crm.state(objects="none")["faults"]
    assert all(fired.get(kind, 0) >= 3 for kind in AMBIGUOUS), fired
    assert verdict.perfect, verdict
    audit = trial.command("audit")
    assert audit["difference"] == audit["open"] == 0
    assert not audit["parked"], audit


def test_an_unknown_outcome_of_a_crm_that_can_only_create_waits_for_a_person(
    new_trial: NewTrial,
) -> None:
    trial = new_trial(NONE)
    traffic = burst(3, 9, base=BASE, seed=6)
    trial.crm.order(
        "faults",
        {"kind": "timeout_after", "count": 1, "match": {"call": "messages.all", "method": "POST"}},
    )

    verdict = deliver(trial, traffic)

    assert verdict.perfect, verdict
    (letter,) = trial.command("dead-letters", "list")["items"]
    assert letter["code"] == "in_doubt"
    assert letter["record"] == "message"


def test_a_contact_of_unknown_outcome_is_parked_where_contacts_can_only_be_created(
    new_trial: NewTrial,
) -> None:
    trial = new_trial(NONE)
    traffic = burst(1, 3, base=BASE, seed=7)
    trial.crm.order(
        "faults",
        {"kind": "timeout_after", "count": 1, "match": {"call": "contacts.all", "method": "POST"}},
    )
    trial.wait_until_ready(trial.start())

    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))
    wait_until(
        lambda: trial.command("dead-letters", "list")["total"] == 1,
        seconds=40,
        what="the contact is parked",
        last_words=trial.last_words,
    )

    (letter,) = trial.command("dead-letters", "list")["items"]
    assert (letter["code"], letter["record"]) == ("in_doubt", "contact")
    assert trial.crm.state()["counts"] == {"contacts": 1, "messages": 0}


def test_a_mapping_may_want_doubles_rather_than_gaps(new_trial: NewTrial) -> None:
    mapping = NONE.replace(
        '[message]\nonce = "none"', '[message]\nonce = "none"\non_doubt = "repeat"'
    )
    trial = new_trial(mapping)
    traffic = burst(2, 6, base=BASE, seed=8)
    trial.crm.order(
        "faults",
        {"kind": "timeout_after", "count": 1, "match": {"call": "messages.all", "method": "POST"}},
    )

    verdict = deliver(trial, traffic)

    assert not verdict.missing
    assert len(verdict.doubled) == 1
    promise = trial.command("check")["promises"]["rest"]
    assert "at least one record, maybe two" in promise
    assert "at most one record" in promise


def test_once_its_idempotency_key_is_forgotten_a_write_is_looked_up(new_trial: NewTrial) -> None:
    mapping = HEADER.replace('key_ttl = "1h"', 'key_ttl = "2s"')
    trial = new_trial(mapping, crm={"idempotency_seconds": 0})
    traffic = burst(3, 9, base=BASE, seed=9)
    harm(trial, ("timeout_after", "reset_after"), count=2)

    verdict = deliver(trial, traffic)

    assert verdict.perfect, verdict
    assert not trial.command("audit")["parked"]


def test_what_was_edited_meanwhile_goes_again_as_it_was_and_then_as_it_is(
    new_trial: NewTrial,
) -> None:
    trial = new_trial(HEADER)
    traffic = burst(1, 1, base=BASE, seed=10)
    trial.crm.order(
        "faults",
        {"kind": "timeout_after", "count": 1, "match": {"call": "messages.all", "method": "POST"}},
    )
    process = trial.start()
    trial.wait_until_ready(process)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))
    wait_until(
        lambda: trial.status()["destinations"]["rest"]["in_doubt"] == 1,
        seconds=30,
        what="the message is in doubt",
        last_words=trial.last_words,
    )
    process.terminate()
    process.wait(20)
    edited = HEADER + '[message.fields]\ntext = "{{ message.text }} (WhatsApp)"\n'
    (trial.folder / "crm.toml").write_text(edited)

    trial.wait_until_ready(trial.start())
    trial.wait_until_settled()

    (message,) = trial.crm.state()["messages"]
    assert message["text"].endswith(" (WhatsApp)")


def test_a_mistake_in_the_mapping_is_told_by_check_before_any_request(new_trial: NewTrial) -> None:
    trial = new_trial(LOOKUP.replace('body = "{{ fields }}"', 'body = "{{ feilds }}"', 1))

    answer = trial.command("check", "rest")

    found = [each for each in answer["checks"] if each["state"] == "fail"]
    assert [(each["name"], each["file"], each["field"], each["nearest"]) for each in found] == [
        ("rest.mapping", "crm.toml", "contact.create.body", "fields")
    ]
    assert found[0]["line"] == 7
    assert trial.crm.state()["calls"] == {}


def test_check_says_what_a_mapping_does_without(new_trial: NewTrial) -> None:
    trial = new_trial()

    answer = trial.command("check", "rest")

    states = {each["name"]: each["state"] for each in answer["checks"]}
    assert answer["ok"], answer
    assert states["rest.account"] == states["rest.schema"] == "ok"
    assert "exactly one record" in answer["promises"]["rest"]


def test_a_conversation_that_outgrows_a_record_goes_on_in_another(new_trial: NewTrial) -> None:
    trial = new_trial(CONVERSATIONS, crm={"text_limit": 65_535})
    noon = (BASE - timedelta(days=1)).replace(hour=15, minute=0)
    traffic = burst(1, 605, base=noon, seed=11, per_webhook=50)
    first = Traffic(traffic.webhooks[:12], traffic.expected, traffic.numbers)
    trial.wait_until_ready(trial.start())

    asyncio.run(send(trial.webhook_url, trial.secret, first.webhooks))
    trial.wait_until_settled()
    before = trial.crm.state()["messages"]
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks[12:]))
    trial.wait_until_settled()

    records = trial.crm.state()["messages"]
    assert len(records) == len(before) > 2
    [expected] = traffic.expected
    words = [message.text for message in expected.messages]
    held = [sum(text in record["text"] for record in records) for text in words]
    assert held == [1] * 605
    assert len({record["external_ref"] for record in records}) == len(records)
    same = [record for record in records if record in before]
    assert len(same) == len(records) - 1
    audit = trial.command("audit")
    assert audit["synced"] == 605
    assert audit["difference"] == audit["open"] == 0
