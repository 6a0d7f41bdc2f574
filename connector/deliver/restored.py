"""Delivery from a restored ledger: a CRM may hold what has no row here, or more than its row says.

Messages and contacts that came after the backup come again as new ones: WhatsApp sends twice what
it is not sure of, chats are imported once more, and people go on writing. So, for good:

* a message sent before the restore is in doubt before it is first written, where the CRM would make
  a second record of it;
* a contact is looked for by our key before it is made;
* a conversation is not written over a text that says more: what that lacks goes elsewhere.

Where a write by our key can not make a second record, only the last of these is needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from connector.deliver.claim import Claim
from connector.deliver.destination import Destination
from connector.deliver.overtaken import carrier, overlap
from connector.deliver.plan import LanePlan
from connector.errors import RenderError
from connector.ledger import deliveries
from connector.ledger.deliveries import Delivery, Synced
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import Wanted, lock_lanes, want
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.markers import carrier_marker
from connector.ledger.restoration import (
    Restoration,
    carrying_destinations,
    doubt_unmade,
    move_messages,
)
from connector.mapping.rendered import Rendered
from connector.model.conversation_parts import continuation_key, read_part_key
from connector.model.message import Message
from connector.model.record import CrmObject, JsonScalar, Lookup

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Overtaken:
    """A conversation's row whose record says more than we would write."""

    contact_id: int
    row: Delivery
    moved: tuple[Message, ...]
    """Messages that the record does not hold."""


class Aftermath:
    """Keeps a destination's claims from what a restore made dangerous."""

    def __init__(
        self, ledger: Ledger, destination: Destination, restoration: Restoration, *, held: HeldLease
    ) -> None:
        self._ledger = ledger
        self._destination = destination
        self._restoration = restoration
        self._held = held

    async def heed(self, claim: Claim) -> None:
        """Take out of a claim's plans what must not be sent as it is; it is claimed again soon."""
        found = await self._find_contacts(claim)
        found += await self._find_conversations(claim)
        doubtful = dict(self._doubt_messages(claim))
        overtaken = await self._find_overtaken(claim)
        if not (found or doubtful or overtaken):
            return

        def work(connection: Connection) -> None:
            check_lease(connection, self._held.lease)
            lock_lanes(connection, {plan.lane_id for plan in claim.plans})
            now = self._ledger.now(connection)
            deliveries.settle_synced(connection, found, now=now)
            if doubtful:
                doubt_unmade(connection, doubtful, verify_at=now)
            for each in overtaken:
                self._carry_on(connection, each, now=now)

        await self._ledger.write(work)
        log.info(
            "restored.heeded",
            destination=self._destination.name,
            found=len(found),
            in_doubt=len(doubtful),
            rows=len(overtaken),
        )

    async def _find_contacts(self, claim: Claim) -> list[Synced]:
        """Look for contacts by our key that were made before the restore and have no row of it."""
        if "contact" in self._destination.repeatable | self._destination.untraceable:
            return []
        plans = {
            plan.contact.marker: plan
            for plan in claim.plans
            if plan.contact is not None
            and plan.contact.crm_id is None
            and plan.contact.state != "in_flight"
        }
        hits = await self._look_up(
            self._destination.contact, [Lookup(key=marker) for marker in plans]
        )
        found: list[Synced] = []
        for marker, crm_id in hits.items():
            plan = plans[marker]
            if plan.contact is not None:
                # Generation 0 and no hash: what that record holds is not known.
                found.append(Synced(plan.contact.id, 0, crm_id, ""))
            plan.contact, plan.messages = None, []
        return found

    async def _find_conversations(self, claim: Claim) -> list[Synced]:
        """Look for records that a write by our key would not double but write over."""
        if self._destination.record not in self._destination.repeatable:
            return []
        asked = {
            row.marker: (plan, row)
            for plan, row in self._conversations(claim)
            if row.crm_id is None and row.resends == 0
        }
        lookups = [
            Lookup(key=marker, contact_crm_id=_crm_id(claim, plan.contact_id))
            for marker, (plan, _) in asked.items()
        ]
        found: list[Synced] = []
        for marker, crm_id in (await self._look_up(self._destination.message, lookups)).items():
            plan, row = asked[marker]
            found.append(Synced(row.id, 0, crm_id, ""))
            plan.messages = _before(plan.messages, row)
        return found

    async def _look_up(self, obj: CrmObject, lookups: Sequence[Lookup]) -> dict[str, str]:
        """Return the record that carries each key that one carries."""
        size = self._destination.limits.find
        hits: dict[str, str] = {}
        for start in range(0, len(lookups), size):
            part = lookups[start : start + size]
            found = await self._destination.adapter.find(obj, part)
            hits |= {str(each.key): ids[0] for each, ids in zip(part, found, strict=True) if ids}
        return hits

    def _doubt_messages(self, claim: Claim) -> Iterator[tuple[int, datetime]]:
        """Put new rows of old messages in doubt; what stands after them in their lane waits."""
        if self._destination.record in self._destination.repeatable:
            return
        for plan in claim.plans:
            doubtful = [row for row in plan.messages if self._is_doubtful(row)]
            if doubtful:
                plan.messages = _before(plan.messages, doubtful[0])
            for row in doubtful:
                yield row.id, self._restoration.made_since(row.position)

    def _is_doubtful(self, row: Delivery) -> bool:
        """Say whether a CRM may hold a record that was never looked for since the restore."""
        return (
            row.state == "pending"
            and row.crm_id is None
            and row.resends == 0
            and self._restoration.may_hide(row.position)
        )

    def _conversations(self, claim: Claim) -> Iterator[tuple[LanePlan, Delivery]]:
        for plan in claim.plans:
            for row in list(plan.messages):
                if row.record == "conversation" and self._restoration.may_hide(row.position):
                    yield plan, row

    async def _find_overtaken(self, claim: Claim) -> list[_Overtaken]:
        """Compare conversations with their records, before they are written over them."""
        checked: list[tuple[LanePlan, Delivery, Rendered, str, list[str]]] = []
        for plan, row in self._conversations(claim):
            messages = claim.source(row)
            if row.crm_id is None or row.gone_at is not None or not messages:
                continue
            rendered = self._render(claim, plan.contact_id, row, messages)
            if rendered is None or rendered.content_hash == row.content_hash:
                continue
            contact = claim.contacts[plan.contact_id]
            number = self._destination.numbers[messages[0].number]
            lines = self._destination.renderer.lines(messages, contact, number=number)
            name = carrier(rendered, lines)
            if name is not None:
                checked.append((plan, row, rendered, name, lines))
        held = await self._read([(str(row.crm_id), name) for _, row, _, name, _ in checked])
        overtaken: list[_Overtaken] = []
        for plan, row, rendered, name, lines in checked:
            current = held.get(str(row.crm_id))
            if current is None:
                continue
            said = overlap(current.get(name), str(rendered.fields[name]), lines)
            if said.more:
                messages = claim.source(row)
                moved = tuple(messages[place] for place in said.missing)
                overtaken.append(_Overtaken(plan.contact_id, row, moved))
                plan.messages = [each for each in plan.messages if each.id != row.id]
        return overtaken

    def _render(
        self, claim: Claim, contact_id: int, row: Delivery, messages: Sequence[Message]
    ) -> Rendered | None:
        try:
            return self._destination.renderer.conversation(
                messages,
                claim.contacts[contact_id],
                key=row.marker,
                contact_crm_id=_crm_id(claim, contact_id),
                number=self._destination.numbers[messages[0].number],
            )
        except RenderError:
            return None  # it is parked for that in its turn

    async def _read(
        self, asked: Sequence[tuple[str, str]]
    ) -> Mapping[str, Mapping[str, JsonScalar]]:
        names = sorted({name for _, name in asked})
        ids = [crm_id for crm_id, _ in asked]
        size = self._destination.limits.read
        held: dict[str, Mapping[str, JsonScalar]] = {}
        for start in range(0, len(ids), size):
            held |= await self._destination.adapter.read(
                self._destination.message, ids[start : start + size], names
            )
        return held

    def _carry_on(self, connection: Connection, each: _Overtaken, *, now: datetime) -> None:
        """Leave a record as it is; what it lacks goes on in another.

        No hash is kept: what the record holds is not what we would write.
        """
        row = each.row
        deliveries.settle_synced(
            connection, [Synced(row.id, row.generation, str(row.crm_id), "")], now=now
        )
        if not each.moved:
            return
        former, _ = read_part_key(row.source_id)
        key = continuation_key(former)
        move_messages(connection, [message.id for message in each.moved], key)
        want(
            connection,
            [
                Wanted(
                    destination=name,
                    contact_id=each.contact_id,
                    record="conversation",
                    source_id=key,
                    marker=carrier_marker(
                        self._ledger.keyed_hash,
                        name,
                        "conversation",
                        wamid=None,
                        conversation=key,
                    ),
                    position=int(each.moved[0].sent_at.timestamp() * 1000),
                    renew=True,
                )
                for name in carrying_destinations(connection, former)
            ],
            now=now,
        )


def _crm_id(claim: Claim, contact_id: int) -> str | None:
    link = claim.links.get(contact_id)
    return None if link is None else link.crm_id


def _before(rows: Sequence[Delivery], row: Delivery) -> list[Delivery]:
    """Return the rows that come before one in its lane."""
    place = next((place for place, each in enumerate(rows) if each.id == row.id), len(rows))
    return list(rows[:place])
