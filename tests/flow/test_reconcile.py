"""Sweeps of a sandbox HubSpot that people worked in, by the real daemon and by the command."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.schema import delivery
from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.envelopes import (
    Person,
    Said,
    make_text,
    make_wamid,
    make_webhook,
    messages_change,
    write_message,
)
from connector.sandbox.sender import send
from connector.sandbox.traffic import ExpectedContact, Traffic

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]
CLASSES = ("missing", "changed", "deleted", "merged", "duplicate")


def deliver(trial: Trial, traffic: Traffic) -> None:
    """Send everything through the running daemon, and see that it arrived."""
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, concurrency=16))
    trial.wait_until_settled(seconds=90)


def found(**counts: int) -> dict[str, int]:
    return dict.fromkeys(CLASSES, 0) | counts


class People:
    """What somebody does in HubSpot's own pages."""

    def __init__(self, trial: Trial, seed: int) -> None:
        self._crm = trial.crm
        state = self._crm.state()
        chance = random.Random(seed)  # noqa: S311 - which records are touched
        self.contacts = [each["id"] for each in state["contacts"]]
        self.messages = [each["id"] for each in state["communications"]]
        self.state = state
        chance.shuffle(self.contacts)
        chance.shuffle(self.messages)
        self._contact_of = {
            each["id"]: each["links"]["contacts"][0] for each in state["communications"]
        }

    def messages_of(self, contacts: Sequence[str]) -> list[str]:
        return [each for each in self.messages if self._contact_of[each] in contacts]

    def leave(self, contacts: Sequence[str]) -> None:
        """Touch no message of these: with a deleted contact its messages are not looked at."""
        self.messages = [each for each in self.messages if self._contact_of[each] not in contacts]

    def delete(self, kind: str, ids: Sequence[str]) -> None:
        for each in ids:
            self._crm.order("delete", {"type": kind, "id": int(each)})

    def alter(self, ids: Sequence[str]) -> None:
        for each in ids:
            properties = {"hs_communication_body": "nada a ver"}
            self._crm.order(
                "edit", {"type": "communications", "id": int(each), "properties": properties}
            )

    def merge(self, ids: Sequence[str]) -> None:
        """Merge contacts of ours with strangers."""
        for number, each in enumerate(ids):
            stranger = self._crm.order(
                "create", {"type": "contacts", "properties": {"email": f"x{number}@example.com"}}
            )
            self._crm.order("merge", {"primary": int(each), "secondary": int(stranger["id"])})

    def copy(self, ids: Sequence[str]) -> None:
        """Make records anew as they are, as a request does that is applied late."""
        by_id = {each["id"]: each for each in self.state["communications"]}
        for each in ids:
            record = by_id[each]
            names = [name for name in record["properties"] if name.startswith(("hs_comm", "wa_"))]
            self._crm.order(
                "create",
                {
                    "type": "communications",
                    "properties": {
                        name: record["properties"][name] for name in [*names, "hs_timestamp"]
                    },
                    "links": [["contacts", int(end)] for end in record["links"]["contacts"]],
                },
            )


def drop_and_quote(traffic: Traffic, count: int) -> Traffic:
    """Lose some webhooks; their senders quote the lost messages later."""
    lost = [each.messages[0] for each in traffic.expected[:count]]
    webhooks, expected = list(traffic.webhooks[count:]), list(traffic.expected)
    number = traffic.numbers[0]
    for place, message in enumerate(lost):
        contact = expected[place]
        person = Person(contact.name, contact.wa_id, contact.user_id)
        wamid = make_wamid(person, 900_000 + place)
        said = Said(wamid, BASE.replace(microsecond=0), "text", make_text("sobre aquilo ..."))
        body = write_message(person, said, reply_to=(person, message.wamid))
        webhooks.append(make_webhook(number, messages_change(number, [person], [body])))
        expected[place] = ExpectedContact(
            contact.name,
            contact.phone,
            contact.wa_id,
            contact.user_id,
            contact.username,
            contact.messages[1:],
        )
    return Traffic(webhooks, tuple(expected), traffic.numbers)


@pytest.mark.timeout(300)
def test_one_reconciliation_reports_each_class_exactly_and_a_second_finds_nothing(
    new_trial: NewTrial, trial_ledger: str | None
) -> None:
    trial = new_trial(ledger_url=trial_ledger, crm={"refuse_unique_on": ["communications"]})
    trial.wait_until_ready(trial.start())
    traffic = drop_and_quote(burst(400, 1600, base=BASE, seed=5), 16)
    deliver(trial, traffic)
    people = People(trial, seed=5)
    people.leave(people.contacts[:4])
    people.delete("contacts", people.contacts[:4])
    people.merge(people.contacts[4:24])
    people.delete("communications", people.messages[:16])
    people.alter(people.messages[16:56])
    people.copy(people.messages[56:66])
    trial.crm.order("index", {})

    first = trial.command("reconcile")

    part = first["destinations"]["hubspot"]
    assert part["state"] == "done", part["reason"]
    assert part["found"] == found(changed=40, deleted=20, merged=20, duplicate=10)
    assert part["repaired"] == found(changed=40, merged=20, duplicate=10)
    assert part["left"] == 20
    assert first["missed_webhooks"][traffic.numbers[0].name] == 16
    assert part["checked"] == 2000
    assert part["calls"] <= 2 * 20 + 3, part["calls"]

    second = trial.command("reconcile")

    assert second["destinations"]["hubspot"]["found"] == found()
    assert second["destinations"]["hubspot"]["left"] == 0


def begin(new_trial: NewTrial, contacts: int, messages: int, **options: Any) -> Trial:
    """Start the daemon and deliver so many messages."""
    trial = new_trial(**options)
    trial.wait_until_ready(trial.start())
    deliver(trial, burst(contacts, messages, base=BASE, seed=7))
    return trial


def writing_calls(trial: Trial) -> int:
    calls = trial.crm.state(objects="none")["calls"]
    verbs = {"create", "update", "upsert", "archive", "erase"}
    return sum(count for call, count in calls.items() if call.rpartition(".")[2] in verbs)


def stop_all(trial: Trial) -> None:
    for process in trial.processes:
        process.terminate()
        assert process.wait(20) == 0
    trial.processes.clear()


def bodies(trial: Trial) -> dict[str, str]:
    return {
        each["id"]: each["properties"]["hs_communication_body"]
        for each in trial.crm.state()["communications"]
    }


def test_a_sweep_that_would_change_too_much_stops_and_changes_nothing(
    new_trial: NewTrial,
) -> None:
    trial = begin(new_trial, 20, 100)
    people = People(trial, seed=7)
    people.alter(people.messages[:21])
    before, written = bodies(trial), writing_calls(trial)

    outcome = trial.command("reconcile")

    part = outcome["destinations"]["hubspot"]
    assert part["state"] == "braked"
    assert "21 of 120" in part["reason"]
    assert part["found"] == found(changed=21)
    assert part["left"] == 21
    assert bodies(trial) == before
    assert writing_calls(trial) == written
    assert trial.status()["destinations"]["hubspot"]["last_reconcile"]["state"] == "braked"


def test_a_sweep_that_sees_suddenly_far_fewer_records_stops_and_changes_nothing(
    new_trial: NewTrial,
) -> None:
    trial = begin(new_trial, 10, 20)
    people = People(trial, seed=7)
    people.delete("communications", people.messages[:12])
    people.delete("contacts", people.contacts[:4])

    part = trial.command("reconcile")["destinations"]["hubspot"]

    assert part["state"] == "braked"
    assert part["reason"] == "the CRM shows 14 of 30 records that it should hold"
    audit = trial.command("audit")
    assert (audit["synced"], audit["parked"]) == (20, {})


def test_without_repair_nothing_is_changed_and_the_same_is_found_again(
    new_trial: NewTrial,
) -> None:
    trial = begin(new_trial, 20, 100)
    people = People(trial, seed=7)
    people.alter(people.messages[:5])
    people.delete("communications", people.messages[5:8])
    people.merge(people.contacts[:2])
    before, written = bodies(trial), writing_calls(trial)
    expected = found(changed=5, deleted=3, merged=2)

    for _ in range(2):
        part = trial.command("reconcile", "--no-repair")["destinations"]["hubspot"]
        assert (part["state"], part["found"], part["left"]) == ("done", expected, 10)
        assert {item["action"] for item in part["items"]} == {"reported"}

    assert bodies(trial) == before
    assert writing_calls(trial) == written


def test_the_command_sweeps_by_itself_where_no_daemon_runs(
    new_trial: NewTrial, trial_ledger: str | None
) -> None:
    trial = begin(new_trial, 20, 100, ledger_url=trial_ledger)
    before = bodies(trial)
    stop_all(trial)
    people = People(trial, seed=7)
    people.alter(people.messages[:5])

    part = trial.command("reconcile")["destinations"]["hubspot"]

    assert (part["found"], part["left"]) == (found(changed=5), 0)
    assert {item["action"] for item in part["items"]} == {"restored"}
    assert all(item["fields"] == ["hs_communication_body"] for item in part["items"])
    assert bodies(trial) == before


ALWAYS = """
[reconcile]
on_deleted = "always"
restore_messages = true
"""


def test_what_people_deleted_comes_back_only_where_that_was_asked_for(
    new_trial: NewTrial,
) -> None:
    trial = begin(new_trial, 20, 100, extra=ALWAYS)
    people = People(trial, seed=7)
    theirs = people.messages_of(people.contacts[:2])
    people.leave(people.contacts[:2])
    people.delete("communications", [*people.messages[:2], theirs[0]])
    people.delete("contacts", people.contacts[:2])

    part = trial.command("reconcile")["destinations"]["hubspot"]

    assert (part["found"], part["left"]) == (found(deleted=5), 0)
    state = trial.crm.state()
    assert (len(state["contacts"]), len(state["communications"])) == (20, 100)


def test_a_deleted_contact_returns_with_a_new_message_and_with_nothing_else(
    new_trial: NewTrial,
) -> None:
    trial = begin(new_trial, 20, 100)
    people = People(trial, seed=7)
    people.delete("contacts", people.contacts[:2])

    part = trial.command("reconcile")["destinations"]["hubspot"]
    assert (part["found"], part["left"]) == (found(deleted=2), 2)
    assert trial.command("reconcile")["destinations"]["hubspot"]["found"] == found()
    trial.command("resync", "--force")
    trial.command("replay")
    trial.wait_until_settled()
    assert len(trial.crm.state()["contacts"]) == 18

    everybody = burst(20, 20, base=datetime.now(UTC) + timedelta(seconds=2), seed=7)
    again = [body.replace(b"wamid.", b"wamid.N") for body in everybody.webhooks]
    deliver(trial, Traffic(again, everybody.expected, everybody.numbers))

    assert len(trial.crm.state()["contacts"]) == 20


def test_a_sweep_goes_on_where_a_kill_left_it(
    new_trial: NewTrial, trial_ledger: str | None
) -> None:
    trial = begin(new_trial, 20, 600, ledger_url=trial_ledger)
    people = People(trial, seed=7)
    people.alter(people.messages[:8])
    people.delete("communications", people.messages[8:12])
    # The first of seven reads is answered, the others not before the daemon is killed.
    fault = {
        "kind": "slow",
        "match": {"call": "communications.read"},
        "seconds": 1.5,
        "skip": 2,
        "count": 50,
    }
    trial.crm.order("faults", fault)
    waiting = trial.command_in_background("reconcile")
    seen = reads(trial) + 4
    wait_until(lambda: reads(trial) >= seen, seconds=30, what="some of it was read back")
    trial.processes[0].kill()
    trial.processes[0].wait()
    trial.crm.order("faults", None, method="DELETE")
    before = reads(trial)

    trial.wait_until_ready(trial.start())

    part = json.loads(waiting.communicate(timeout=60)[0])["destinations"]["hubspot"]
    assert part["found"] == found(changed=8, deleted=4)
    assert part["repaired"] == found(changed=8)
    assert part["checked"] == 620
    assert reads(trial) - before < 7, "it began anew"
    assert trial.command("reconcile")["destinations"]["hubspot"]["found"] == found()


def reads(trial: Trial) -> int:
    count: int = trial.crm.state(objects="none")["calls"].get("communications.read", 0)
    return count


def test_what_people_change_in_old_records_is_found_by_what_the_crm_lists(
    new_trial: NewTrial,
) -> None:
    trial = begin(new_trial, 20, 300)
    before = bodies(trial)
    stop_all(trial)
    with closing(Ledger(open_engine(f"sqlite:///{trial.folder / 'connector.db'}"))) as ledger:
        # Written and looked at long ago, so that no window holds it.
        past = datetime.now(UTC) - timedelta(days=10)
        old = {"synced_at": past, "sent_at": past}
        ledger.transact(lambda c: c.execute(update(delivery).values(**old)))
    people = People(trial, seed=7)
    people.alter(people.messages[:5])
    trial.crm.order("index", {})

    part = trial.command("reconcile", "--window", "1h")["destinations"]["hubspot"]

    assert (part["found"], part["left"]) == (found(changed=5), 0)
    # The CRM lists all of it as changed within the hour: it was made in this test.
    assert part["checked"] == 300
    schema = 2  # read by this command, where a daemon has it in mind
    assert part["calls"] <= 2 * 3 + 1 + schema
    assert bodies(trial) == before
