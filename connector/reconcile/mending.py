"""The second half of a sweep: what was found is put right, each by its policy.

A record is put right by marking its delivery; delivery writes it, and it is read back once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection

from connector import metrics
from connector.ledger.gaps import carriers_of, load_uncarried, want_uncarried
from connector.ledger.marks import mark_for_writing, note_gone, relink, wake_sleeping
from connector.ledger.sweeps import Held, Print, crm_links, keep_prints, load_held
from connector.model.record import RecordKind
from connector.reconcile.drift import fingerprint
from connector.reconcile.errands import Slice
from connector.reconcile.findings import Finding
from connector.reconcile.half import Half
from connector.reconcile.healing import Healing
from connector.reconcile.reading import own_fields, read_fields
from connector.reconcile.settling import wait_until_settled

_AT_ONCE: Final = 500
"""Findings of one transaction."""
_BATCH: Final = 100
"""Records that one writing call takes at the most, as far as calls are counted."""


@dataclass(eq=False)
class Mending(Half):
    """Puts right what one sweep found."""

    def __post_init__(self) -> None:
        self._stamp = datetime.fromisoformat(self._state.stamp)
        self._healing = Healing(self._errand, self._account, self._terms, courtesy=self._courtesy)

    def _todo(self) -> list[Finding]:
        """Return the next findings that something has to be done about, all in the same way."""
        waiting = [each for each in self._state.findings if not each.done]
        alike = [
            each
            for each in waiting
            if (each.kind, each.record, each.action)
            == (waiting[0].kind, waiting[0].record, waiting[0].action)
        ]
        return alike[:_AT_ONCE]

    async def mend(self) -> Slice:
        """Do what has to be done about the next findings."""
        findings = self._todo()
        if not findings:
            return Slice(last=True)
        if (findings[0].kind, findings[0].action) == ("duplicate", "healed"):
            await self._healing.heal(findings)
        return Slice(last=False, along=partial(self._write, findings=findings))

    def _write(self, connection: Connection, findings: Sequence[Finding]) -> None:
        """Do what has to be done in the ledger, and count it as done."""
        rows = load_held(connection, [each.row for each in findings if each.row is not None])
        pairs = [(each, rows[each.row]) for each in findings if each.row in rows]
        match findings[0].kind, findings[0].action:
            case "changed", "restored":
                mark_for_writing(connection, self._writable(connection, pairs), stamp=self._stamp)
            case "deleted", "restored":
                able = self._writable(connection, pairs)
                mark_for_writing(connection, able, stamp=self._stamp, anew=True)
                ids = {row.id for row in able}
                self._note_gone(connection, [row for _, row in pairs if row.id not in ids])
            case "deleted", "reported" if self._state.repair is not False:
                self._note_gone(connection, [row for _, row in pairs])
            case "merged", "relinked":
                self._relink(connection, pairs)
            case "missing", "restored":
                self._want(connection, findings)
        for finding in findings:
            finding.done = True

    def _writable(
        self, connection: Connection, pairs: Sequence[tuple[Finding, Held]]
    ) -> list[Held]:
        """Return what delivery can write: messages of a contact who is gone would only wait."""
        there = {row.contact_id for _, row in pairs}
        there = set(crm_links(connection, self._account.name, there)) | self._returning(connection)
        able: list[Held] = []
        for finding, row in pairs:
            if row.record == "contact" or row.contact_id in there:
                able.append(row)
            else:
                finding.action = "reported"
        return able

    def _returning(self, connection: Connection) -> set[int]:
        """Return the contacts that this sweep writes anew: their messages follow them."""
        rows = [
            each.row
            for each in self._state.findings
            if (each.kind, each.record, each.action) == ("deleted", "contact", "restored")
        ]
        held = load_held(connection, [row for row in rows if row is not None])
        return {row.contact_id for row in held.values()}

    def _note_gone(self, connection: Connection, rows: Sequence[Held]) -> None:
        note_gone(connection, rows, now=self._errand.ledger.now(connection))

    def _relink(self, connection: Connection, pairs: Sequence[tuple[Finding, Held]]) -> None:
        """Follow merged records; values of ours that the merge lost are written again."""
        done = relink(connection, [(row, finding.crm_ids[-1]) for finding, row in pairs])
        lost: list[Held] = []
        for finding, row in pairs:
            finding.repaired = row.id in done
            if not finding.repaired:
                finding.action = "reported"
            elif finding.fields and self._restores_values():
                lost.append(row)
        mark_for_writing(connection, lost, stamp=self._stamp)
        metrics.RELINKED.labels(self._account.name).inc(len(done))

    def _restores_values(self) -> bool:
        return self._state.repair is True or self._terms.settings.repair == "restore"

    def _want(self, connection: Connection, findings: Sequence[Finding]) -> None:
        asleep = [each.row for each in findings if each.row is not None]
        if asleep:
            metrics.LANES_ASLEEP.inc(len(asleep))
            wake_sleeping(connection, asleep, stamp=self._stamp)
        want_uncarried(
            connection,
            self._account.name,
            load_uncarried(connection, [each.message for each in findings if each.message]),
            record=self._account.record,
            keyed_hash=self._errand.ledger.keyed_hash,
            is_blocked=self._terms.is_blocked,
            now=self._stamp,
        )

    async def wait_until_written(self) -> Slice:
        """Wait until delivery has settled what was marked, or does not come any further."""
        await wait_until_settled(self._errand, self._account, self._terms, stamp=self._stamp)
        return Slice(last=True)

    async def confirm(self) -> Slice:
        """Read back what was written, and keep what the CRM says of it now.

        What a CRM returns right after our own write is how it spells our values.
        """
        ledger = self._errand.ledger
        at = await ledger.read(ledger.now)
        awaited = [each for each in self._state.findings if each.action == "restored"]
        rows = await ledger.read(load_held, [each.row for each in awaited if each.row is not None])
        written = [
            (each, row)
            for each in awaited
            if each.row is not None
            and (row := rows.get(each.row)) is not None
            and row.state == "synced"
        ]
        prints: list[Print] = []
        for record in dict.fromkeys(each.record for each, _ in written):
            prints += await self._confirm_kind(
                record, [(each, row) for each, row in written if each.record == record]
            )
        await self._confirm_carried([each for each in awaited if each.message is not None])
        for finding in awaited:
            if not finding.repaired:
                finding.action = "reported"
        return Slice(last=True, along=partial(keep_prints, prints=prints, at=at))

    async def _confirm_kind(
        self, record: RecordKind, pairs: Sequence[tuple[Finding, Held]]
    ) -> list[Print]:
        limits, obj = self._account.limits, self._account.object_of(record)
        self._state.calls += -(-len(pairs) // min(_BATCH, limits.upsert[obj.name]))
        if obj.name in limits.unread:
            for finding, _ in pairs:
                finding.repaired = True
            return []
        names = own_fields(self._account, record)
        crm_ids = [str(row.crm_id) for _, row in pairs]
        current = await read_fields(self._courtesy, self._account, record, crm_ids, names)
        prints: list[Print] = []
        for finding, row in pairs:
            values = current.get(str(row.crm_id))
            if values is not None:
                finding.repaired = True
                finding.crm_ids = list(dict.fromkeys([*finding.crm_ids, str(row.crm_id)]))
                seen = fingerprint(names, values) if names else row.crm_hash
                prints.append(Print(row.id, row.generation, seen))
        return prints

    async def _confirm_carried(self, findings: Sequence[Finding]) -> None:
        ids = [each.message for each in findings if each.message is not None]
        states = await self._errand.ledger.read(self._carriers, ids)
        for finding in findings:
            finding.repaired = states.get(finding.message or 0) in {"synced", "skipped"}

    def _carriers(self, connection: Connection, ids: Sequence[int]) -> dict[int, str]:
        messages = load_uncarried(connection, ids)
        return carriers_of(connection, self._account.name, messages, record=self._account.record)
