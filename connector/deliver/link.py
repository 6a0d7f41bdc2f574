"""Linking: which CRM record a contact is, and which deal or ticket a message belongs to.

A contact that is not linked yet is looked for by its phone's spellings, to adopt a record that
people made before us. Records are never merged, and one that another contact of ours is linked to
is never taken over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connector.deliver.destination import Destination
from connector.ledger.ledger import Ledger
from connector.ledger.links import linked_elsewhere
from connector.ledger.reviews import chosen_matches
from connector.model.contact import Contact
from connector.model.identity import lookup_spellings
from connector.model.record import CrmObject, Lookup


@dataclass(slots=True)
class Matches:
    """What looking for contacts in the CRM came to, by contact id."""

    adopt: dict[int, str] = field(default_factory=dict)
    """The one record that is this contact."""
    review: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Several records that may be; a person decides."""
    skip: set[int] = field(default_factory=set)
    """Contacts that a person decided not to sync."""


async def match_contacts(
    ledger: Ledger, destination: Destination, contacts: Sequence[Contact]
) -> Matches:
    """Look for contacts in the CRM by phone; those not mentioned in the answer are new there."""
    matches = Matches()
    decided = await ledger.read(
        chosen_matches, destination.name, [contact.id for contact in contacts]
    )
    for contact_id, resolution in decided.items():
        if resolution.startswith("use:"):
            matches.adopt[contact_id] = resolution.removeprefix("use:")
        elif resolution == "skip":
            matches.skip.add(contact_id)
    wanted = [contact for contact in contacts if contact.phone and contact.id not in decided]
    if "phone" not in destination.mapping.contact.match or not wanted:
        return matches
    found = await _find(destination, wanted)
    taken = await ledger.read(
        linked_elsewhere, destination.name, {crm_id for ids in found for crm_id in ids}
    )
    for contact, ids in zip(wanted, found, strict=True):
        free = tuple(crm_id for crm_id in ids if crm_id not in taken)
        # A record of another contact of ours counts: what is left beside it may be a copy of that
        # person's, whose phone this one has now. A phone alone does not tell.
        alone = len(ids) == 1
        if free and (alone or destination.mapping.contact.on_many == "oldest"):
            matches.adopt[contact.id] = free[0]
            taken.add(free[0])
        elif free and destination.mapping.contact.on_many == "review":
            matches.review[contact.id] = free
    return matches


async def _find(destination: Destination, contacts: Sequence[Contact]) -> list[tuple[str, ...]]:
    lookups = [
        Lookup(
            key=contact.key,
            phones=lookup_spellings(contact.phone or ""),
            country=destination.country,
        )
        for contact in contacts
    ]
    found: list[tuple[str, ...]] = []
    size = destination.limits.find
    for start in range(0, len(lookups), size):
        found += await destination.adapter.find(destination.contact, lookups[start : start + size])
    return found


async def associated_records(
    destination: Destination, contact_crm_ids: Sequence[str]
) -> Mapping[str, Mapping[str, str]]:
    """Return, by contact ``crm_id``, the newest open deal and ticket that the mapping asks for."""
    links: dict[str, dict[str, str]] = {crm_id: {} for crm_id in contact_crm_ids}
    for role in destination.mapping.message.associate:
        obj = CrmObject(name=f"{role}s", kind="deal" if role == "deal" else "ticket")
        ids = list(links)
        for start in range(0, len(ids), destination.limits.find):
            part = ids[start : start + destination.limits.find]
            found = await destination.adapter.find(
                obj, [Lookup(contact_crm_id=crm_id) for crm_id in part]
            )
            for crm_id, hits in zip(part, found, strict=True):
                if hits:
                    links[crm_id][role] = hits[-1]
    return links
