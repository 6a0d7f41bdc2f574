"""Dead letters as people and programs are shown them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.config.models import Config
from connector.deliver.destination import Destination
from connector.errors import CrmError, RenderError
from connector.ledger.dead_letters import DeadLetter
from connector.ledger.ledger import Ledger
from connector.ledger.sources import load_contacts, load_conversations, load_messages
from connector.mapping.render import Renderer
from connector.mapping.rendered import Rendered
from connector.model.codes import explain_code
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.number import Number
from connector.runtime.building import build_destination
from connector.runtime.explanation import tell_next
from connector.runtime.preview import assumed_schema
from connector.runtime.times import rfc3339


def letter_json(letter: DeadLetter) -> dict[str, Any]:
    """Return one item of ``dead-letters list --json``."""
    code = explain_code(letter.code)
    return {
        "id": letter.id,
        "destination": letter.destination,
        "record": letter.record,
        "contact": letter.contact,
        "code": letter.code,
        "in_doubt": letter.in_doubt,
        "cause": code.cause,
        "next": tell_next(code.next, letter.id),
        "attempts": letter.attempts,
        "crm_status": letter.status,
        "crm_detail": letter.detail,
        "queued_at": rfc3339(letter.queued_at),
        "parked_at": rfc3339(letter.parked_at),
    }


@dataclass(frozen=True, slots=True)
class _Material:
    """What a dead letter's record is made from."""

    contact: Contact
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Anew:
    """A dead letter's record, mapped again now."""

    fields: Mapping[str, Any] | None
    """Times as RFC 3339; ``None`` where it can not be made."""
    note: str | None = None
    """Why not, or what is uncertain about it."""


def render_anew(config: Config, ledger: Ledger, letter: DeadLetter) -> Anew:
    """Map the record of a dead letter again, with the mapping and the CRM's schema of now."""
    if letter.destination not in config.destinations:
        return Anew(None, f"the destination {letter.destination} is not configured any more")
    material = ledger.query(_gather, letter)
    if material is None:
        return Anew(None, "what it was made from was erased or dropped")
    destination = build_destination(config, ledger, letter.destination)
    return asyncio.run(_render_anew(destination, letter, material))


def _gather(connection: Connection, letter: DeadLetter) -> _Material | None:
    messages: Sequence[Message] = ()
    contact_id: int | None = None
    if letter.record == "contact":
        contact_id = int(letter.source_id)
    elif letter.record == "message":
        messages = tuple(load_messages(connection, [int(letter.source_id)]).values())
    else:
        messages = load_conversations(connection, [letter.source_id])[letter.source_id]
    if messages:
        contact_id = messages[0].contact_id
    if contact_id is None or any(message.purged for message in messages):
        return None
    contact = load_contacts(connection, [contact_id]).get(contact_id)
    return None if contact is None else _Material(contact, tuple(messages))


async def _render_anew(destination: Destination, letter: DeadLetter, material: _Material) -> Anew:
    note = None
    try:
        await destination.learn_schema()
        renderer = destination.renderer
    except CrmError as error:
        note = f"mapped without the CRM's schema, which can not be read now: {error}"
        renderer = _renderer_without_schema(destination)
    finally:
        await destination.client.aclose()
    try:
        rendered = _render(renderer, letter, material, destination.numbers)
    except RenderError as error:
        return Anew(None, f"the mapping can not be rendered, {error.field}: {error}")
    return Anew({name: _spell(value) for name, value in rendered.fields.items()}, note)


def _renderer_without_schema(destination: Destination) -> Renderer:
    settings = destination.render_settings
    return Renderer(
        destination.mapping,
        contact_schema=assumed_schema(destination.mapping.contact.fields),
        message_schema=assumed_schema(destination.mapping.message.fields),
        language=settings.language,
        time_zone=settings.time_zone,
        mask=settings.mask,
        labels=settings.labels,
    )


def _render(
    renderer: Renderer, letter: DeadLetter, material: _Material, numbers: Mapping[str, Number]
) -> Rendered:
    if letter.record == "contact":
        return renderer.contact(material.contact, crm_id=letter.crm_id)
    number = numbers.get(material.messages[0].number) or Number(material.messages[0].number)
    if letter.record == "message":
        return renderer.message(
            material.messages[0],
            material.contact,
            key=letter.marker,
            contact_crm_id=None,
            number=number,
        )
    return renderer.conversation(
        material.messages, material.contact, key=letter.marker, contact_crm_id=None, number=number
    )


def _spell(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value
