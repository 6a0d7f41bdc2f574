"""The first half of a sweep: reading the CRM back. It changes nothing, here or there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection

from connector.ledger.gaps import uncarried_messages
from connector.ledger.markers import carrier_marker
from connector.ledger.marks import sleeping_deliveries
from connector.ledger.restoration import load_restoration
from connector.ledger.sweeps import (
    MARKER_END,
    Held,
    Print,
    Window,
    count_window,
    held_by_crm_id,
    held_by_marker,
    keep_prints,
    last_delivery_id,
    load_held,
    window_page,
)
from connector.mapping.rendered import Rendered
from connector.model.record import JsonScalar, Page, RecordKind
from connector.reconcile.errands import Slice
from connector.reconcile.findings import Finding, Spelling
from connector.reconcile.half import Half
from connector.reconcile.judging import Judgement, judge
from connector.reconcile.material import Material, load_material, try_to_render
from connector.reconcile.reading import own_fields, read_fields

_SCAN: Final = 20_000
"""Deliveries that one look for a marker passes over."""
_MESSAGES: Final = 1_000
_RECHECKS: Final = 4
"""A scheduled sweep looks at each record of its window so often, beside when it changes."""
_STRAYS: Final = 5_000
"""Strange records with keys of ours that one sweep looks into, of each kind."""
_SKEW: Final = timedelta(minutes=1)


class Looking(Half):
    """Reads one destination back, a slice at a time."""

    def names(self, record: RecordKind) -> tuple[str, ...]:
        """Return the fields that are compared; none where nobody wants them looked at."""
        if self._terms.settings.repair == "never" and self._state.repair is not True:
            return ()
        return own_fields(self._account, record)

    def window(self, record: RecordKind) -> Window:
        """Return what is read back of one kind of record."""
        state = self._state
        recheck = timedelta(seconds=state.window / _RECHECKS)
        return Window(
            destination=self._account.name,
            record=record,
            since=state.since,
            until=state.begun,
            stale_before=None if state.thorough else state.begun - recheck,
        )

    async def list_page(self, record: RecordKind) -> Slice:
        """Ask what changed in the CRM, one page; what it shows is read back before the next.

        It shows records that people changed long after we wrote them, and copies with our key.
        Where neither can be, it is not asked.
        """
        obj, limits = self._account.object_of(record), self._account.limits
        pointless = not self.names(record) and obj.name in limits.repeatable
        if pointless or obj.name in limits.unlisted:
            return Slice(last=True)
        state = self._state
        if len(state.extra.get(record, ())) >= limits.read:
            return Slice(last=False, along=(await self.read_extra(record)).along)
        since = datetime.fromisoformat(state.listed_since)
        cursor = state.place if isinstance(state.place, str) else None
        page = await self._courtesy.ask(lambda: self._account.adapter.list(obj, since, cursor))
        await self._note_listed(record, page)
        state.place = page.cursor
        return Slice(last=page.cursor is None)

    async def _note_listed(self, record: RecordKind, page: Page) -> None:
        known = await self._errand.ledger.read(
            held_by_crm_id, self._account.name, record, {each.crm_id for each in page.records}
        )
        window, strays = self.window(record), self._state.strays.setdefault(record, {})
        comparing = bool(self.names(record)) and self.can_read(record)
        for each in page.records:
            rows = known.get(each.crm_id, [])
            if not rows and each.key and len(strays) < _STRAYS:
                strays[each.crm_id] = each.key
            for row in rows:
                seen = each.changed_at is not None and _was_seen(row, each.changed_at)
                if comparing and not seen and _is_settled(row) and not window.holds(row):
                    self._read_as_well(row)

    def _read_as_well(self, row: Held) -> None:
        """Read a record back that is beyond the window."""
        extra = self._state.extra.setdefault(row.record, [])
        if row.id not in extra:
            extra.append(row.id)
            self._state.known += 1

    async def find_owners(self) -> Slice:
        """Find whose keys the strange records carry, a slice of the deliveries at a time.

        Their deliveries are read back: the record they know may have become the strange one.
        """
        state = self._state
        keys = {key for strays in state.strays.values() for key in strays.values()}
        if not keys:
            return Slice(last=True)
        ledger, name = self._errand.ledger, self._account.name
        after = int(state.place[0]) if isinstance(state.place, list) else 0
        upto = after + _SCAN
        for row in await ledger.read(held_by_marker, name, keys, after=after, upto=upto):
            self._spell_out(row.marker)
            if _is_settled(row):
                state.owners[row.marker] = row.id
                if self.can_read(row.record) and not self.window(row.record).holds(row):
                    self._read_as_well(row)
        state.place = [upto]
        return Slice(last=upto >= await ledger.read(last_delivery_id))

    def _spell_out(self, marker: str) -> None:
        """Give strange records that carry only the end of a key the whole of it."""
        for strays in self._state.strays.values():
            for crm_id, key in strays.items():
                if key == marker[-MARKER_END:]:
                    strays[crm_id] = marker

    async def count(self) -> Slice:
        """Count what the window holds; more may be read back."""
        for record in self.records:
            if not self.can_read(record):
                continue
            self._state.known += await self._errand.ledger.read(count_window, self.window(record))
        return Slice(last=True)

    @property
    def records(self) -> tuple[RecordKind, RecordKind]:
        """The kinds of record that the destination holds."""
        return ("contact", self._account.record)

    def can_read(self, record: RecordKind) -> bool:
        """Say whether records of a kind can be read back at all."""
        return self._account.object_of(record).name not in self._account.limits.unread

    async def read_window(self, record: RecordKind) -> Slice:
        """Read back the next records of the window."""
        if not self.can_read(record):
            return Slice(last=True)
        state, ledger = self._state, self._errand.ledger
        after = None
        if isinstance(state.place, list):
            after = (datetime.fromisoformat(state.place[0]), int(state.place[1]))
        limit = self._account.limits.read
        rows = await ledger.read(window_page, self.window(record), after=after, limit=limit)
        along = await self._read_back(record, rows)
        if rows:
            moment = rows[-1].synced_at or state.begun
            state.place = [moment.isoformat(), rows[-1].id]
        return Slice(len(rows) < limit, along)

    async def read_extra(self, record: RecordKind) -> Slice:
        """Read back the next records beyond the window, of which the CRM says that they changed."""
        if not self.can_read(record):
            return Slice(last=True)
        state, limit = self._state, self._account.limits.read
        waiting = state.extra.get(record, [])
        chosen, state.extra[record] = waiting[:limit], waiting[limit:]
        found = await self._errand.ledger.read(load_held, chosen)
        rows = [
            row for row_id in chosen if (row := found.get(row_id)) is not None and _is_settled(row)
        ]
        along = await self._read_back(record, rows)
        return Slice(not state.extra[record], along)

    async def _read_back(
        self, record: RecordKind, rows: Sequence[Held]
    ) -> Callable[[Connection], None] | None:
        """Read records back and judge them; return what keeps the fingerprints."""
        ledger = self._errand.ledger
        at = await ledger.read(ledger.now)
        rows = [row for row in rows if row.crm_id is not None]
        if not rows:
            return None
        restoration = await ledger.read(load_restoration)
        if restoration is not None:
            rows = [restoration.distrust(row) for row in rows]
        names = self.names(record)
        crm_ids = [str(row.crm_id) for row in rows]
        current = await read_fields(self._courtesy, self._account, record, crm_ids, names)
        material = await self._load_material(rows, current) if names else Material()
        prints = self._judge_all(record, rows, current, names, material)
        return partial(keep_prints, prints=prints, at=at)

    async def _load_material(
        self, rows: Sequence[Held], current: Mapping[str, Mapping[str, JsonScalar]]
    ) -> Material:
        there = [row for row in rows if row.crm_id in current]
        return await self._errand.ledger.read(load_material, self._account.name, there)

    def _judge_all(
        self,
        record: RecordKind,
        rows: Sequence[Held],
        current: Mapping[str, Mapping[str, JsonScalar]],
        names: Sequence[str],
        material: Material,
    ) -> list[Print]:
        prints: list[Print] = []
        for row in rows:

            def render(row: Held = row) -> Rendered | None:
                return try_to_render(self._account, row, material)

            found = judge(row, current.get(str(row.crm_id)), names=names, render=render)
            self._note(row, found)
            if found.kind in {"same", "merged"}:
                prints.append(Print(row.id, row.generation, found.seen or row.crm_hash))
        self._state.checked += len(rows)
        dropped = self._state.drop_spelling(record)
        prints += [Print(each.row, each.generation, each.seen) for each in dropped if each.row]
        return prints

    def _note(self, row: Held, found: Judgement) -> None:
        state = self._state
        if found.compared:
            state.spelling.setdefault(row.record, Spelling()).note(found.fields)
        if found.kind == "deleted":
            state.absent += 1
        if found.kind != "same":
            state.findings.append(
                Finding(
                    kind=found.kind,
                    record=row.record,
                    key=row.marker,
                    row=row.id,
                    generation=row.generation,
                    crm_ids=[str(row.crm_id), *filter(None, [found.crm_id])],
                    fields=list(found.fields),
                    seen=found.seen,
                    first=found.compared,
                )
            )

    def note_duplicates(self) -> None:
        """Conclude which of the strange records are copies, and not what others became."""
        state = self._state
        became = {
            (finding.record, crm_id)
            for finding in state.findings
            if finding.kind == "merged"
            for crm_id in finding.crm_ids[1:]
        }
        for kind in self.records:
            copies: dict[str, list[str]] = {}
            for crm_id, key in state.strays.get(kind, {}).items():
                if key in state.owners and (kind, crm_id) not in became:
                    copies.setdefault(key, []).append(crm_id)
            state.findings += [
                Finding("duplicate", kind, key, row=state.owners[key], crm_ids=crm_ids)
                for key, crm_ids in copies.items()
            ]

    async def look_for_gaps(self) -> Slice:
        """Look for messages that nothing carries, and for work that fell asleep."""
        state, ledger = self._state, self._errand.ledger
        numbers = sorted(self._terms.numbers)
        number, after = self._gap_place(numbers)
        if number is None:
            for row in await ledger.read(sleeping_deliveries, self._account.name):
                state.findings.append(Finding("missing", row.record, row.marker, row=row.id))
            return Slice(last=True)
        found, following = await ledger.read(
            uncarried_messages,
            self._account.name,
            record=self._account.record,
            number=number,
            since=state.since,
            until=state.begun,
            after=after,
            limit=_MESSAGES,
        )
        noted = {finding.key for finding in state.findings if finding.message is not None}
        for each in found:
            key = carrier_marker(
                ledger.keyed_hash,
                self._account.name,
                self._account.record,
                wamid=each.wamid,
                conversation=each.conversation,
            )
            if key not in noted:  # several messages may be one conversation
                noted.add(key)
                state.findings.append(
                    Finding("missing", self._account.record, key, message=each.id)
                )
        position = numbers.index(number)
        if following is None:
            state.place = [position + 1]
        else:
            state.place = [position, following[0].isoformat(), following[1]]
        return Slice(last=False)

    def _gap_place(self, numbers: Sequence[str]) -> tuple[str | None, tuple[datetime, int] | None]:
        """Return which number's messages come next, and after which of them."""
        place = self._state.place if isinstance(self._state.place, list) else [0]
        if place[0] >= len(numbers):
            return None, None
        position, *after = place
        if not after:
            return numbers[position], None
        return numbers[position], (datetime.fromisoformat(str(after[0])), int(after[1]))


def _is_settled(row: Held) -> bool:
    """Say whether the CRM holds a row's record and nothing of it is on its way."""
    return row.state == "synced" and row.gone_at is None


def _was_seen(row: Held, changed_at: datetime) -> bool:
    """Say whether a change was looked at already; clocks may differ."""
    return row.trusted and row.checked_at is not None and changed_at + _SKEW < row.checked_at
