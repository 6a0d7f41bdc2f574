"""The properties every portal has from the start."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Property:
    """The definition of one property."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = "information"
    unique: bool = False
    options: tuple[tuple[str, str], ...] = ()
    """Value and label of each option of an enumeration."""
    read_only: bool = False
    calculated: bool = False
    built_in: bool = True
    external: bool = False
    """Whether the options come from elsewhere: owners."""
    description: str = ""

    def to_json(self) -> Json:
        """Return it as the properties API shows it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [
                {"value": value, "label": label, "displayOrder": place, "hidden": False}
                for place, (value, label) in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": self.calculated,
            "externalOptions": self.external,
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": self.built_in,
            "modificationMetadata": {
                "archivable": not self.built_in,
                "readOnlyDefinition": self.built_in,
                "readOnlyValue": self.read_only,
            },
            "formField": not self.read_only,
            "archived": False,
        }


def _text(name: str, label: str) -> Property:
    return Property(name, label)


def _fixed(name: str, label: str, kind: str = "string") -> Property:
    return Property(
        name, label, type=kind, field_type="text" if kind == "string" else kind, read_only=True
    )


def _calculated(name: str, label: str, kind: str = "string") -> Property:
    field_type = "booleancheckbox" if kind == "bool" else "text"
    return Property(name, label, kind, field_type, read_only=True, calculated=True)


def _choice(name: str, label: str, *options: str, read_only: bool = False) -> Property:
    pairs = tuple((option, option.replace("_", " ").capitalize()) for option in options)
    return Property(name, label, "enumeration", "select", options=pairs, read_only=read_only)


def _when(name: str, label: str, *, read_only: bool = False) -> Property:
    return Property(name, label, "datetime", "date", read_only=read_only)


LIFECYCLE: Final = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
"""The stages in their order: an API call moves a contact forward only."""

CLOSED_STAGES: Final = frozenset({"closedwon", "closedlost", "4"})
"""Stages of the default pipelines at which a deal or a ticket is closed."""

_EVERYWHERE: Final = (
    _fixed("hs_object_id", "Record ID", "number"),
    _when("hs_createdate", "Object create date/time", read_only=True),
    _when("hs_lastmodifieddate", "Object last modified date/time", read_only=True),
    _fixed("hs_merged_object_ids", "Merged record IDs"),
    _fixed("hs_object_source", "Record source"),
    _fixed("hs_object_source_id", "Record source ID"),
    _fixed("hs_object_source_label", "Record source label"),
    Property(
        "hs_unique_creation_key",
        "Unique creation key",
        unique=True,
        read_only=True,
        description="Unique property used for idempotent creates",
    ),
    Property("hubspot_owner_id", "Owner", "enumeration", "select", external=True),
)

_ACTIVITY: Final = (
    _when("hs_timestamp", "Activity date"),
    _text("hs_attachment_ids", "Attached file IDs"),
    _calculated("hs_body_preview", "Body preview"),
)

_CONTACT: Final = (
    _text("firstname", "First name"),
    _text("lastname", "Last name"),
    Property("email", "Email", unique=True),
    Property("phone", "Phone number", "string", "phonenumber"),
    Property("mobilephone", "Mobile phone number", "string", "phonenumber"),
    Property("hs_whatsapp_phone_number", "WhatsApp phone number", "string", "phonenumber"),
    _text("company", "Company name"),
    _text("jobtitle", "Job title"),
    _text("city", "City"),
    _text("state", "State/Region"),
    _text("country", "Country/Region"),
    _choice("lifecyclestage", "Lifecycle stage", *LIFECYCLE),
    _choice("hs_lead_status", "Lead status", "NEW", "OPEN", "IN_PROGRESS", "CONNECTED"),
    _when("createdate", "Create date", read_only=True),
    _when("lastmodifieddate", "Last modified date", read_only=True),
    _calculated("hs_calculated_merged_vids", "Merged IDs with timestamps"),
    _calculated("hs_searchable_calculated_phone_number", "Searchable phone"),
    _calculated("hs_searchable_calculated_mobile_number", "Searchable mobile phone"),
    _calculated("hs_searchable_calculated_international_phone_number", "Searchable E.164 phone"),
    _calculated("hs_searchable_calculated_international_mobile_number", "Searchable E.164 mobile"),
)

_COMMUNICATION: Final = (
    _choice(
        "hs_communication_channel_type", "Channel type", "WHATS_APP", "LINKEDIN_MESSAGE", "SMS"
    ),
    _choice("hs_communication_logged_from", "Logged from", "CRM"),
    Property("hs_communication_body", "Communication body", "string", "html"),
    _fixed("hs_communication_conversations_thread_id", "Thread ID", "number"),
)

_DEAL: Final = (
    _text("dealname", "Deal name"),
    _choice(
        "dealstage",
        "Deal stage",
        "appointmentscheduled",
        "qualifiedtobuy",
        "presentationscheduled",
        "contractsent",
        "closedwon",
        "closedlost",
    ),
    _choice("pipeline", "Pipeline", "default"),
    Property("amount", "Amount", "number", "number"),
    _when("closedate", "Close date"),
    _when("createdate", "Create date", read_only=True),
    _calculated("hs_is_closed", "Is closed", "bool"),
)

_TICKET: Final = (
    _text("subject", "Ticket name"),
    Property("content", "Ticket description", "string", "textarea"),
    _choice("hs_pipeline", "Pipeline", "0"),
    _choice("hs_pipeline_stage", "Ticket status", "1", "2", "3", "4"),
    _when("createdate", "Create date", read_only=True),
    _calculated("hs_is_closed", "Is closed", "bool"),
)


def _by_name(*groups: Iterable[Property]) -> Mapping[str, Property]:
    return {each.name: each for group in groups for each in group}


BUILT_IN: Final[Mapping[str, Mapping[str, Property]]] = {
    "contacts": _by_name(_EVERYWHERE, _CONTACT),
    "communications": _by_name(_EVERYWHERE, _ACTIVITY, _COMMUNICATION),
    "notes": _by_name(
        _EVERYWHERE, _ACTIVITY, (Property("hs_note_body", "Note body", "string", "html"),)
    ),
    "deals": _by_name(_EVERYWHERE, _DEAL),
    "tickets": _by_name(_EVERYWHERE, _TICKET),
}
"""Definitions by object type and name."""
