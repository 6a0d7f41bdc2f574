"""The WhatsApp side: envelopes, the sample day, bursts."""

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import phonenumbers
import pytest

from connector.sandbox.burst import burst
from connector.sandbox.conversations import CONVERSATIONS, NUMBERS
from connector.sandbox.envelopes import (
    Person,
    Said,
    make_media,
    make_text,
    make_wamid,
    make_webhook,
    messages_change,
    sign,
    write_echo,
    write_message,
    write_status,
)
from connector.sandbox.traffic import DAY, DayOfTraffic

BASE = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
ANA = Person("Ana Paula", "5511987654321", "BR.15", "ana")
HIDDEN = Person("Bia", None, "BR.16", "bia")
SALES = NUMBERS[0]


def changes(webhook: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield field and value of every change in a webhook."""
    body = json.loads(webhook)
    assert body["object"] == "whatsapp_business_account"
    for entry in body["entry"]:
        for change in entry["changes"]:
            yield change["field"], change["value"]


def elements(webhooks: list[bytes], field: str, key: str) -> list[dict[str, Any]]:
    """Return the items under one key of all changes of one field, in order."""
    return [
        item
        for webhook in webhooks
        for name, value in changes(webhook)
        if name == field
        for item in value.get(key, ())
    ]


@pytest.fixture(scope="module")
def day() -> DayOfTraffic:
    return DayOfTraffic(BASE)


def test_a_signature_is_over_the_exact_bytes() -> None:
    body = b'{"a":"\\u00e9"}'
    digest = hmac.new(b"secret", body, hashlib.sha256).hexdigest()

    assert sign("secret", body) == f"sha256={digest}"


def test_a_body_escapes_as_meta_does() -> None:
    said = Said("wamid.A/B", BASE, "text", make_text("Olá 😀"))

    body = make_webhook(SALES, messages_change(SALES, [ANA], [write_message(ANA, said)]))

    assert body.isascii()
    assert b"Ol\\u00e1 \\ud83d\\ude00" in body
    assert b"wamid.A\\/B" in body
    assert elements([body], "messages", "messages")[0]["text"] == {"body": "Olá 😀"}


def test_a_message_id_holds_whom_the_chat_is_with() -> None:
    inbound, outbound = make_wamid(ANA, 1), make_wamid(ANA, 1, outbound=True)

    assert b"5511987654321" in base64.b64decode(inbound.removeprefix("wamid."))
    assert len({inbound, outbound, make_wamid(ANA, 2)}) == 3


def test_what_is_not_known_of_a_person_is_absent_rather_than_empty() -> None:
    said = Said("wamid.A", BASE, "text", make_text("oi"))

    shown = write_message(HIDDEN, said)
    echo = write_echo(SALES, HIDDEN, said)
    status = write_status(HIDDEN, "wamid.A", "read", BASE)

    assert "from" not in shown
    assert shown["from_user_id"] == "BR.16"
    assert "to" not in echo
    assert echo["to_user_id"] == "BR.16"
    assert "recipient_id" not in status
    assert status["recipient_user_id"] == "BR.16"


def test_media_come_as_ids_with_a_type_and_a_digest() -> None:
    image = make_media("image", 1, "Olha só")
    voice = make_media("audio", 2)
    document = make_media("document", 3, filename="a.pdf")

    assert image["caption"] == "Olha só"
    assert voice["voice"] is True
    assert "caption" not in voice
    assert document["filename"] == "a.pdf"
    assert len(base64.b64decode(image["sha256"])) == 32


def test_the_sample_numbers_are_real_forms_of_the_phones_expected() -> None:
    areas = set()
    for conversation in CONVERSATIONS:
        if conversation.phone is None:
            continue
        number = phonenumbers.parse(conversation.phone)
        assert phonenumbers.is_valid_number(number), conversation.person
        national = phonenumbers.national_significant_number(number)
        if number.country_code == 55:
            areas.add(national[:2])
            assert conversation.person.wa_id in {f"55{national}", f"55{national[:2]}{national[3:]}"}
        else:
            assert conversation.person.wa_id == f"521{national}"
    assert areas == {"11", "21", "31", "71", "85"}


def test_the_cast_has_every_kind_of_sender() -> None:
    people = [each.person for each in CONVERSATIONS]

    lengths = Counter(len(each.wa_id) for each in people if each.wa_id and each.wa_id[:2] == "55")
    assert lengths == {13: 6, 12: 4}
    assert [each.username for each in people if each.wa_id is None] == ["bia.ceramica"]
    assert [each.wa_id for each in people if (each.user_id or "").startswith("MX.")]
    assert len({each.name for each in people}) == len(people) == 12


def test_the_same_seed_and_base_give_the_same_bytes(day: DayOfTraffic) -> None:
    assert DayOfTraffic(BASE).webhooks == day.webhooks
    assert DayOfTraffic(BASE, seed=1).webhooks != day.webhooks


@pytest.mark.parametrize("seed", range(5))
def test_the_day_sends_what_it_expects_and_nothing_else(seed: int) -> None:
    day = DayOfTraffic(BASE, seed=seed)
    written = elements(day.webhooks, "messages", "messages")
    echoes = elements(day.webhooks, "smb_message_echoes", "message_echoes")
    statuses = elements(day.webhooks, "messages", "statuses")
    known = [each for each in written if each["type"] != "hologram"]

    expected = {each.wamid: each for person in day.expected for each in person.messages}
    assert {each["id"] for each in known} == {
        each.wamid for each in expected.values() if each.direction == "in"
    }
    assert {each["id"] for each in echoes} == {
        each.wamid for each in expected.values() if each.direction == "out"
    }
    assert {each["id"] for each in statuses} == {each["id"] for each in echoes}
    assert len({(each["id"], each["status"]) for each in statuses}) == day.statuses
    sent = len(known) + len(echoes) + len(statuses)
    assert sent == day.messages + day.statuses + day.redelivered
    assert day.summary()["messages"] == len(expected) == 121
    for each in known:
        message = expected[each["id"]]
        content = each[each["type"]]
        text = content.get("body") or content.get("caption") or content.get("filename") or ""
        assert (message.kind, message.text) == (each["type"], text)
        assert message.sent_at.timestamp() == int(each["timestamp"])


def test_the_day_has_every_oddity_that_meta_has(day: DayOfTraffic) -> None:
    assert len(set(day.webhooks)) == len(day.webhooks) - 6

    parts = [json.loads(each) for each in day.webhooks]
    great = max(parts, key=lambda each: len(json.dumps(each)))
    assert len(great["entry"]) == 2
    assert any(len(entry["changes"]) > 1 for entry in great["entry"])

    fields = Counter(name for webhook in day.webhooks for name, _ in changes(webhook))
    assert set(fields) == {"messages", "smb_message_echoes", "galaxy_updates"}
    kinds = Counter(each["type"] for each in elements(day.webhooks, "messages", "messages"))
    assert {"text", "image", "audio", "video", "document", "sticker", "hologram"} == set(kinds)
    assert day.unknown == fields["galaxy_updates"] + kinds["hologram"]
    assert any("context" in each for each in elements(day.webhooks, "messages", "messages"))


def test_statuses_come_out_of_order_and_before_their_message(day: DayOfTraffic) -> None:
    rank = {"sent": 1, "failed": 2, "delivered": 3, "read": 4}
    first_seen: dict[str, int] = {}
    echoed: dict[str, int] = {}
    falls = 0
    highest: dict[str, int] = {}
    told: set[tuple[str, str]] = set()
    for place, webhook in enumerate(day.webhooks):
        for _, value in changes(webhook):
            for status in value.get("statuses", ()):
                first_seen.setdefault(status["id"], place)
                now = rank[status["status"]]
                if (status["id"], status["status"]) not in told:
                    falls += now < highest.get(status["id"], 0)
                told.add((status["id"], status["status"]))
                highest[status["id"]] = max(now, highest.get(status["id"], 0))
            for echo in value.get("message_echoes", ()):
                echoed.setdefault(echo["id"], place)

    assert falls > 3
    assert sum(first_seen[wamid] < place for wamid, place in echoed.items()) > 3
    for person in day.expected:
        for message in person.messages:
            if message.direction == "out":
                assert rank[message.status or ""] == highest[message.wamid]


def test_the_times_of_one_person_all_differ_and_end_with_the_day(day: DayOfTraffic) -> None:
    for person in day.expected:
        times = [each.sent_at for each in person.messages]
        assert all(earlier < later for earlier, later in pairwise(times))
        assert times[0] >= BASE
        assert times[-1] <= BASE + DAY


def test_somebody_without_a_user_id_is_dialled_in_both_spellings(day: DayOfTraffic) -> None:
    echoes = elements(day.webhooks, "smb_message_echoes", "message_echoes")

    dialled = {each["to"] for each in echoes if "to_user_id" not in each}

    assert dialled == {"558587654321", "5585987654321"}


def test_everything_can_go_through_one_number() -> None:
    day = DayOfTraffic(BASE, numbers=NUMBERS[:1])

    assert {
        value["metadata"]["phone_number_id"] for each in day.webhooks for _, value in changes(each)
    } == {SALES.phone_number_id}
    assert {each.number for person in day.expected for each in person.messages} == {"Vendas"}


def test_what_must_not_leave_is_named_apart_from_what_must_arrive(day: DayOfTraffic) -> None:
    secrets = {
        secret for person in day.expected for each in person.messages for secret in each.hidden
    }
    message = next(
        each for person in day.expected for each in person.messages if "529.982" in each.text
    )

    assert secrets == {"529.982.247-25", "4111 1111 1111 1111"}
    assert message.visible == ("É", ", no nome da minha esposa")


@pytest.mark.parametrize("per_webhook", [1, 7])
def test_a_burst_sends_each_text_once(per_webhook: int) -> None:
    traffic = burst(10, 95, base=BASE, per_webhook=per_webhook)

    written = elements(traffic.webhooks, "messages", "messages")
    expected = [each for person in traffic.expected for each in person.messages]

    assert len(traffic.webhooks) == -(-95 // per_webhook)
    assert sorted(each["id"] for each in written) == sorted(each.wamid for each in expected)
    assert len({each.text for each in expected}) == traffic.messages == 95
    assert len({each.phone for each in traffic.expected}) == 10
    for person in traffic.expected:
        assert len({each.sent_at for each in person.messages}) == len(person.messages)
        assert phonenumbers.is_valid_number(phonenumbers.parse(person.phone or ""))


def test_bursts_of_different_seeds_share_nobody() -> None:
    first, second = (burst(50, 50, base=BASE, seed=seed) for seed in (1, 2))

    assert not {each.phone for each in first.expected} & {each.phone for each in second.expected}
    assert not {each.user_id for each in first.expected} & {
        each.user_id for each in second.expected
    }
