"""Sweeps of a sandbox HubSpot that people worked in, by the real daemon and by the command."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_hubspot
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


def state_of(trial: Trial) -> Any:
    return compare_hubspot([], trial.crm.state())
