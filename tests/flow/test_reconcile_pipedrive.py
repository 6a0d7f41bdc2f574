"""A sweep of a sandbox Pipedrive, which has no unique keys, no batches and no redirects."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from connector.runtime.trial import Trial
from connector.sandbox.burst import burst
from connector.sandbox.sender import send

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]
CLASSES = ("missing", "changed", "deleted", "merged", "duplicate")


def found(**counts: int) -> dict[str, int]:
    return dict.fromkeys(CLASSES, 0) | counts


def notes(trial: Trial) -> dict[int, str]:
    return {each["id"]: each["note"] for each in trial.crm.state()["activities"]}


def copy_activity(trial: Trial, activity: dict[str, Any]) -> None:
    """Make an activity anew as it is, as a request does that is applied late."""
    names = ("subject", "type", "done", "due_date", "due_time", "note", "participants")
    body = {name: activity[name] for name in names if activity.get(name) is not None}
    trial.crm.order("create", {"type": "activities", "body": body})


def test_conversations_are_restored_healed_and_left_deleted_and_people_are_followed(
    new_trial: NewTrial,
) -> None:
    trial = new_trial(
        adapter="pipedrive",
        crm={"burst_limit": 200},
        destination={"batch_wait": "200ms", "rate": '{ requests = 150, per = "2s" }'},
    )
    trial.wait_until_ready(trial.start())
    traffic = burst(40, 120, base=BASE, seed=8)
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, concurrency=8))
    trial.wait_until_settled(seconds=90)
    state = trial.crm.state()
    assert (len(state["persons"]), len(state["activities"])) == (40, 40)
    before = notes(trial)
    activities, persons = state["activities"], state["persons"]
    for each in activities[:4]:
        body = {"note": "nada a ver"}
        trial.crm.order("edit", {"type": "activities", "id": each["id"], "body": body})
    for each in activities[4:6]:
        trial.crm.order("delete", {"type": "activities", "id": each["id"]})
    for each in activities[6:9]:
        copy_activity(trial, each)
    trial.crm.order("delete", {"type": "persons", "id": persons[39]["id"]})
    for number, each in enumerate(persons[30:32]):
        phones = [{"value": each["phones"][0]["value"], "primary": True, "label": "work"}]
        who = {"name": f"Estranho {number}", "phones": phones}
        stranger = trial.crm.order("create", {"type": "persons", "body": who})
        trial.crm.order("merge", {"removed": each["id"], "survivor": stranger["id"]})
    trial.crm.order("index", {})

    part = trial.command("reconcile")["destinations"]["pipedrive"]

    assert part["state"] == "done", part["reason"]
    assert part["found"] == found(changed=4, deleted=3, merged=2, duplicate=3)
    assert part["repaired"] == found(changed=4, merged=2, duplicate=3)
    deleted = {each["id"] for each in activities[4:6]}
    assert notes(trial) == {key: text for key, text in before.items() if key not in deleted}
    again = trial.command("reconcile")["destinations"]["pipedrive"]
    assert again["found"] == found()
