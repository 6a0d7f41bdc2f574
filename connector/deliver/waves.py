"""The two waves of a flush: contacts before the messages that belong to them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from connector.deliver.aside import set_aside
from connector.deliver.caution import Caution
from connector.deliver.claim import Claim
from connector.deliver.destination import Destination
from connector.deliver.link import Search, associated_records, match_contacts
from connector.deliver.plan import rounds
from connector.deliver.send import Sender
from connector.deliver.settlement import Item, Settlement, write_settlement
from connector.errors import RenderError
from connector.ledger import deliveries
from connector.ledger.deliveries import Delivery, Parked, Synced
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import lock_lanes
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.links import shared_contacts
from connector.mapping.rendered import Rendered
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.record import JsonScalar, Record

_BREATH = 100
"""Records rendered before the event loop gets a turn: webhooks are answered meanwhile."""


class Waves:
    """Renders what a claim holds, compares it with what the CRM has, and sends the difference."""

    def __init__(
        self,
        ledger: Ledger,
        destination: Destination,
        *,
        held: HeldLease,
        sender: Sender,
        search: Search,
        caution: Caution,
    ) -> None:
        self._search = search
        self._caution = caution
        self._ledger = ledger
        self._destination = destination
        self._held = held
        self._sender = sender
        self.failed_lanes: set[int] = set()
        self._held_lanes: set[int] = set()
        self.schema_suspects: dict[int, str] = {}

    async def write_contacts(self, claim: Claim) -> dict[int, str]:
        """Bring contacts up to date; return the ``crm_id`` of each that is in the CRM now."""
        due = {plan.contact_id: plan.contact for plan in claim.plans if plan.contact is not None}
        linked = {
            contact_id: row.crm_id
            for contact_id, row in claim.links.items()
            if row.crm_id is not None and row.state not in ("skipped", "erased")
        }
        people = [
            (claim.contacts[contact_id], row)
            for contact_id, row in due.items()
            if contact_id not in linked and row.state != "in_flight"  # else it goes as it went
        ]
        matches = await match_contacts(self._ledger, self._destination, self._search, people)
        await set_aside(self._ledger, self._destination.name, due, matches, held=self._held)
        followed = await self._unshared(due)
        creates: list[Item] = []
        updates: list[tuple[Delivery, Rendered, str, bool]] = []
        same: list[Synced] = []
        broken: list[Parked] = []
        marked = await self._caution.mark(list(due.values()), self._held)
        for contact_id, row in due.items():
            if contact_id in matches.review or contact_id in matches.skip:
                continue
            crm_id = linked.get(contact_id) or matches.adopt.get(contact_id)
            try:
                rendered = self._destination.renderer.contact(
                    claim.contacts[contact_id], crm_id=crm_id, country=self._destination.country
                )
            except RenderError as error:
                broken.append(_unrenderable(row, error))
                continue
            if crm_id is None:
                record = Record(key=row.marker, fields=rendered.for_create())
                creates.append(Item(row, record, rendered.content_hash))
            elif contact_id in linked and rendered.content_hash == row.content_hash:
                same.append(Synced(row.id, row.generation, crm_id, rendered.content_hash))
            else:
                adopted = contact_id not in linked or contact_id in followed
                updates.append((row, rendered, crm_id, adopted))
        await self._caution.unmark(marked, self._held)
        await self._settle(Settlement(synced=same, parked=broken), claim, "contact")
        await self._send_contacts(creates, claim)
        await self._update_contacts(updates, claim)
        self._search.forget()
        return await self._links(claim)

    async def _update_contacts(
        self, updates: Sequence[tuple[Delivery, Rendered, str, bool]], claim: Claim
    ) -> None:
        """Read what is there, and write as soon as a call is full: a refusal wastes few reads."""
        limits = self._destination.limits
        full = limits.upsert[self._destination.contact.name] * limits.concurrency
        items: list[Item] = []
        for start in range(0, len(updates), limits.read):
            changed, unchanged = await self._changed(updates[start : start + limits.read])
            await self._settle(Settlement(synced=unchanged), claim, "contact")
            items += changed
            if len(items) >= full:
                await self._send_contacts(items, claim)
                items = []
        await self._send_contacts(items, claim)

    async def _send_contacts(self, items: Sequence[Item], claim: Claim) -> None:
        for part in rounds([[item.row] for item in items], at_once=0):
            rows = {row.id for row in part}
            await self._send([item for item in items if item.row.id in rows], people=claim.contacts)

    async def _unshared(self, due: Mapping[int, Delivery]) -> set[int]:
        """Return contacts whose record was found just now, and is no other contact's of ours.

        It gets our key. People may have merged two of ours: then it has the other's.
        """
        found = {
            contact_id: row.crm_id
            for contact_id, row in due.items()
            if row.crm_id is not None and row.content_hash == ""
        }
        if not found:
            return set()
        shared = await self._ledger.read(
            shared_contacts, self._destination.name, set(found.values())
        )
        return {contact_id for contact_id, crm_id in found.items() if crm_id not in shared}

    async def _changed(
        self, updates: Sequence[tuple[Delivery, Rendered, str, bool]]
    ) -> tuple[list[Item], list[Synced]]:
        """Leave out what the CRM already has and what people filled in themselves.

        A contact that the CRM did not seem to know is written in any case, if only with our key:
        the answer tells whether it is gone.
        """
        replaced = self._destination.contact.name in self._destination.limits.replaced
        theirs = [
            rendered.if_empty | (rendered.create_only if replaced else frozenset())
            for _, rendered, _, _ in updates
        ]
        ask = [crm_id for (_, _, crm_id, _), names in zip(updates, theirs, strict=True) if names]
        fields = sorted(frozenset[str]().union(*theirs))
        current: Mapping[str, Mapping[str, JsonScalar]] = {}
        if ask:
            current = await self._destination.adapter.read(self._destination.contact, ask, fields)
        items: list[Item] = []
        unchanged: list[Synced] = []
        for row, rendered, crm_id, adopted in updates:
            there = current.get(crm_id)
            values = rendered.for_replacement(there) if replaced else rendered.for_update(there)
            suspect = row.content_hash is None and not values
            if (adopted or suspect) and self._destination.contact.key:
                values[self._destination.contact.key] = row.marker
            if values:
                record = Record(key=row.marker, fields=values, crm_id=crm_id)
                items.append(Item(row, record, rendered.content_hash))
            else:
                unchanged.append(Synced(row.id, row.generation, crm_id, rendered.content_hash))
        return items, unchanged

    async def write_messages(self, claim: Claim, links: Mapping[int, str]) -> None:
        """Write the messages of contacts that are in the CRM, in the order of each lane."""
        ready = [plan for plan in claim.plans if plan.messages and plan.contact_id in links]
        extra: Mapping[str, Mapping[str, str]] = {}
        if self._destination.mapping.message.associate and ready:
            extra = await associated_records(
                self._destination, list(dict.fromkeys(links[p.contact_id] for p in ready))
            )
        items: dict[int, Item] = {}
        settlement = Settlement()
        orphans: list[int] = []
        rows = [row for plan in ready for row in plan.messages]
        marked = await self._caution.mark(rows, self._held)
        for number, (contact_id, row) in enumerate(
            (plan.contact_id, row) for plan in ready for row in plan.messages
        ):
            if number % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            source = claim.source(row)
            without_words = not source or _is_purged(source)
            if without_words and row.crm_id is None:
                orphans.append(row.id)
                continue
            if without_words:
                settlement.synced.append(_left_as_it_is(row))
                continue
            crm_id = links[contact_id]
            try:
                rendered = self._render(row, source, claim.contacts[contact_id], crm_id)
            except RenderError as error:
                settlement.parked.append(_unrenderable(row, error))
                continue
            if row.crm_id is not None and (
                row.gone_at is not None or rendered.content_hash == row.content_hash
            ):
                settlement.synced.append(
                    Synced(
                        row.id,
                        row.generation,
                        row.crm_id,
                        rendered.content_hash,
                        gone_at=row.gone_at,
                    )
                )
                continue
            items[row.id] = Item(
                row, self._record(row, rendered, crm_id, extra), rendered.content_hash
            )
        await self._caution.unmark(marked, self._held)
        await self._settle(settlement, claim, self._destination.record, filtered=orphans)
        limits = self._destination.limits
        at_once = limits.in_order if limits.concurrency == 1 else 1
        lanes = [[row for row in plan.messages if row.id in items] for plan in ready]
        self._held_lanes.clear()
        for part in rounds(lanes, at_once=at_once):
            for new in (True, False):
                await self._send(
                    [
                        items[row.id]
                        for row in part
                        if (row.crm_id is None) is new and row.lane_id not in self._held_lanes
                    ]
                )

    def _render(self, row: Delivery, source: Any, contact: Contact, crm_id: str) -> Rendered:
        renderer = self._destination.renderer
        if row.record == "message":
            return renderer.message(
                source,
                contact,
                key=row.marker,
                contact_crm_id=crm_id,
                number=self._destination.numbers[source.number],
            )
        return renderer.conversation(
            source,
            contact,
            key=row.marker,
            contact_crm_id=crm_id,
            number=self._destination.numbers[source[0].number],
        )

    def _record(
        self,
        row: Delivery,
        rendered: Rendered,
        contact_crm_id: str,
        extra: Mapping[str, Mapping[str, str]],
    ) -> Record:
        links = {"contact": contact_crm_id, **extra.get(contact_crm_id, {})}
        if row.crm_id is None:
            return Record(
                key=row.marker,
                fields=rendered.for_create(),
                linked_crm_ids=links,
                contact_crm_id=contact_crm_id,
            )
        replaced = self._destination.message.name in self._destination.limits.replaced
        # A record that was found by looking it up may have been written without its links.
        return Record(
            key=row.marker,
            fields=rendered.for_create() if replaced else rendered.for_update(None),
            crm_id=row.crm_id,
            contact_crm_id=contact_crm_id,
            linked_crm_ids={} if row.content_hash else links,
        )

    async def _send(
        self, items: Sequence[Item], *, people: Mapping[int, Contact] | None = None
    ) -> None:
        if not items:
            return
        obj = self._destination.object_of(items[0].row.record)
        settlement = await self._sender.send(obj, items, people=people or {})
        self.failed_lanes |= settlement.failed_lanes
        self._held_lanes |= settlement.held_lanes
        self.schema_suspects |= settlement.schema_suspects

    async def _settle(
        self, settlement: Settlement, claim: Claim, record: Any, *, filtered: Sequence[int] = ()
    ) -> None:
        """Write down what needs no call to the CRM."""
        skipped: dict[str, list[int]] = {}
        for plan in claim.plans:
            if plan.skip:
                reason = claim.links[plan.contact_id].error_code or "blocked"
                skipped.setdefault(reason, []).extend(row.id for row in plan.skip)
        if not (settlement.synced or settlement.parked or filtered or skipped):
            return

        def work(connection: Connection) -> None:
            check_lease(connection, self._held.lease)
            lock_lanes(connection, {plan.lane_id for plan in claim.plans})
            now = self._ledger.now(connection)
            write_settlement(
                connection, settlement, destination=self._destination.name, record=record, now=now
            )
            deliveries.settle_skipped(connection, filtered, reason="filtered")
            for reason, ids in skipped.items():
                deliveries.settle_skipped(connection, ids, reason=reason)

        await self._ledger.write(work)

    async def _links(self, claim: Claim) -> dict[int, str]:
        rows = await self._ledger.read(
            deliveries.contact_deliveries,
            self._destination.name,
            [plan.contact_id for plan in claim.plans],
        )
        return {
            contact_id: row.crm_id
            for contact_id, row in rows.items()
            if row.crm_id is not None and row.state not in ("skipped", "erased")
        }


def _is_purged(source: Any) -> bool:
    """Say whether words of a message, or of a conversation, were dropped for their age."""
    if isinstance(source, Message):
        return source.purged
    return any(message.purged for message in source)


def _left_as_it_is(row: Delivery) -> Synced:
    """Settle a row whose record can not be made any more: what the CRM holds of it stays."""
    return Synced(
        row.id,
        row.generation,
        row.crm_id or "",
        row.content_hash or "",
        gone_at=row.gone_at,
    )


def _unrenderable(row: Delivery, error: RenderError) -> Parked:
    return Parked(row.id, "rejected.mapping", f"the mapping can not be rendered: {error}")
