"""The shipped mapping: valid against a company that was set up, and its HTML stays as it is."""

import asyncio
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.crm.registry import Connection
from connector.mapping.load import load_mapping
from connector.mapping.models import Mapping
from connector.mapping.render import Renderer
from connector.mapping.validate import validate_mapping
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.number import Number
from connector.model.outcome import Written
from connector.model.record import Record

START = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
ANA = Contact(
    id=1,
    key="wc_1",
    first_seen_at=START,
    phone="+5511987654321",
    wa_id="5511987654321",
    profile_name='Ana <script>"Zé"</script> & Cia',
)
SALES = Number(name="Vendas", country="BR")

MESSAGE_BY_MESSAGE = """
extends = "pipedrive"
[message]
granularity = "message"
[message.fields]
subject = "WhatsApp · {{ contact.display_name }}"
due_date = "{{ message.sent_at }}"
due_time = "{{ message.sent_at }}"
note = "{{ message.html }}"
"""
NOTES = """
extends = "pipedrive"
[message]
object = "notes"
[message.fields]
content = "{{ conversation.transcript_html }}"
subject = ""
type = ""
done = ""
due_date = ""
due_time = ""
note = ""
"""


def message(number: int, direction: Any, text: str) -> Message:
    return Message(
        id=number,
        wamid=f"wamid.{number}",
        wamid_hash=f"{number}",
        number="Vendas",
        contact_id=1,
        conversation="1:Vendas:2026-11-23",
        direction=direction,
        kind="text",
        content={"text": text},
        sent_at=START + timedelta(minutes=number),
    )


MESSAGES = [
    message(1, "in", 'Oi! <b>negrito?</b> 1 < 2 & "aspas"\nsegunda linha'),
    message(2, "out", "Olá, Ana 🎉"),
]


def load(folder: Path, text: str | None) -> Mapping:
    if text is None:
        return load_mapping(None, folder=folder, adapter="pipedrive")
    (folder / "mine.toml").write_text(text)
    return load_mapping("mine.toml", folder=folder, adapter="pipedrive")


async def renderer_of(at: Connection, crm: Any, mapping: Mapping) -> Renderer:
    schemas = [await at.adapter.describe(obj) for obj in (crm.contact, crm.message)]
    problems = validate_mapping(mapping, contact_schema=schemas[0], message_schema=schemas[1])
    assert problems == []
    return Renderer(
        mapping,
        contact_schema=schemas[0],
        message_schema=schemas[1],
        language="pt-BR",
        time_zone=ZoneInfo("America/Sao_Paulo"),
    )


@pytest.mark.parametrize(
    ("text", "kind", "body"),
    [
        (None, "activities", "note"),
        (MESSAGE_BY_MESSAGE, "activities", "note"),
        (NOTES, "notes", "content"),
    ],
)
def test_a_mapping_reaches_pipedrive_and_its_html_stays_as_it_was(
    start_company: Any, tmp_path: Path, text: str | None, kind: str, body: str
) -> None:
    mapping = load(tmp_path, text)
    assert mapping.message.object == kind

    async def case(crm: Any) -> None:
        at = crm.connect()
        try:
            renderer = await renderer_of(at, crm, mapping)
            contact = renderer.contact(ANA, country="BR")
            [person] = await at.adapter.upsert(crm.contact, [Record("wc_1", contact.for_create())])
            assert isinstance(person, Written)
            common: Any = {
                "key": "wv_1",
                "contact_crm_id": person.crm_id,
                "number": SALES,
            }
            if mapping.message.granularity == "message":
                rendered = renderer.message(MESSAGES[0], ANA, **common)
            else:
                rendered = renderer.conversation(MESSAGES, ANA, **common)
            links = {"contact": person.crm_id}
            record = Record("wv_1", rendered.for_create(), linked_crm_ids=links)
            [outcome] = await at.adapter.upsert(crm.message, [record])
            assert isinstance(outcome, Written)
            read = await at.adapter.read(crm.message, [outcome.crm_id], [body])
            held = str(read[outcome.crm_id][body])
            # A sanitiser may spell entities anew; tags, order and text stay.
            assert unescape(held) == unescape(str(rendered.fields[body]))
            assert held.count("<") == str(rendered.fields[body]).count("<")
            assert "<script" not in held
        finally:
            await at.aclose()

    with start_company(messages=kind) as crm:
        asyncio.run(case(crm))
        [seen] = crm.persons()
        assert seen["phones"][0]["value"] == "+5511987654321"


def test_a_day_is_the_local_one_and_its_time_is_told_in_utc(crm: Any, tmp_path: Path) -> None:
    """01:31 UTC is the evening before in São Paulo; Pipedrive shows it in its user's zone."""
    mapping = load(tmp_path, None)

    async def case() -> None:
        at = crm.connect()
        try:
            renderer = await renderer_of(at, crm, mapping)
            rendered = renderer.conversation(
                MESSAGES, ANA, key="wv_1", contact_crm_id="1", number=SALES
            )
            person = crm.add_contact("Ana")
            record = Record("wv_1", rendered.for_create(), linked_crm_ids={"contact": person})
            await at.adapter.upsert(crm.message, [record])
        finally:
            await at.aclose()

    asyncio.run(case())
    [activity] = crm.order("GET", "/state?objects=activities")["activities"]
    assert "· 23/11/2026 ⟦wa·" in activity["subject"]
    assert (activity["due_date"], activity["due_time"]) == ("2026-11-24", "01:31:00")
    assert activity["done"] is True
    assert activity["type"] == "whatsapp"


def test_a_company_that_was_not_set_up_fails_the_check_with_the_nearest_type(
    crm: Any, tmp_path: Path
) -> None:
    mapping = load(tmp_path, None)
    crm.undo_setup()

    async def case() -> None:
        at = crm.connect()
        try:
            schemas = [await at.adapter.describe(obj) for obj in (crm.contact, crm.message)]
        finally:
            await at.aclose()
        [problem] = validate_mapping(mapping, contact_schema=schemas[0], message_schema=schemas[1])
        assert problem.key == "message.fields.type"
        assert "call" in str(problem.expected)

    asyncio.run(case())
