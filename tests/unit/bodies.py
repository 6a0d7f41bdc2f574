"""Webhook bodies of one person, and what is read out of them."""

import json
from collections.abc import Mapping
from typing import Any

from connector.model.events import MessageEvent, Parsed
from connector.record.parse import parse

ANA: Mapping[str, Any] = {
    "profile": {"name": "Ana Souza", "username": "anasouza"},
    "wa_id": "5511987654321",
    "user_id": "BR.1349120865530274",
}
TEXT: Mapping[str, Any] = {
    "from": "5511987654321",
    "from_user_id": "BR.1349120865530274",
    "id": "wamid.A",
    "timestamp": "1764000000",
    "type": "text",
    "text": {"body": "Oi, tudo bem?"},
}


def value(**parts: Any) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "551133334444", "phone_number_id": "106540352242922"},
        **parts,
    }


def envelope(*changes: Any, field: str = "messages") -> dict[str, Any]:
    return {
        "object": "whatsapp_business_account",
        "entry": [
            {"id": "102290129340398", "changes": [{"field": field, "value": c} for c in changes]}
        ],
    }


def read(body: Any) -> Parsed:
    return parse(json.dumps(body).encode())


def read_messages(*messages: Any, contacts: Any = (ANA,)) -> Parsed:
    return read(envelope(value(contacts=list(contacts), messages=list(messages))))


def only_message(*messages: Any, contacts: Any = (ANA,)) -> MessageEvent:
    parsed = read_messages(*messages, contacts=contacts)
    assert parsed.kept == []
    (event,) = parsed.events
    assert isinstance(event, MessageEvent)
    return event
