"""Linking: which CRM record a contact is, and which deal or ticket a message belongs to.

A contact that is not linked yet is looked for by its phone's spellings, to adopt a record that
people made before us. Records are never merged, and one that another contact of ours is linked to
is never taken over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from connector.clock import Clock
from connector.deliver.destination import Destination
from connector.errors import CrmError
from connector.ledger.deliveries import Delivery
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


@dataclass(frozen=True, slots=True)
class Question:
    """Which records a contact may be, asked for one attempt to write it."""

    lookup: Lookup
    attempt: tuple[int, int]
    """How often it was written, and how often again: another attempt asks anew."""


class Search:
    """Asks a CRM which of its records contacts may be, so that a refusal midway costs little.

    What was answered before it is kept for ``KEPT``, and less is asked at a time afterwards, down
    to what one write takes: where a CRM allows a few calls between two refusals, each few get
    somewhere.
    """

    KEPT: Final = 60.0
    """Seconds. Somebody may add a person meanwhile, as between any look-up and a write."""

    def __init__(self, destination: Destination, clock: Clock) -> None:
        self._destination = destination
        self._clock = clock
        self._most = destination.limits.find
        self._least = min(self._most, destination.limits.upsert[destination.contact.name])
        self._size = self._most
        self._answers: dict[Question, tuple[float, tuple[str, ...]]] = {}

    async def find(self, questions: Sequence[Question]) -> list[tuple[str, ...]]:
        """Return the ``crm_id`` of the records that fit each question; raise a ``CrmError``."""
        oldest = self._clock.boot() - self.KEPT
        self._answers = {each: kept for each, kept in self._answers.items() if kept[0] >= oldest}
        left = [each for each in questions if each not in self._answers]
        while left:
            part, left = left[: self._size], left[self._size :]
            try:
                found = await self._destination.adapter.find(
                    self._destination.contact, [each.lookup for each in part]
                )
            except CrmError:
                self._size = max(self._least, len(part) // 2)
                raise
            self._size = min(2 * self._size, self._most)
            now = self._clock.boot()
            self._answers |= {each: (now, ids) for each, ids in zip(part, found, strict=True)}
        return [self._answers[each][1] for each in questions]

    def forget(self) -> None:
        """Forget every answer: those who were asked for are written."""
        self._answers.clear()


async def match_contacts(
    ledger: Ledger,
    destination: Destination,
    search: Search,
    people: Sequence[tuple[Contact, Delivery]],
) -> Matches:
    """Look for contacts in the CRM by phone; those not mentioned in the answer are new there."""
    matches = Matches()
    if not people:
        return matches
    decided = await ledger.read(
        chosen_matches, destination.name, [contact.id for contact, _ in people]
    )
    for contact_id, resolution in decided.items():
        if resolution.startswith("use:"):
            matches.adopt[contact_id] = resolution.removeprefix("use:")
        elif resolution == "skip":
            matches.skip.add(contact_id)
    wanted = [
        (contact, row) for contact, row in people if contact.phone and contact.id not in decided
    ]
    if "phone" not in destination.mapping.contact.match or not wanted:
        return matches
    found = await search.find(
        [
            Question(
                Lookup(
                    key=contact.key,
                    phones=lookup_spellings(contact.phone or ""),
                    country=destination.country,
                ),
                attempt=(row.attempts, row.resends),
            )
            for contact, row in wanted
        ]
    )
    taken = await ledger.read(
        linked_elsewhere, destination.name, {crm_id for ids in found for crm_id in ids}
    )
    for (contact, _), ids in zip(wanted, found, strict=True):
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
