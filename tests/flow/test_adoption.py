"""People whom the CRM knew before us, as other people typed them: found by phone, never guessed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.runtime.trial import Trial, wait_until
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

BASE = datetime.now(UTC) - timedelta(hours=1)
NewTrial = Callable[..., Trial]
FORMATS: Mapping[str, Callable[[str, str], str]] = {
    "(11) 98765-4321": lambda area, local: f"({area}) {local[:-4]}-{local[-4:]}",
    "11 98765 4321": lambda area, local: f"{area} {local[:-4]} {local[-4:]}",
    "+55 11 98765-4321": lambda area, local: f"+55 {area} {local[:-4]}-{local[-4:]}",
    "5511987654321": lambda area, local: f"55{area}{local}",
    "011 98765-4321": lambda area, local: f"0{area} {local[:-4]}-{local[-4:]}",
    "+55 (11) 98765.4321": lambda area, local: f"+55 ({area}) {local[:-4]}.{local[-4:]}",
}
"""How people write one number; area code and local number go in."""
LOOK_ALIKES = {
    "a landline, beside a mobile with its last eight digits": ("5511938765432", "(11) 3876-5432"),
    "a mobile, beside a landline that is its last eight digits": (
        "551138765433",
        "(11) 93876-5433",
    ),
    "the same number in another area": ("5511987651003", "(21) 98765-1003"),
    "the same number in another area, by its old spelling": ("551187651004", "(21) 8765-1004"),
    "a number without an area": ("5511987651005", "98765-1005"),
    "an old number without an area": ("5511987651006", "8765-1006"),
    "the digits of a national number, in Peru": ("5551987651007", "+51 987 651 007"),
    "one digit more": ("5511987651008", "(11) 98765-10081"),
}
"""What WhatsApp says, and what stands in a record that is somebody else's."""


def known_people() -> list[tuple[str, str]]:
    """Return what WhatsApp says and what people typed: each format, each way with a ninth digit."""
    people: list[tuple[str, str]] = []
    for write in FORMATS.values():
        for shown_with_nine in (True, False):
            for typed_with_nine in (True, False):
                local = f"8765{4000 + len(people)}"
                shown, typed = (
                    f"9{local}" if with_nine else local
                    for with_nine in (shown_with_nine, typed_with_nine)
                )
                people.append((f"5511{shown}", write("11", typed)))
    return people


def put_into_hubspot(trial: Trial, phones: Sequence[str]) -> list[str]:
    """Make a contact with each phone as it is typed; return their ids."""
    ids = [
        str(
            trial.crm.order(
                "create",
                {"type": "contacts", "properties": {"firstname": f"Typed {n}", "phone": phone}},
            )["id"]
        )
        for n, phone in enumerate(phones)
    ]
    trial.crm.order("index", {})
    return ids


def write_to_us(trial: Trial, wa_ids: Sequence[str], *, serial: int = 1) -> None:
    """Let each number write one message to us."""
    bodies = []
    for wa_id in wa_ids:
        person = Person(f"Profile {wa_id}", wa_id, f"BR.{wa_id[-8:]}")
        at = BASE + timedelta(minutes=serial)
        said = Said(make_wamid(person, serial), at, "text", make_text(f"{serial} of {wa_id}"))
        change = messages_change(NUMBERS[0], [person], [write_message(person, said)])
        bodies.append(make_webhook(NUMBERS[0], change))
    asyncio.run(send(trial.webhook_url, trial.secret, bodies))


def start(trial: Trial) -> None:
    trial.wait_until_ready(trial.start())


def owners(trial: Trial, wa_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return under which contacts the CRM shows the first message of each number."""
    found: dict[str, list[str]] = {wa_id: [] for wa_id in wa_ids}
    for each in trial.crm.state()["communications"]:
        text = each["properties"]["hs_communication_body"]
        for wa_id in wa_ids:
            if f"1 of {wa_id}" in text:
                found[wa_id] += each["links"]["contacts"]
    return found


def assert_balanced(trial: Trial, synced: int) -> None:
    audit = trial.command("audit")
    assert (audit["synced"], audit["difference"], audit["open"]) == (synced, 0, 0)


def test_a_contact_typed_in_any_format_is_adopted_with_and_without_the_ninth_digit(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    people = known_people()
    wa_ids = [wa_id for wa_id, _ in people]
    ids = put_into_hubspot(trial, [typed for _, typed in people])
    start(trial)

    write_to_us(trial, wa_ids)
    trial.wait_until_settled()

    assert owners(trial, wa_ids) == {
        wa_id: [crm_id] for wa_id, crm_id in zip(wa_ids, ids, strict=True)
    }
    contacts: dict[str, Any] = {
        each["id"]: each["properties"] for each in trial.crm.state()["contacts"]
    }
    assert sorted(contacts) == sorted(ids)
    for n, (crm_id, (_, typed)) in enumerate(zip(ids, people, strict=True)):
        assert contacts[crm_id]["wa_contact_key"].startswith("wc_")
        assert (contacts[crm_id]["firstname"], contacts[crm_id]["phone"]) == (f"Typed {n}", typed)
    assert_balanced(trial, len(people))


def test_a_look_alike_is_left_alone(new_trial: NewTrial) -> None:
    trial = new_trial()
    wa_ids = [wa_id for wa_id, _ in LOOK_ALIKES.values()]
    ids = put_into_hubspot(trial, [typed for _, typed in LOOK_ALIKES.values()])
    start(trial)

    write_to_us(trial, wa_ids)
    trial.wait_until_settled()

    contacts = {each["id"]: each["properties"] for each in trial.crm.state()["contacts"]}
    adopted = {
        what: crm_id
        for what, crm_id in zip(LOOK_ALIKES, ids, strict=True)
        if contacts[crm_id].get("wa_contact_key")
    }
    assert adopted == {}
    assert len(contacts) == 2 * len(LOOK_ALIKES)
    for wa_id, [owner] in owners(trial, wa_ids).items():
        assert owner not in ids
        assert contacts[owner]["firstname"] == "Profile"
        assert contacts[owner]["phone"].startswith("+55"), wa_id
    assert_balanced(trial, len(LOOK_ALIKES))


def test_one_person_in_two_spellings_is_a_review_until_somebody_decides(
    new_trial: NewTrial,
) -> None:
    trial = new_trial()
    ids = put_into_hubspot(trial, ["(11) 98765-4321", "11 8765 4321", "(11) 98765-9999"])
    start(trial)
    write_to_us(trial, ["551187654321", "5511987659999"])
    wait_until(
        lambda: (
            trial.command("audit")["synced"] == 1
            and trial.status()["destinations"]["hubspot"]["reviews"] == 1
        ),
        seconds=30,
        what="one is synced, the other a review",
        last_words=trial.last_words,
    )
    [review] = trial.command("reviews", "list")["items"]
    assert (review["kind"], review["waiting"]) == ("ambiguous", 1)
    assert sorted(each["crm_id"] for each in review["candidates"]) == sorted(ids[:2])

    trial.command("reviews", "resolve", str(review["id"]), "--use", ids[1])
    write_to_us(trial, ["5511987654321"], serial=2)
    trial.wait_until_settled()

    state = trial.crm.state()
    assert len(state["contacts"]) == 3
    links = sorted(each["links"]["contacts"] for each in state["communications"])
    assert links == sorted([[ids[1]], [ids[1]], [ids[2]]])
    assert_balanced(trial, 3)
