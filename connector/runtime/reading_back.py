"""Reading a record back from a CRM, and comparing it with what the mapping makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.deliver.destination import Destination
from connector.ledger.ledger import Ledger
from connector.ledger.rehearsals import Carried
from connector.ledger.sources import load_contacts
from connector.mapping.rendered import Rendered
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.record import JsonScalar
from connector.reconcile.drift import is_same_value
from connector.runtime.finding import Finding
from connector.runtime.times import rfc3339


@dataclass(frozen=True, slots=True)
class Seen:
    """One mapped field, as it should be and as it is."""

    field: str
    expected: Any
    found: JsonScalar
    same: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """One record, as it should be and as it is."""

    record: str
    crm_id: str
    fields: Sequence[Seen] = field(default_factory=tuple)
    note: str | None = None
    """Why it could not be compared."""
    there: bool = True

    @property
    def differing(self) -> list[str]:
        """The fields that are not as they should be."""
        return [each.field for each in self.fields if not each.same]

    def finding(self, destination: str) -> Finding:
        """Say in one line how it is."""
        name = f"test.{self.record}"
        if not self.there:
            detail = f"the CRM has no {self.record} {self.crm_id}, though it said that it wrote one"
            remedy = "see in the CRM what deletes records that were just made"
            return Finding(name, "fail", detail, remedy, destination)
        if self.note is not None:
            return Finding(
                name, "warn", f"{self.record} {self.crm_id}: {self.note}", None, destination
            )
        if self.differing:
            detail = f"{self.record} {self.crm_id} differs in {', '.join(self.differing)}"
            remedy = "see what changes these fields in the CRM, such as a workflow, or their format"
            return Finding(name, "fail", detail, remedy, destination)
        count = len(self.fields)
        detail = f"{self.record} {self.crm_id} holds all {count} fields as mapped"
        return Finding(name, "ok", detail, None, destination)

    def as_json(self) -> dict[str, Any]:
        """Return one item of ``records`` of ``test --json``."""
        return {
            "record": self.record,
            "crm_id": self.crm_id,
            "note": self.note,
            "fields": [
                {
                    "field": each.field,
                    "expected": each.expected,
                    "found": each.found,
                    "same": each.same,
                }
                for each in self.fields
            ],
        }


async def compare_record(
    ledger: Ledger,
    destination: Destination,
    row: Carried,
    messages: Sequence[Message],
    contact_id: int,
    *,
    contact_crm_id: str | None,
) -> Compared:
    """Read the record of a delivery that is synced, and compare it."""
    people = await ledger.read(load_contacts, [contact_id])
    rendered = _render(destination, row, messages, people[contact_id], contact_crm_id)
    obj = destination.object_of(row.record)
    crm_id = row.crm_id or ""
    if obj.name in destination.limits.unread:
        return Compared(row.record, crm_id, note="the mapping has no request that reads it back")
    names = sorted(rendered.fields)
    found = await destination.adapter.read(obj, [crm_id], names)
    if crm_id not in found:
        return Compared(row.record, crm_id, there=False)
    return Compared(row.record, crm_id, _fields(rendered, found[crm_id], key=row.marker))


def _fields(rendered: Rendered, found: Mapping[str, JsonScalar], *, key: str) -> tuple[Seen, ...]:
    return tuple(
        Seen(
            name,
            rfc3339(wanted) if isinstance(wanted, datetime) else wanted,
            found.get(name),
            is_same_value(wanted, found.get(name), key=key),
        )
        for name, wanted in rendered.fields.items()
    )


def _render(
    destination: Destination,
    row: Carried,
    messages: Sequence[Message],
    contact: Contact,
    crm_id: str | None,
) -> Rendered:
    renderer = destination.renderer
    if row.record == "contact":
        return renderer.contact(contact, crm_id=crm_id, country=destination.country)
    if row.record == "message":
        message = next(each for each in messages if str(each.id) == row.source_id)
        return renderer.message(
            message,
            contact,
            key=row.marker,
            contact_crm_id=crm_id,
            number=destination.numbers[message.number],
        )
    talk = [each for each in messages if each.conversation == row.source_id]
    return renderer.conversation(
        talk,
        contact,
        key=row.marker,
        contact_crm_id=crm_id,
        number=destination.numbers[talk[0].number],
    )
