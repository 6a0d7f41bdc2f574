"""Deleting copies: a message or conversation that is in a CRM twice is left there once.

The oldest record stays. A younger one goes only where it has our key and nobody touched it, which
is to say that every mapped field reads as in the one that stays. People are never deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.crm.gate import gate
from connector.errors import CrmRejectedError
from connector.ledger.marks import relink
from connector.ledger.sweeps import Held, crm_links, load_held
from connector.model.record import JsonScalar, Lookup, RecordKind
from connector.reconcile.account import Account, Terms
from connector.reconcile.courtesy import Courtesy
from connector.reconcile.drift import fingerprint
from connector.reconcile.errands import Errand
from connector.reconcile.findings import Finding
from connector.reconcile.reading import mapped_fields, read_fields, slices

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Cure:
    """Which of several records with one key stays, and which go."""

    keep: str
    delete: tuple[str, ...] = ()


def choose_cure(
    crm_ids: Sequence[str], current: Mapping[str, Mapping[str, JsonScalar]], names: Sequence[str]
) -> Cure | None:
    """Choose among records with one key, the oldest first; ``None`` where there are not two."""
    there = [crm_id for crm_id in crm_ids if crm_id in current]
    if len(there) < 2:
        return None
    keep = there[0]
    original = fingerprint(names, current[keep])
    untouched = [each for each in there[1:] if fingerprint(names, current[each]) == original]
    return Cure(keep, tuple(untouched))


class Healing:
    """Heals the duplicates of one sweep."""

    def __init__(
        self, errand: Errand, account: Account, terms: Terms, *, courtesy: Courtesy
    ) -> None:
        self._errand = errand
        self._account = account
        self._terms = terms
        self._courtesy = courtesy

    async def heal(self, findings: Sequence[Finding]) -> None:
        """Heal duplicates, all of one kind of record; what is not healed is reported.

        The CRM is asked once more, in the way that sees every write, who has the key. Our link goes
        to the record that stays before another is deleted.
        """
        record = findings[0].record
        rows = await self._errand.ledger.read(
            load_held, [each.row for each in findings if each.row]
        )
        readable = self._account.object_of(record).name not in self._account.limits.unread
        pairs = [(each, rows[each.row]) for each in findings if each.row in rows and readable]
        copies = await self._find_copies(record, pairs)
        names = mapped_fields(self._account, record)
        everyone = [crm_id for crm_ids in copies.values() for crm_id in crm_ids]
        current = await read_fields(self._courtesy, self._account, record, everyone, names)
        moved: list[tuple[Held, str]] = []
        cures: list[tuple[Finding, Cure]] = []
        for finding, row in pairs:
            finding.crm_ids = copies[finding.key]
            cure = choose_cure(finding.crm_ids, current, names)
            if cure is not None and cure.delete:
                cures.append((finding, cure))
                if cure.keep != row.crm_id:
                    moved.append((row, cure.keep))
        await self._relink(moved)
        try:
            await self._delete(record, [crm_id for _, cure in cures for crm_id in cure.delete])
        except CrmRejectedError as error:
            log.warning("copies.kept", destination=self._account.name, error=str(error))
            cures = []
        healed = {finding.key for finding, _ in cures}
        for finding in findings:
            finding.repaired = finding.key in healed
            finding.action = "healed" if finding.repaired else "reported"
            metrics.DUPLICATES_FOUND.labels(self._account.name, record, finding.action).inc()

    async def _find_copies(
        self, record: RecordKind, pairs: Sequence[tuple[Finding, Held]]
    ) -> dict[str, list[str]]:
        """Return the ids of every record with a finding's key, the oldest first, by key."""
        name, obj = self._account.name, self._account.object_of(record)
        links = await self._errand.ledger.read(
            crm_links, name, {row.contact_id for _, row in pairs}
        )
        copies: dict[str, list[str]] = {}
        for some in slices(pairs, self._account.limits.find):
            lookups = [
                Lookup(key=finding.key, contact_crm_id=links.get(row.contact_id))
                for finding, row in some
            ]
            found = await self._courtesy.ask(
                lambda lookups=lookups: self._account.adapter.find(obj, lookups)  # type: ignore[misc]  # bound for this round
            )
            for (finding, row), hits in zip(some, found, strict=True):
                everyone = [*hits, str(row.crm_id), *finding.crm_ids]
                copies[finding.key] = list(dict.fromkeys(everyone))
        return copies

    async def _relink(self, moved: Sequence[tuple[Held, str]]) -> None:
        if not moved:
            return

        def work(connection: Connection) -> None:
            relink(connection, moved)

        await self._errand.write(work)

    async def _delete(self, record: RecordKind, crm_ids: Sequence[str]) -> None:
        """Delete records while the destination is surely ours."""
        tuning, held = self._terms.tuning, self._errand.held
        for some in slices(crm_ids, self._account.limits.erase):

            async def erase(some: Sequence[str] = some) -> None:
                await held.ensure(tuning.send_gate + tuning.request_timeout)
                with gate(held.trusted_until, self._errand.ledger.clock):
                    await self._account.adapter.erase(self._account.object_of(record), some)

            await self._courtesy.ask(erase)
            log.info("copies.deleted", destination=self._account.name, count=len(some))
