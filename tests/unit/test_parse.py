"""What is read out of webhook bodies."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.model.events import Kept, MessageEvent, StatusEvent
from connector.model.identity import Identity
from tests.unit.bodies import ANA, TEXT, envelope, only_message, read, read_messages, value

SENT_AT = datetime(2025, 11, 24, 16, 0, tzinfo=UTC)


def test_a_text_message_is_read_whole() -> None:
    event = only_message(TEXT)

    assert event == MessageEvent(
        phone_number_id="106540352242922",
        wamid="wamid.A",
        direction="in",
        kind="text",
        content={"text": "Oi, tudo bem?"},
        at=SENT_AT,
        person=Identity(
            user_id="BR.1349120865530274",
            wa_id="5511987654321",
            username="anasouza",
            profile_name="Ana Souza",
        ),
    )


@pytest.mark.parametrize(
    ("kind", "part", "content"),
    [
        (
            "image",
            {"id": 77, "mime_type": "image/jpeg", "sha256": "aGFzaA==", "caption": "A fachada"},
            {
                "media": {"id": "77", "mime_type": "image/jpeg", "sha256": "aGFzaA=="},
                "caption": "A fachada",
            },
        ),
        (
            "audio",
            {"id": "78", "mime_type": "audio/ogg; codecs=opus", "voice": True},
            {"media": {"id": "78", "mime_type": "audio/ogg; codecs=opus", "voice": True}},
        ),
        ("video", {"id": "79", "caption": None}, {"media": {"id": "79"}}),
        (
            "document",
            {"id": "80", "filename": "orçamento.pdf", "url": "https://lookaside.fbsbx.com/x"},
            {
                "media": {
                    "id": "80",
                    "filename": "orçamento.pdf",
                    "url": "https://lookaside.fbsbx.com/x",
                }
            },
        ),
        (
            "sticker",
            {"id": "81", "mime_type": "image/webp", "animated": False},
            {"media": {"id": "81", "mime_type": "image/webp"}},
        ),
    ],
)
def test_media_is_named_with_its_caption(
    kind: str, part: dict[str, Any], content: dict[str, Any]
) -> None:
    event = only_message({**TEXT, "type": kind, kind: part})

    assert event.kind == kind
    assert event.content == content


def test_every_entry_change_and_element_is_walked() -> None:
    def text(wamid: str) -> dict[str, Any]:
        return {**TEXT, "id": wamid}

    body = envelope(value(messages=[text("1"), text("2")]), value(messages=[text("3")]))
    body["entry"] += envelope(value(messages=[text("4"), text("5")]))["entry"]

    assert [e.about for e in read(body).events] == ["1", "2", "3", "4", "5"]


def test_a_status_is_read_with_what_it_says_of_failure_and_price() -> None:
    parsed = read(
        envelope(
            value(
                contacts=[ANA],
                statuses=[
                    {
                        "id": "wamid.B",
                        "status": "failed",
                        "timestamp": 1764000000,
                        "recipient_id": "5511987654321",
                        "pricing": {"billable": False, "category": "utility"},
                        "errors": [
                            {
                                "code": 131049,
                                "title": "Not delivered",
                                "error_data": {"details": "healthy ecosystem"},
                            }
                        ],
                    }
                ],
            )
        )
    )

    assert parsed.kept == []
    assert parsed.events == [
        StatusEvent(
            phone_number_id="106540352242922",
            about="wamid.B",
            status="failed",
            at=SENT_AT,
            person=Identity(
                user_id="BR.1349120865530274",
                wa_id="5511987654321",
                username="anasouza",
                profile_name="Ana Souza",
            ),
            details={
                "failure": {
                    "code": "131049",
                    "title": "Not delivered",
                    "detail": "healthy ecosystem",
                },
                "pricing": {"category": "utility", "billable": False},
            },
        )
    ]


@pytest.mark.parametrize(
    "timestamp", [1764000000, "1764000000", 1764000000000, "1764000000000", 1764000000.0]
)
def test_a_time_may_be_text_or_number_seconds_or_milliseconds(timestamp: Any) -> None:
    assert only_message({**TEXT, "timestamp": timestamp}).at == SENT_AT


def test_cards_are_matched_by_user_id_then_phone_and_never_by_position() -> None:
    bia = {"profile": {"name": "Bia"}, "user_id": "BR.2"}
    caio = {"profile": {"name": "Caio"}, "wa_id": "+5521912345678"}
    parsed = read_messages(
        {**TEXT, "id": "1", "from": "552112345678", "from_user_id": None},
        {**TEXT, "id": "2", "from": None, "from_user_id": "BR.2"},
        {**TEXT, "id": "3", "from": "5585999990000", "from_user_id": "BR.3"},
        contacts=[ANA, bia, caio],
    )

    people = [e.person for e in parsed.events]
    assert [p.profile_name for p in people] == [None, "Bia", None]


def test_the_ninth_digit_does_not_hide_a_card() -> None:
    caio = {"profile": {"name": "Caio"}, "wa_id": "5521912345678"}

    assert only_message({**TEXT, "from": "552181234567"}, contacts=[caio]).person.profile_name is (
        None
    )
    event = only_message(
        {**TEXT, "from": "552191234567", "from_user_id": None},
        contacts=[{**caio, "wa_id": "5521991234567"}],
    )
    assert event.person.profile_name == "Caio"
    assert event.person.wa_id == "552191234567"


def test_a_card_of_another_person_with_the_same_phone_is_not_taken() -> None:
    event = only_message({**TEXT, "from_user_id": "BR.9"}, contacts=[ANA])

    assert event.person == Identity(user_id="BR.9", wa_id="5511987654321")


@pytest.mark.parametrize("name", ["from", "from_user_id"])
def test_a_user_id_is_one_wherever_it_stands(name: str) -> None:
    message = {k: v for k, v in TEXT.items() if k not in {"from", "from_user_id"}}

    person = only_message({**message, name: "EG.77aB"}, contacts=[]).person

    assert person == Identity(user_id="EG.77aB")


def test_a_reply_a_forward_an_ad_and_a_group_come_with_any_type() -> None:
    event = only_message(
        {
            **TEXT,
            "group_id": "Y2FwaV9n",
            "context": {"id": "wamid.PREV", "frequently_forwarded": True},
            "referral": {"source_id": 120226305854810726, "ctwa_clid": "Aff", "headline": None},
        }
    )

    assert event.content == {
        "text": "Oi, tudo bem?",
        "reply_to": "wamid.PREV",
        "forwarded": True,
        "frequently_forwarded": True,
        "referral": {"source_id": "120226305854810726", "ctwa_clid": "Aff"},
        "group_id": "Y2FwaV9n",
    }


def test_fields_nobody_knows_yet_change_nothing() -> None:
    noisy = {**TEXT, "from_logical_id": "1", "novelty": {"a": [1]}, "text": {"body": "x", "z": 1}}

    assert only_message(noisy).content == {"text": "x"}


def test_an_unknown_field_and_an_unknown_type_are_counted_where_they_stood() -> None:
    body = envelope(
        value(
            messages=[{**TEXT, "type": "hologram"}, TEXT],
            sightings=[{"a": 1}, {"a": 2}],
        )
    )
    body["entry"] += envelope({"x": 1}, field="new thing")["entry"]

    parsed = read(body)

    assert [e.about for e in parsed.events] == ["wamid.A"]
    assert parsed.kept == [
        Kept("unknown", "messages", "messages/hologram"),
        Kept("unknown", "messages", "messages/sightings"),
        Kept("unknown", "messages", "messages/sightings"),
        Kept("unknown", "new_thing", "new_thing"),
    ]


def test_a_message_without_a_type_is_known_by_its_part() -> None:
    message = {k: v for k, v in TEXT.items() if k != "type"}

    assert only_message(message).kind == "text"
