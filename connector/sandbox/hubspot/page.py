"""The page for people: the contacts of the account and their timelines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from connector.sandbox.hubspot.object_types import OBJECT_TYPES
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.store import Stored
from connector.sandbox.hubspot.values import milliseconds_of
from connector.sandbox.people import ENTRIES_SHOWN, Entry, Person
from connector.sandbox.sanitise import sanitise

_BODIES: Final = {"communications": "hs_communication_body", "notes": "hs_note_body"}


class Contacts:
    """The contacts of a portal, as the page asks for them."""

    title = "Sandbox HubSpot"
    noun = "contact"
    fields = "Properties"

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def about(self) -> Sequence[str]:
        """Return which account it is."""
        return [f"Account {self._portal.settings.portal_id}"]

    def counts(self) -> Mapping[str, int]:
        """Return how many records there are, by type."""
        return self._portal.store.counts()

    def people(self, after: int, limit: int) -> Sequence[Stored]:
        """Return contacts after an id."""
        return self._portal.store.live("contacts", after, limit)

    def show(self, person: Stored) -> Person:
        """Return a contact with its communications and notes."""
        values, store = person.properties, self._portal.store
        timeline: list[Entry] = []
        total = 0
        for kind, body in _BODIES.items():
            ends = store.links([person.id], kind).get(person.id, [])
            total += len(ends)
            found = store.load(kind, [link.end for link in ends[-ENTRIES_SHOWN:]])
            timeline += [self._entry(each, body) for each in found.values()]
        name = " ".join(values[each] for each in ("firstname", "lastname") if values.get(each))
        linked = {
            OBJECT_TYPES[kind].singular: len(store.links([person.id], kind).get(person.id, []))
            for kind in ("deals", "tickets")
        }
        return Person(
            id=person.id,
            name=name or values.get("email") or values.get("phone") or "(no name)",
            phone=values.get("phone", ""),
            fields=sorted(values.items()),
            timeline=timeline,
            total=total,
            linked={word: number for word, number in linked.items() if number},
        )

    def _entry(self, record: Stored, body: str) -> Entry:
        values = record.properties
        moment = (milliseconds_of(values.get("hs_timestamp", "")) or record.created) / 1000
        zone = ZoneInfo(self._portal.settings.time_zone)
        return Entry(
            id=record.id,
            moment=moment,
            at=datetime.fromtimestamp(moment, zone).strftime("%d/%m/%Y %H:%M:%S"),
            what=values.get("hs_communication_channel_type", record.type),
            # The body is what the page is about; it has been reduced to harmless formatting.
            body=Markup(sanitise(values.get(body, ""))),  # noqa: S704 - sanitised here
        )
