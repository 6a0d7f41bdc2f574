"""A conversation too long for a CRM record is kept in parts that follow from its messages."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.load import load_mapping
from connector.mapping.markup import LIMIT
from connector.mapping.preview import NUMBER, make_samples
from connector.mapping.render import Renderer
from connector.mapping.words import words_of
from connector.model.conversation_parts import part_key, read_part_key, split_conversation
from connector.model.message import Message

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
CONTACT = make_samples()[0].contact
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.integers(0, 4096).map(lambda size: "&" * size),
        st.integers(0, 60_000).map(lambda size: "a\n" * (size // 2)),
    ),
    max_size=40,
)


def said(texts: Sequence[str]) -> list[Message]:
    return [
        Message(
            id=number,
            wamid=f"wamid.{number}",
            wamid_hash=str(number),
            number=NUMBER.name,
            contact_id=7,
            conversation="7:Vendas:2026-11-24",
            direction="in",
            kind="text",
            content={"text": text},
            sent_at=START + timedelta(seconds=number),
        )
        for number, text in enumerate(texts, start=1)
    ]


@given(texts=TEXTS)
def test_the_parts_hold_every_message_once_and_in_order(texts: list[str]) -> None:
    messages = said(texts)

    parts = split_conversation(messages)

    assert [each for part in parts for each in part] == messages
    assert parts
    assert all(parts) or not messages


@given(texts=TEXTS, more=st.text(max_size=100))
def test_what_is_said_later_changes_no_part_but_the_last(texts: list[str], more: str) -> None:
    before, after = split_conversation(said(texts)), split_conversation(said([*texts, more]))

    assert after[: len(before) - 1] == before[:-1]
    assert len(after) in {len(before), len(before) + 1}


def test_a_day_of_short_messages_is_one_part_and_a_long_one_is_several() -> None:
    assert len(split_conversation(said(["Oi, tudo bem?"] * 200))) == 1
    assert len(split_conversation(said(["x" * 4000] * 40))) == 3


@given(texts=st.lists(st.integers(0, 4096).map(lambda size: "é<\n" * (size // 3)), max_size=30))
def test_the_transcript_of_a_part_leaves_nothing_out(texts: list[str]) -> None:
    mapping = load_mapping("pipedrive", folder=Path(), adapter="pipedrive")
    renderer = Renderer(
        mapping,
        contact_schema={},
        message_schema={},
        language="pt-BR",
        time_zone=ZoneInfo("America/Sao_Paulo"),
    )

    for part in split_conversation(said(texts)) if texts else []:
        rendered = renderer.conversation(
            part, CONTACT, key="wv_1", contact_crm_id="1", number=NUMBER
        )
        note = str(rendered.fields["note"])
        assert words_of("pt-BR")["omitted"] not in note
        assert len(note) <= LIMIT


@pytest.mark.parametrize("number", [1, 2, 37])
@pytest.mark.parametrize("conversation", ["7:Vendas:2026-11-24", "7:Loja #2:2026-11-24"])
def test_a_part_has_a_key_that_says_which_it_is(conversation: str, number: int) -> None:
    assert read_part_key(part_key(conversation, number)) == (conversation, number)


def test_the_first_part_has_the_conversations_own_key() -> None:
    assert part_key("7:Vendas:2026-11-24", 1) == "7:Vendas:2026-11-24"
