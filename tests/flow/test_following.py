"""A contact that is gone from a CRM: who is left of it is found at once, and its messages go on."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.sender import send
from connector.sandbox.traffic import Traffic

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]


def start(trial: Trial) -> None:
    trial.wait_until_ready(trial.start())


def post(trial: Trial, traffic: Traffic, begin: int, end: int) -> None:
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks[begin:end]))


def namesake(trial: Trial, phone: str | None, name: str) -> str:
    """Put another record with a phone into HubSpot; return its id."""
    properties = {"firstname": name, "phone": phone}
    made = trial.crm.order("create", {"type": "contacts", "properties": properties})
    trial.crm.order("index", {})
    return str(made["id"])


def delete_contact(trial: Trial, traffic: Traffic) -> None:
    """Delete the one contact that the connector made in HubSpot."""
    [ours] = trial.crm.state()["contacts"]
    assert ours["properties"]["phone"] == traffic.expected[0].phone
    trial.crm.order("delete", {"type": "contacts", "id": int(ours["id"])})


def owners(state: dict[str, Any]) -> list[str]:
    """Return the contact of each message in HubSpot that has one."""
    return [end for each in state["communications"] for end in each["links"].get("contacts", ())]


def test_the_one_record_left_with_the_phone_takes_over(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)
    traffic = burst(1, 4, base=BASE, seed=41)
    post(trial, traffic, 0, 2)
    trial.wait_until_settled()
    delete_contact(trial, traffic)
    left = namesake(trial, traffic.expected[0].phone, "Left")

    post(trial, traffic, 2, 4)
    trial.wait_until_settled()

    state = trial.crm.state()
    [contact] = state["contacts"]
    assert contact["id"] == left
    assert contact["properties"]["firstname"] == "Left", "what people typed stays"
    assert contact["properties"]["wa_contact_key"].startswith("wc_")
    assert owners(state) == [left, left]
    audit = trial.command("audit")
    assert (audit["synced"], audit["parked"], audit["difference"]) == (4, {}, 0)


def test_several_that_are_left_are_for_a_person_to_decide(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)
    traffic = burst(1, 3, base=BASE, seed=42)
    post(trial, traffic, 0, 1)
    trial.wait_until_settled()
    delete_contact(trial, traffic)
    left = [namesake(trial, traffic.expected[0].phone, name) for name in ("A", "B")]

    post(trial, traffic, 1, 3)
    wait_until(
        lambda: trial.status()["destinations"]["hubspot"]["reviews"] == 1,
        seconds=30,
        what="a review is open",
        last_words=trial.last_words,
    )
    [review] = trial.command("reviews", "list")["items"]
    assert [each["crm_id"] for each in review["candidates"]] == left
    trial.command("reviews", "resolve", str(review["id"]), "--use", left[1])
    trial.wait_until_settled()

    assert owners(trial.crm.state()) == [left[1], left[1]]
    assert trial.command("audit")["synced"] == 3


def test_a_contact_of_which_nobody_is_left_waits_with_its_messages(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)
    traffic = burst(1, 2, base=BASE, seed=43)
    post(trial, traffic, 0, 1)
    trial.wait_until_settled()
    delete_contact(trial, traffic)

    post(trial, traffic, 1, 2)
    wait_until(
        lambda: trial.status()["destinations"]["hubspot"]["parked"] == 1,
        seconds=30,
        what="the contact is parked",
        last_words=trial.last_words,
    )

    [letter] = trial.command("dead-letters", "list")["items"]
    assert (letter["record"], letter["code"]) == ("contact", "vanished")
    audit = trial.command("audit")
    assert (audit["synced"], audit["open"]) == (1, 1)
    assert trial.crm.state()["contacts"] == []


def test_two_of_our_contacts_that_people_merged_in_pipedrive_go_on_as_the_one_left(
    new_trial: NewTrial,
) -> None:
    trial = new_trial(adapter="pipedrive", crm={"burst_limit": 1000, "search_limit": 1000})
    process = trial.start()
    trial.wait_until_ready(process)
    traffic = burst(2, 8, base=BASE, seed=44)
    post(trial, traffic, 0, 4)
    trial.wait_until_settled()
    process.terminate()  # and with it what it remembers of persons
    assert process.wait(20) == 0
    before = trial.crm.state()
    first, second = sorted(each["id"] for each in before["persons"])
    trial.crm.order("merge", {"removed": second, "survivor": first})
    key = {each["id"]: each["custom"]["WhatsApp key"] for each in before["persons"]}[first]
    trial.crm.order("index", {})

    start(trial)
    post(trial, traffic, 4, 8)
    trial.wait_until_settled()

    state = trial.crm.state()
    [person] = state["persons"]
    assert person["id"] == first
    assert person["custom"]["WhatsApp key"] == key, "the key of the one that stayed stays"
    written = " ".join(each["note"] for each in state["activities"])
    for contact in traffic.expected:
        for message in contact.messages:
            assert written.count(message.text) == 1
    assert {each["person_id"] for each in state["activities"]} == {first}
    audit = trial.command("audit")
    assert (audit["synced"], audit["parked"], audit["difference"]) == (8, {}, 0)
