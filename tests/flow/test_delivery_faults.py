"""What a CRM does to the daemon: gates, pauses, drift, merges, deletions; and what comes of it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.comparison import compare_hubspot
from connector.sandbox.sender import send
from connector.sandbox.traffic import Traffic

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]


def start(trial: Trial) -> None:
    trial.wait_until_ready(trial.start())


def post(trial: Trial, traffic: Traffic) -> None:
    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))


def hubspot(trial: Trial) -> dict[str, Any]:
    found: dict[str, Any] = trial.status()["destinations"]["hubspot"]
    return found


def reaches(trial: Trial, state: str, *, seconds: float = 30) -> dict[str, Any]:
    """Wait until the destination is in a state, and return what is said of it."""
    wait_until(
        lambda: hubspot(trial)["state"] == state,
        seconds=seconds,
        what=f"hubspot is {state}",
        last_words=trial.last_words,
    )
    return hubspot(trial)


def part(traffic: Traffic, start: int, end: int) -> Traffic:
    return Traffic(traffic.webhooks[start:end], traffic.expected, traffic.numbers)


def assert_all_there(trial: Trial, traffic: Traffic) -> None:
    trial.wait_until_settled()
    verdict = compare_hubspot(traffic.expected, trial.crm.state())
    assert verdict.perfect, verdict
    audit = trial.command("audit")
    assert (audit["difference"], audit["open"], audit["parked"]) == (0, 0, {})


def test_an_outage_parks_nothing_and_the_backlog_drains_by_itself(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)
    traffic = burst(20, 200, base=BASE, seed=11)
    trial.crm.order("faults", {"kind": "unavailable", "share": 1.0})

    post(trial, traffic)
    said = reaches(trial, "broken")
    trial.crm.order("faults", None, method="DELETE")

    assert said["parked"] == 0
    assert_all_there(trial, traffic)


def test_too_many_requests_gate_the_destination_and_lose_nothing(new_trial: NewTrial) -> None:
    trial = new_trial(crm={"burst_limit": 8, "burst_seconds": 2})
    start(trial)
    traffic = burst(100, 400, base=BASE, seed=12)

    post(trial, traffic)

    assert_all_there(trial, traffic)


def test_a_revoked_token_pauses_and_a_replaced_one_resumes_without_a_restart(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    start(trial)
    traffic = burst(10, 60, base=BASE, seed=13)
    post(trial, part(traffic, 0, 20))
    trial.wait_until_settled()
    trial.crm.order("tokens", {"token": trial.crm.token}, method="DELETE")

    post(trial, part(traffic, 20, 60))
    said = reaches(trial, "paused")
    assert (said["reason"], said["parked"], said["open"]) == ("auth", 0, said["open"])
    assert said["open"] > 0
    trial.crm.order("tokens", {"token": "pat-na1-fresh"})
    (trial.folder / "crm_token").write_text("pat-na1-fresh\n")

    reaches(trial, "open")
    assert_all_there(trial, traffic)


def test_doubtful_answers_double_nothing_where_messages_have_a_unique_key(
    new_trial: NewTrial,
) -> None:
    trial = new_trial(crm={"burst_limit": 100_000})
    start(trial)
    traffic = burst(50, 1000, base=BASE, seed=14)
    for kind in ("reset_after", "error_after", "timeout_after", "half_answer", "omit_input"):
        trial.crm.order("faults", {"kind": kind, "share": 0.06})

    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, rate=200))
    trial.crm.order("faults", None, method="DELETE")

    assert_all_there(trial, traffic)


def test_doubtful_answers_double_nothing_where_messages_are_looked_up(
    new_trial: NewTrial,
) -> None:
    trial = new_trial(crm={"burst_limit": 100_000, "refuse_unique_on": ["communications"]})
    start(trial)
    traffic = burst(20, 300, base=BASE, seed=15)
    for kind in ("reset_after", "error_after", "timeout_after", "reset_before"):
        trial.crm.order("faults", {"kind": kind, "share": 0.05})

    asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks, rate=100))
    trial.crm.order("faults", None, method="DELETE")

    assert_all_there(trial, traffic)


def test_a_merged_contact_is_followed(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)
    traffic = burst(1, 4, base=BASE, seed=16)
    post(trial, part(traffic, 0, 2))
    trial.wait_until_settled()
    [ours] = trial.crm.state()["contacts"]
    other = trial.crm.order(
        "create", {"type": "contacts", "properties": {"firstname": "Other", "email": "o@x.com"}}
    )
    trial.crm.order(
        "merge", {"type": "contacts", "primary": int(other["id"]), "secondary": int(ours["id"])}
    )

    post(trial, part(traffic, 2, 4))
    trial.wait_until_settled()

    state = trial.crm.state()
    assert len(state["contacts"]) == 1
    survivor = state["contacts"][0]["id"]
    assert all(survivor in each["links"]["contacts"] for each in state["communications"])
    assert len(state["communications"]) == 4


def test_a_contact_that_is_in_hubspot_already_is_adopted_and_people_s_name_stays(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    traffic = burst(1, 2, base=BASE, seed=17)
    [person] = traffic.expected
    assert person.phone is not None
    trial.crm.order(
        "create",
        {
            "type": "contacts",
            "properties": {"firstname": "Dona Maria", "phone": _as_people_type(person.phone)},
        },
    )
    trial.crm.order("index", {})
    start(trial)

    post(trial, traffic)
    trial.wait_until_settled()

    state = trial.crm.state()
    [contact] = state["contacts"]
    assert contact["properties"]["firstname"] == "Dona Maria"
    assert contact["properties"]["wa_contact_key"].startswith("wc_")
    assert len(state["communications"]) == 2


def test_two_candidates_become_a_review_and_hold_up_nobody_else(new_trial: NewTrial) -> None:
    trial = new_trial()
    traffic = burst(3, 9, base=BASE, seed=18)
    person = traffic.expected[0]
    for name in ("A", "B"):
        trial.crm.order(
            "create",
            {"type": "contacts", "properties": {"firstname": name, "phone": person.phone}},
        )
    trial.crm.order("index", {})
    start(trial)

    post(trial, traffic)
    wait_until(
        lambda: trial.command("audit")["synced"] == 6 and hubspot(trial)["reviews"] == 1,
        seconds=30,
        what="the others are synced and one review is open",
        last_words=trial.last_words,
    )

    said = hubspot(trial)
    assert (said["parked"], said["open"]) == (1, 3)


def test_an_optional_field_that_vanishes_is_left_out_and_parks_nothing(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    mapping = trial.folder / "own.toml"
    mapping.write_text(
        'extends = "hubspot"\n[contact.fields]\n'
        'wa_nickname = { value = "{{ contact.display_name }}" }\n'
    )
    text = trial.config.read_text()
    trial.config.write_text(
        text.replace('adapter = "hubspot"\n', 'adapter = "hubspot"\nmapping = "own.toml"\n')
    )
    start(trial)
    traffic = burst(5, 10, base=BASE, seed=19)

    post(trial, traffic)

    assert_all_there(trial, traffic)
    assert hubspot(trial)["degraded_fields"] == ["contact.fields.wa_nickname"]


def test_statuses_that_nobody_maps_cost_no_call(new_trial: NewTrial) -> None:
    trial = new_trial()
    start(trial)
    traffic = burst(2, 2, base=BASE, seed=20)
    post(trial, traffic)
    trial.wait_until_settled()
    before = trial.crm.state(objects="none")["calls"]

    post(trial, Traffic(traffic.webhooks, traffic.expected, traffic.numbers))
    trial.wait_until_settled()

    assert trial.crm.state(objects="none")["calls"] == before


def _as_people_type(phone: str) -> str:
    """Return ``+5511970000000`` as ``(11) 97000-0000``."""
    local = phone.removeprefix("+55")
    return f"({local[:2]}) {local[2:7]}-{local[7:]}"


def test_a_person_of_whom_the_crm_can_not_be_asked_delays_the_others_only_now_and_then(
    new_trial: NewTrial,
) -> None:
    """It looks like an outage, and nobody is blamed for one; but the others get their turn."""
    trial = new_trial()
    traffic = burst(9, 36, base=BASE, seed=19)
    person = traffic.expected[4]
    assert person.phone is not None
    match = {"call": "contacts.search", "body": person.phone[-8:]}
    trial.crm.order("faults", {"kind": "error_before", "share": 1.0, "match": match})
    start(trial)

    post(trial, part(traffic, 0, 18))
    post(trial, part(traffic, 18, 36))

    own = {each.wamid for each in person.messages}

    def others_are_there() -> bool:
        verdict = compare_hubspot(traffic.expected, trial.crm.state())
        missing = {each.wamid for each in verdict.missing}
        return missing <= own and verdict.missing_contacts in ([], [person])

    wait_until(
        others_are_there, seconds=60, what="the others are there", last_words=trial.last_words
    )
    assert compare_hubspot(traffic.expected, trial.crm.state()).missing_contacts == [person]
    assert hubspot(trial)["parked"] == 0
    trial.crm.order("faults", None, method="DELETE")
    assert_all_there(trial, traffic)
