"""The kinds of records and the links between them, by HubSpot's own names and numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.sandbox.hubspot.refusals import bad_request


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One kind of record."""

    name: str
    """As paths spell it."""
    type_id: str
    singular: str
    created: str
    """The property that says when a record was made."""
    modified: str
    required: tuple[str, ...]
    """Without these, none is created."""
    read_scopes: tuple[str, ...]
    """Any one of them will do."""
    write_scopes: tuple[str, ...]
    mergeable: bool = False
    activity: bool = False
    """Whether it stands on the timelines of the records it is linked to."""


_CONTACT_READ: Final = ("crm.objects.contacts.read",)
_CONTACT_WRITE: Final = ("crm.objects.contacts.write",)

OBJECT_TYPES: Final[Mapping[str, ObjectType]] = {
    each.name: each
    for each in (
        ObjectType(
            "contacts",
            "0-1",
            "contact",
            "createdate",
            "lastmodifieddate",
            (),
            _CONTACT_READ,
            _CONTACT_WRITE,
            mergeable=True,
        ),
        ObjectType(
            "communications",
            "0-18",
            "communication",
            "hs_createdate",
            "hs_lastmodifieddate",
            ("hs_timestamp", "hs_communication_channel_type", "hs_communication_logged_from"),
            _CONTACT_READ,
            _CONTACT_WRITE,
            activity=True,
        ),
        ObjectType(
            "notes",
            "0-46",
            "note",
            "hs_createdate",
            "hs_lastmodifieddate",
            ("hs_timestamp",),
            _CONTACT_READ,
            _CONTACT_WRITE,
            activity=True,
        ),
        ObjectType(
            "deals",
            "0-3",
            "deal",
            "hs_createdate",
            "hs_lastmodifieddate",
            ("dealname", "dealstage", "pipeline"),
            ("crm.objects.deals.read",),
            ("crm.objects.deals.write",),
            mergeable=True,
        ),
        ObjectType(
            "tickets",
            "0-5",
            "ticket",
            "hs_createdate",
            "hs_lastmodifieddate",
            ("subject", "hs_pipeline", "hs_pipeline_stage"),
            ("tickets", "crm.objects.tickets.read"),
            ("tickets", "crm.objects.tickets.write"),
            mergeable=True,
        ),
    )
}

_BY_ANY_NAME: Final = {
    name: each
    for each in OBJECT_TYPES.values()
    for name in (each.name, each.singular, each.type_id)
}

LINK_TYPES: Final[Mapping[tuple[str, str], int]] = {
    ("communications", "contacts"): 81,
    ("contacts", "communications"): 82,
    ("communications", "tickets"): 83,
    ("tickets", "communications"): 84,
    ("communications", "deals"): 85,
    ("deals", "communications"): 86,
    ("notes", "contacts"): 202,
    ("contacts", "notes"): 201,
    ("notes", "deals"): 214,
    ("deals", "notes"): 213,
    ("notes", "tickets"): 228,
    ("tickets", "notes"): 227,
    ("contacts", "deals"): 4,
    ("deals", "contacts"): 3,
    ("contacts", "tickets"): 15,
    ("tickets", "contacts"): 16,
    ("deals", "tickets"): 27,
    ("tickets", "deals"): 28,
}
"""HubSpot's own association type, by where a link starts and ends."""

_LINK_ENDS: Final = {(start, number): end for (start, end), number in LINK_TYPES.items()}


def object_type(name: str) -> ObjectType:
    """Return the kind of record a path names, in plural, singular or by its number."""
    found = _BY_ANY_NAME.get(name)
    if found is None:
        raise bad_request(f"Unable to infer object type from: {name}")
    return found


def canonical_name(name: str) -> str:
    """Return the plural name, or the name itself where it is no object type."""
    found = _BY_ANY_NAME.get(name)
    return found.name if found else name


def link_type(start: ObjectType, end: ObjectType) -> int:
    """Return the number of HubSpot's own link between two kinds."""
    number = LINK_TYPES.get((start.name, end.name))
    if number is None:
        raise bad_request(f"No association is defined from {start.name} to {end.name}")
    return number


def link_end(start: ObjectType, number: int) -> ObjectType | None:
    """Return where a link of this number leads from ``start``; ``None`` if there is none."""
    name = _LINK_ENDS.get((start.name, number))
    return OBJECT_TYPES[name] if name else None
