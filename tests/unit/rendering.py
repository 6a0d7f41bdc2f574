"""Records as small mappings make them, for the tests of mappings."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connector.mapping.labels import Labels
from connector.mapping.load import load_mapping
from connector.mapping.preview import NUMBER, make_samples
from connector.mapping.render import Renderer
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.number import Number
from connector.model.record import FieldInfo

NOW = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)
FULL, BARE = make_samples()
HTML = {"html": FieldInfo("html", "HTML", "html")}
MASK = ("cpf", "cnpj", "card")


def render_with(
    toml: str,
    folder: Path,
    *,
    contact_schema: dict[str, FieldInfo] | None = None,
    labels: Labels | None = None,
    language: str = "pt-BR",
) -> Renderer:
    (folder / "mine.toml").write_text(toml, encoding="utf-8")
    return Renderer(
        load_mapping("mine.toml", folder=folder, adapter="hubspot"),
        contact_schema=contact_schema or {},
        message_schema=HTML,
        language=language,
        time_zone=ZoneInfo("America/Sao_Paulo"),
        mask=MASK,
        labels=labels,
    )


def contact_fields(fields: str, folder: Path, contact: Contact = FULL.contact) -> dict[str, Any]:
    toml = f'[contact]\nobject = "c"\n[message]\nobject = "m"\n[contact.fields]\n{fields}\n'
    return render_with(toml, folder).contact(contact, crm_id="33451", country="BR").fields


def message_fields(
    fields: str,
    folder: Path,
    message: Message = FULL.messages[0],
    *,
    contact: Contact = FULL.contact,
    number: Number = NUMBER,
    labels: Labels | None = None,
) -> dict[str, Any]:
    toml = f'[contact]\nobject = "c"\n[message]\nobject = "m"\n[message.fields]\n{fields}\n'
    return (
        render_with(toml, folder, labels=labels)
        .message(message, contact, key="wm_1", contact_crm_id="33451", number=number)
        .fields
    )


def text(words: str, **more: Any) -> Message:
    return replace(FULL.messages[0], content={"text": words}, **more)
