"""A person decides who is who, beside the running daemon, and what waited flows."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.conversations import NUMBERS
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
from connector.sandbox.traffic import Traffic

BASE = datetime.now(UTC) - timedelta(hours=1)
NewTrial = Callable[..., Trial]


def ambiguous(trial: Trial, traffic: Traffic) -> dict[str, list[str]]:
    """Put two records with each person's phone into the CRM; return their ids by phone."""
    made: dict[str, list[str]] = {}
    for person in traffic.expected:
        assert person.phone is not None
        for name in ("A", "B"):
            properties = {"firstname": name, "phone": person.phone}
            record = trial.crm.order("create", {"type": "contacts", "properties": properties})
            made.setdefault(person.phone, []).append(record["id"])
    trial.crm.order("index", {})
    return made


def start(trial: Trial, webhooks: list[bytes]) -> None:
    trial.wait_until_ready(trial.start())
    post(trial, webhooks)


def post(trial: Trial, webhooks: list[bytes]) -> None:
    asyncio.run(send(trial.webhook_url, trial.secret, webhooks))


def waiting_reviews(trial: Trial, count: int) -> list[dict[str, Any]]:
    """Wait until so many contacts are ambiguous, and return the reviews as they are listed."""
    wait_until(
        lambda: trial.status()["destinations"]["hubspot"]["reviews"] == count,
        seconds=30,
        what=f"{count} reviews are open",
        last_words=trial.last_words,
    )
    found: list[dict[str, Any]] = trial.command("reviews", "list")["items"]
    return found


def test_what_is_decided_of_ambiguous_contacts_lets_their_messages_flow(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    traffic = burst(3, 9, base=BASE, seed=31)
    candidates = ambiguous(trial, traffic)
    start(trial, list(traffic.webhooks))
    by_candidates = {
        tuple(each["crm_id"] for each in item["candidates"]): item
        for item in waiting_reviews(trial, 3)
    }
    used, created, skipped = (
        by_candidates[tuple(candidates[person.phone or ""])] for person in traffic.expected
    )
    assert [each["waiting"] for each in (used, created, skipped)] == [3, 3, 3]
    assert f"reviews resolve {used['id']} --use CRM_ID" in used["next"]

    shown = trial.command("reviews", "show", str(used["id"]))
    assert shown["about"]["phone"] == traffic.expected[0].phone
    assert [each["fields"]["firstname"] for each in shown["candidates"]] == ["A", "B"]
    chosen = used["candidates"][1]["crm_id"]
    trial.command("reviews", "resolve", str(used["id"]), "--use", chosen)
    trial.command("reviews", "resolve", str(created["id"]), "--create")
    trial.command("reviews", "resolve", str(skipped["id"]), "--skip")

    trial.wait_until_settled()
    audit = trial.command("audit")
    assert (audit["synced"], audit["skipped"], audit["difference"]) == (6, {"operator": 3}, 0)
    state = trial.crm.state()
    assert len(state["contacts"]) == 7
    owners = [owner for each in state["communications"] for owner in each["links"]["contacts"]]
    assert owners.count(chosen) == 3
    known = {each for ids in candidates.values() for each in ids}
    assert sum(owner not in known for owner in owners) == 3
    assert trial.status()["destinations"]["hubspot"]["reviews"] == 0
    gone = trial.command("reviews", "resolve", str(used["id"]), "--create")
    assert gone["error"]["message"] == f"there is no open review {used['id']}"


def test_the_record_that_a_choice_left_over_is_not_taken_for_the_next_who_has_the_phone(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    traffic = burst(1, 1, base=BASE, seed=34)
    [person] = traffic.expected
    [[chosen, left]] = ambiguous(trial, traffic).values()
    start(trial, list(traffic.webhooks))
    [review] = waiting_reviews(trial, 1)
    trial.command("reviews", "resolve", str(review["id"]), "--use", chosen)
    trial.wait_until_settled()

    post(trial, [_says(Person("Somebody else", person.wa_id, "BR.900000000000003"), 1)])

    opened = [each for each in waiting_reviews(trial, 1) if each["kind"] == "ambiguous"]
    assert [[each["crm_id"] for each in item["candidates"]] for item in opened] == [[left]]
    owners = [each["links"]["contacts"] for each in trial.crm.state()["communications"]]
    assert owners == [[chosen]]


def test_a_record_of_another_contact_can_not_be_chosen(new_trial: NewTrial) -> None:
    trial = new_trial()
    known, doubtful = burst(1, 1, base=BASE, seed=32), burst(1, 1, base=BASE, seed=33)
    ambiguous(trial, doubtful)
    start(trial, [*known.webhooks, *doubtful.webhooks])
    [review] = waiting_reviews(trial, 1)
    wait_until(
        lambda: trial.command("audit")["synced"] == 1, seconds=20, what="the other is synced"
    )
    taken = next(
        each["id"]
        for each in trial.crm.state()["contacts"]
        if each["properties"]["phone"] == known.expected[0].phone
    )

    refused = trial.command("reviews", "resolve", str(review["id"]), "--use", taken)
    misfit = trial.command("reviews", "resolve", str(review["id"]), "--same")

    assert "another contact of ours" in refused["error"]["message"]
    assert "no answer to a review of kind ambiguous" in misfit["error"]["message"]
    assert len(trial.command("reviews", "list")["items"]) == 1


def test_two_people_with_one_phone_are_one_customer_where_a_person_says_so(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    first = Person("Ana", "5511970001111", "BR.900000000000001")
    second = Person("Ana Souza", "5511970001111", "BR.900000000000002")
    start(trial, [_says(first, 1), _says(second, 2)])
    trial.wait_until_settled()
    [review] = trial.command("reviews", "list")["items"]
    assert (review["kind"], review["waiting"], review["destination"]) == ("recycled_number", 0, "")
    shown = trial.command("reviews", "show", str(review["id"]))
    people = [shown["about"], shown["candidates"][0]["fields"]]
    assert {each["user_id"] for each in people} == {first.user_id, second.user_id}

    trial.command("reviews", "resolve", str(review["id"]), "--same")
    post(trial, [_says(first, 3), _says(second, 4)])
    trial.wait_until_settled()

    story = trial.command("explain", str(first.user_id))
    assert set(story["contact"]["user_ids"]) == {first.user_id, second.user_id}
    audit = trial.command("audit")
    assert (audit["synced"], audit["difference"]) == (4, 0)
    fresh = [
        each["links"]["contacts"]
        for each in trial.crm.state()["communications"]
        if any(f"message {n}" in each["properties"]["hs_communication_body"] for n in (3, 4))
    ]
    assert len(fresh) == 2
    assert fresh[0] == fresh[1]


def _says(person: Person, serial: int) -> bytes:
    at = BASE + timedelta(minutes=serial)
    said = Said(make_wamid(person, serial), at, "text", make_text(f"message {serial}"))
    change = messages_change(NUMBERS[0], [person], [write_message(person, said)])
    return make_webhook(NUMBERS[0], change)
