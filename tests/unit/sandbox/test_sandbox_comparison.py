"""The verdict: what a CRM holds against what was sent."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import pytest

from connector.sandbox.comparison import compare_hubspot, read_body
from connector.sandbox.traffic import DayOfTraffic, ExpectedContact, ExpectedMessage

BASE = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def expected() -> Sequence[ExpectedContact]:
    return DayOfTraffic(BASE).expected


def write_body(message: ExpectedMessage) -> str:
    """Return an HTML body such as a connector could write."""
    text = message.text
    for secret in message.hidden:
        text = text.replace(secret, "[CPF]")
    return f"<p><b>Someone</b>: {escape(text)}</p>".replace("\n", "<br>")


@pytest.fixture
def filled(hubspot: Any, expected: Sequence[ExpectedContact]) -> Any:
    """Return a portal that holds all of the day, once."""
    hubspot.portal.settings.burst_limit = 10_000
    for person in expected:
        properties = {"firstname": person.name, "phone": person.phone or ""}
        made = hubspot.post("/_sandbox/create", {"type": "contacts", "properties": properties})
        for message in person.messages:
            log(hubspot, made["id"], message)
    return hubspot


def log(hubspot: Any, contact: str | None, message: ExpectedMessage, **changes: str) -> str:
    """Put a message on a timeline, or on none."""
    properties = {
        "hs_timestamp": message.sent_at.isoformat(),
        "hs_communication_channel_type": "WHATS_APP",
        "hs_communication_logged_from": "CRM",
        "hs_communication_body": write_body(message),
        **changes,
    }
    links = [] if contact is None else [["contacts", int(contact)]]
    body = {"type": "communications", "properties": properties, "links": links}
    made: str = hubspot.post("/_sandbox/create", body)["id"]
    return made


def judge(hubspot: Any, expected: Sequence[ExpectedContact]) -> Any:
    """Return the verdict on a portal."""
    return compare_hubspot(expected, hubspot.get("/_sandbox/state"))


def test_a_crm_that_holds_everything_once_is_perfect(
    filled: Any, expected: Sequence[ExpectedContact]
) -> None:
    verdict = judge(filled, expected)

    assert verdict.perfect, str(verdict)
    assert verdict.disordered == []
    assert len(set(verdict.crm_ids)) == len(expected)


def test_an_empty_crm_lacks_everything(hubspot: Any, expected: Sequence[ExpectedContact]) -> None:
    verdict = judge(hubspot, expected)

    assert len(verdict.missing_contacts) == 12
    assert len(verdict.missing) == 121
    assert not verdict.perfect


def test_each_difference_is_told(filled: Any, expected: Sequence[ExpectedContact]) -> None:
    ids = judge(filled, expected).crm_ids
    state = filled.get("/_sandbox/state")
    lost = state["communications"][0]
    first = expected[0].messages[0]
    filled.post("/_sandbox/delete", {"type": "communications", "id": int(lost["id"])})
    log(filled, ids[0], expected[0].messages[1])
    wrong = log(filled, ids[1], expected[0].messages[2])
    stray = log(filled, None, expected[0].messages[2])
    secret = next(each for each in expected[3].messages if each.hidden)
    leak = log(filled, ids[3], secret, hs_communication_body=f"<p>{secret.text}</p>")

    verdict = judge(filled, expected)

    assert verdict.missing == [first]
    assert [each.wamid for each in verdict.doubled] == [
        expected[0].messages[1].wamid,
        secret.wamid,
    ]
    assert verdict.unexpected == [wrong]
    assert verdict.orphans == [stray]
    assert verdict.leaked == [secret]
    assert leak
    assert str(verdict).startswith("1 missing, 2 doubled, 1 unexpected, 1 orphaned, 1 leaked")


def test_a_person_who_is_there_twice_is_told(
    filled: Any, expected: Sequence[ExpectedContact]
) -> None:
    again = {"type": "contacts", "properties": {"phone": "(11) 98765-4321"}}
    filled.post("/_sandbox/create", again)

    verdict = judge(filled, expected)

    assert verdict.doubled_contacts == [expected[0]]
    assert verdict.crm_ids[0] is None
    assert verdict.missing == []


def test_a_contact_may_hold_the_phone_without_its_ninth_digit(
    hubspot: Any, expected: Sequence[ExpectedContact]
) -> None:
    one = {"type": "contacts", "properties": {"mobilephone": "+55 31 8812-4567"}}
    made = hubspot.post("/_sandbox/create", one)["id"]

    assert judge(hubspot, expected[1:2]).crm_ids == [made]


def test_a_text_that_was_not_escaped_is_missing(
    hubspot: Any, expected: Sequence[ExpectedContact]
) -> None:
    person = expected[7]
    message = next(each for each in person.messages if "<script>" in each.text)
    properties = {"phone": person.phone or ""}
    made = hubspot.post("/_sandbox/create", {"type": "contacts", "properties": properties})["id"]

    log(hubspot, made, message, hs_communication_body=message.text)

    assert message in judge(hubspot, [person]).missing


def test_an_order_other_than_that_of_sending_is_told_apart(
    hubspot: Any, expected: Sequence[ExpectedContact]
) -> None:
    person = expected[0]
    properties = {"phone": person.phone or ""}
    made = hubspot.post("/_sandbox/create", {"type": "contacts", "properties": properties})["id"]
    for message in reversed(person.messages):
        log(hubspot, made, message)

    verdict = judge(hubspot, [person])

    assert verdict.perfect
    assert verdict.disordered == [person]


def test_a_body_is_read_as_people_see_it() -> None:
    assert read_body("<p><b>Ana</b>: a &lt;b&gt;<br>c&amp;d</p>") == "Ana : a <b> c&d"
