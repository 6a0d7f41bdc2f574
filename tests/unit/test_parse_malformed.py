"""What is malformed is kept or told, and spoils nothing beside it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.events import MessageEvent, StatusEvent
from connector.record.parse import parse
from tests.unit.bodies import TEXT, envelope, only_message, read, value

DEEP = "[" * 100_000 + "]" * 100_000
HUGE = "7" * 5_000
MALFORMED = {
    "null": "null",
    "a number": "5",
    "a text": '"message"',
    "a list": "[]",
    "no id": json.dumps({**TEXT, "id": None}),
    "a NUL in the id": json.dumps({**TEXT, "id": "wamid.\0"}),
    "a lone surrogate in the id": json.dumps({**TEXT, "id": "wamid.\ud800"}),
    "text that is a list": json.dumps({**TEXT, "text": ["x"]}),
    "an integer of 5,000 digits": json.dumps(TEXT).replace('"1764000000"', HUGE),
    "nesting of 100,000": json.dumps(TEXT).replace('"Oi, tudo bem?"', DEEP),
}


def test_ten_malformed_of_fifty_are_kept_and_forty_are_read() -> None:
    good = [json.dumps({**TEXT, "id": f"wamid.{n}"}) for n in range(40)]
    elements = [x for n, bad in enumerate(MALFORMED.values()) for x in (*good[n::10], bad)]
    body = json.dumps(envelope(value(messages=["HERE"]))).replace('"HERE"', ",".join(elements))

    parsed = parse(body.encode())

    assert parsed.error is None
    assert {e.about for e in parsed.events} == {f"wamid.{n}" for n in range(40)}
    assert len(parsed.kept) == 10
    assert {k.reason for k in parsed.kept} == {"unparsable"}


def test_a_message_with_nul_or_lone_surrogates_in_its_text_is_cleaned_and_read() -> None:
    event = only_message({**TEXT, "text": {"body": "a\0b\ud83dc 😀"}})

    assert event.content["text"] == "ab\ufffdc 😀"


def test_a_number_too_long_inside_an_unknown_part_harms_nothing() -> None:
    body = json.dumps(envelope(value(messages=[{**TEXT, "novelty": "HERE"}])))

    for strange in (HUGE, f"0.{HUGE}", f"-{HUGE}e9", DEEP, "NaN", "-Infinity", "1e999"):
        parsed = parse(body.replace('"HERE"', strange).encode())

        assert [e.about for e in parsed.events] == ["wamid.A"], strange[:10]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"{",
        b"null",
        b"5",
        b"[]",
        b"{}",
        b'{"entry": 5}',
        b'{"entry": {}}',
        b"\xff\xfe",
        DEEP.encode(),
        HUGE.encode(),
        b"[" * 100_000,
        b'{"entry": [' + b"1" * 5_000,
    ],
)
def test_a_body_that_says_nothing_is_an_error_and_no_exception(body: bytes) -> None:
    parsed = parse(body)

    assert parsed.error
    assert parsed.events == []


@pytest.mark.parametrize(
    "broken", [None, 5, "x", {}, {"changes": None}, {"changes": [None]}, {"changes": [{}]}]
)
def test_a_broken_entry_does_not_spoil_the_next(broken: Any) -> None:
    body = envelope(value(messages=[TEXT]))
    body["entry"].insert(0, broken)

    parsed = read(body)

    assert [e.about for e in parsed.events] == ["wamid.A"]
    assert [k.reason for k in parsed.kept] == ["unparsable"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["text", "image", "failed", "wamid.A", "BR.1", "5511987654321", "1764000000"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["id", "from", "type", "text", "body", "timestamp", "status", "image", "contacts"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    st.lists(json_values, max_size=4),
    st.lists(json_values, max_size=4),
    json_values,
    json_values,
)
def test_whatever_stands_in_a_body_every_element_is_an_event_or_kept(
    messages: list[Any], statuses: list[Any], contacts: Any, metadata: Any
) -> None:
    parsed = read(
        envelope(
            {
                "metadata": metadata,
                "contacts": contacts,
                "messages": messages,
                "statuses": statuses,
            }
        )
    )

    assert len(parsed.events) + len(parsed.kept) == len(messages) + len(statuses)
    for event in parsed.events:
        assert isinstance(event, MessageEvent | StatusEvent)
        json.dumps(event.content if isinstance(event, MessageEvent) else event.details).encode()


@given(st.binary(max_size=200))
def test_no_bytes_make_parsing_fail(body: bytes) -> None:
    parse(body)
