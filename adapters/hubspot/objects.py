"""HubSpot's kinds of records: their names, links and peculiar properties."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

API: Final = "2026-09"
"""The dated version in every path; released 2026-09-08 and supported for 18 months."""
API_ENDS: Final = "2028-03-08"

LINKED: Final[Mapping[str, str]] = {"contact": "contacts", "deal": "deals", "ticket": "tickets"}
"""The kind of record a link's role leads to."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the adapter has to know of one kind of record beyond its name."""

    modified: str = "hs_lastmodifieddate"
    """The property that says when a record last changed."""
    made: str = "hs_createdate"
    """The property that says when HubSpot made a record."""
    body: str | None = None
    """The property that holds a text shown as HTML, if there is one."""
    link_types: Mapping[str, int] | None = None
    """HubSpot's own association types that start here, by role."""


_KINDS: Final[Mapping[str, Kind]] = {
    "contacts": Kind(modified="lastmodifieddate", made="createdate"),
    "communications": Kind(
        body="hs_communication_body", link_types={"contact": 81, "deal": 85, "ticket": 83}
    ),
    "notes": Kind(body="hs_note_body", link_types={"contact": 202, "deal": 214, "ticket": 228}),
}


def kind_of(name: str) -> Kind:
    """Return what is known of a kind of record; next to nothing of one that is not listed."""
    return _KINDS.get(name, Kind())


def records_path(name: str, call: str = "") -> str:
    """Return the path of a kind's records, or of a call on them such as ``batch/read``."""
    return f"/crm/objects/{API}/{name}" + (f"/{call}" if call else "")


def links_path(start: str, end: str, call: str) -> str:
    """Return the path of a call on the links between two kinds."""
    return f"/crm/associations/{API}/{start}/{end}/{call}"


def properties_path(name: str, call: str = "") -> str:
    """Return the path of a kind's properties, of one, or of their groups."""
    return f"/crm/properties/{API}/{name}" + (f"/{call}" if call else "")
