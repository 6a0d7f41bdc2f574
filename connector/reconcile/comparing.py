"""Comparing what the mapping makes of records now with what was written of them. Calls no CRM."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection

from connector.errors import RenderError
from connector.ledger.gaps import (
    Uncarried,
    blocked_contacts,
    contacts_without_delivery,
    uncarried_messages,
)
from connector.ledger.ledger import Ledger
from connector.ledger.markers import carrier_marker
from connector.ledger.selections import FIRST, Selection, selected_deliveries
from connector.ledger.sweeps import Held
from connector.mapping.rendered import Rendered
from connector.model.record import RecordKind
from connector.reconcile.account import Account, Terms
from connector.reconcile.material import Material, load_material, render_row

SCAN: Final = 1_000
"""Deliveries, or messages, of one slice."""
GapPlace = tuple[int, datetime | None, int]
"""The place of a number in order, and the last message looked at of it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that would be written."""

    row: Held
    rendered: Rendered
    action: Literal["create", "update"]


@dataclass(slots=True)
class Compared:
    """What one slice came to."""

    drafts: list[Draft] = field(default_factory=list)
    uncarried: list[Uncarried] = field(default_factory=list)
    """Messages that have no delivery yet."""
    unchanged: int = 0
    unrenderable: int = 0
    """Records for which the mapping fails."""

    @property
    def selected(self) -> int:
        """How many records were meant."""
        return len(self.drafts) + self.unchanged + self.unrenderable

    @property
    def marks(self) -> list[Held]:
        """The deliveries that have to be put back to work; what is open is at work already."""
        return [each.row for each in self.drafts if each.row.state == "synced"]


class Comparing:
    """Compares the records of one destination that a person means."""

    def __init__(
        self, ledger: Ledger, account: Account, terms: Terms, selection: Selection, *, force: bool
    ) -> None:
        self._ledger = ledger
        self._account = account
        self._terms = terms
        self._selection = selection
        self._force = force
        self._new_contacts: set[int] = set()

    async def compare_deliveries(self, *, after: int, upto: int) -> Compared:
        """Compare the deliveries whose id is in ``(after, upto]``."""
        rows, material = await self._ledger.read(self._load, after=after, upto=upto)
        compared = Compared()
        for row in rows:
            if row.record == "contact" or self._is_meant(row, material):
                self._compare(compared, row, material)
        return compared

    def _load(
        self, connection: Connection, *, after: int, upto: int
    ) -> tuple[list[Held], Material]:
        name = self._account.name
        rows = selected_deliveries(connection, name, self._selection, after=after, upto=upto)
        return rows, load_material(connection, name, rows)

    def _is_meant(self, row: Held, material: Material) -> bool:
        takes = self._selection.takes
        if row.record == "message":
            message = material.messages.get(int(row.source_id))
            return message is not None and takes(message.number, message.sent_at)
        messages = material.conversations.get(row.source_id, ())
        return any(takes(each.number, each.sent_at) for each in messages)

    def _compare(self, compared: Compared, row: Held, material: Material) -> None:
        try:
            rendered = render_row(self._account, row, material)
        except RenderError:
            compared.unrenderable += 1
            return
        if rendered is None or _waits_for_its_contact(row, material):
            compared.unchanged += 1
        elif row.crm_id is None:
            compared.drafts.append(Draft(row, rendered, "create"))
        elif self._force or rendered.content_hash != row.content_hash:
            compared.drafts.append(Draft(row, rendered, "update"))
        else:
            compared.unchanged += 1

    async def compare_gaps(self, place: GapPlace) -> tuple[Compared, GapPlace | None]:
        """Look for messages without a delivery; return where to go on, ``None`` at the end."""
        numbers = sorted(self._terms.numbers & (self._selection.numbers or self._terms.numbers))
        position, moment, message_id = place
        if position >= len(numbers):
            return Compared(), None
        found, following = await self._ledger.read(
            uncarried_messages,
            self._account.name,
            record=self._account.record,
            number=numbers[position],
            since=self._selection.since or FIRST,
            until=self._selection.until or self._ledger.clock.now(),
            after=None if moment is None else (moment, message_id),
            limit=SCAN,
            contact_id=self._selection.contact_id,
        )
        compared = await self._compare_uncarried(found)
        return compared, (position + 1, None, 0) if following is None else (position, *following)

    async def _compare_uncarried(self, found: Sequence[Uncarried]) -> Compared:
        rows, material, allowed = await self._ledger.read(self._draft_rows, found)
        compared = Compared(uncarried=allowed)
        for row in rows:
            self._compare(compared, row, material)
        return compared

    def _draft_rows(
        self, connection: Connection, found: Sequence[Uncarried]
    ) -> tuple[list[Held], Material, list[Uncarried]]:
        """Return the deliveries that messages would get, and those of contacts not there yet."""
        name, record = self._account.name, self._account.record
        contact_ids = {each.contact_id for each in found}
        blocked = blocked_contacts(connection, contact_ids, is_blocked=self._terms.is_blocked)
        allowed = [each for each in found if each.contact_id not in blocked]
        now = self._ledger.now(connection)
        rows: dict[tuple[RecordKind, str], Held] = {}
        missing = contacts_without_delivery(connection, name, contact_ids - blocked)
        for contact_id, key in missing.items():
            if contact_id not in self._new_contacts:
                self._new_contacts.add(contact_id)
                rows["contact", key] = _draft_row(contact_id, "contact", str(contact_id), key, now)
        for each in allowed:
            key = carrier_marker(
                self._ledger.keyed_hash,
                name,
                record,
                wamid=each.wamid,
                conversation=each.conversation,
            )
            source = each.conversation if record == "conversation" else str(each.id)
            rows.setdefault((record, key), _draft_row(each.contact_id, record, source, key, now))
        drafts = list(rows.values())
        return drafts, load_material(connection, name, drafts), allowed


def _waits_for_its_contact(row: Held, material: Material) -> bool:
    """Say whether a record belongs to a contact that people deleted: nothing of it is written."""
    return (
        row.record != "contact" and row.state == "synced" and row.contact_id not in material.links
    )


def _draft_row(
    contact_id: int, record: RecordKind, source_id: str, key: str, now: datetime
) -> Held:
    """Return a delivery as it would be, before there is one."""
    return Held(
        id=0,
        lane_id=0,
        contact_id=contact_id,
        record=record,
        source_id=source_id,
        marker=key,
        state="pending",
        generation=0,
        content_hash=None,
        crm_id=None,
        crm_hash=None,
        queued_at=now,
        sent_at=None,
        synced_at=None,
        checked_at=None,
        gone_at=None,
    )
