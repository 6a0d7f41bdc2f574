"""Inputs of HubSpot's batches: contacts, messages and links to them."""

from typing import Any


def contact(key: str, trace: str | None = None, **properties: str) -> dict[str, Any]:
    """Return an input of a contact upsert."""
    made: dict[str, Any] = {"id": key, "idProperty": "wa_contact_key", "properties": properties}
    return made if trace is None else made | {"objectWriteTraceId": trace}


def message(**properties: str) -> dict[str, str]:
    """Return the properties that a communication needs, and others."""
    return {
        "hs_timestamp": "2026-11-24T10:00:00.000Z",
        "hs_communication_channel_type": "WHATS_APP",
        "hs_communication_logged_from": "CRM",
        "hs_communication_body": "<p>Olá</p>",
        **properties,
    }


def link_to(record: str, number: int = 81) -> dict[str, Any]:
    """Return an inline association."""
    return {
        "to": {"id": record},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}],
    }
