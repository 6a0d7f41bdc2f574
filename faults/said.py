"""What people say on WhatsApp, as webhooks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

NUMBER: Final = "106540352242922"


@dataclass(slots=True)
class Text:
    """A message as it was sent, with its last words."""

    wamid: str
    person: int
    sent_at: datetime
    words: str
    edits: int = 0


def _phone(person: int) -> str:
    return f"5511987{person:06d}"


def _seconds(moment: datetime) -> str:
    return str(int(moment.timestamp()))


def say(said: Text) -> dict[str, Any]:
    """Return the element that brings a message."""
    return {
        "id": said.wamid,
        "from": _phone(said.person),
        "timestamp": _seconds(said.sent_at),
        "type": "text",
        "text": {"body": said.words},
    }


def change(said: Text) -> dict[str, Any]:
    """Let the writer change a message, and return the element that says so."""
    said.edits += 1
    said.words = f"{said.words.split(' ~')[0]} ~{said.edits}"
    edited = {"type": "text", "text": {"body": said.words}}
    return {
        "id": f"{said.wamid}.edit{said.edits}",
        "from": _phone(said.person),
        "timestamp": _seconds(said.sent_at + timedelta(seconds=said.edits)),
        "type": "edit",
        "edit": {"original_message_id": said.wamid, "message": edited},
    }


def webhook(person: int, elements: Sequence[dict[str, Any]]) -> bytes:
    """Return a webhook with elements of one person."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "551133334444", "phone_number_id": NUMBER},
        "contacts": [{"wa_id": _phone(person), "profile": {"name": f"Pessoa {person}"}}],
        "messages": list(elements),
    }
    change = {"field": "messages", "value": value}
    entry = {"id": "102290129340398", "changes": [change]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
