"""A resync: what the mapping makes of records now, against what was written of them.

The records whose output changed are marked for delivery, behind live traffic, and no others; a dry
run marks nothing and tells what each would change in the CRM, field by field.
"""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from connector.ledger.gaps import want_uncarried
from connector.ledger.marks import mark_for_writing
from connector.ledger.selections import Selection
from connector.ledger.sweeps import last_delivery_id
from connector.reconcile.account import Account, Terms
from connector.reconcile.comparing import SCAN, Compared, Comparing
from connector.reconcile.courtesy import Courtesy
from connector.reconcile.errands import Ending, Errand, Snapshot
from connector.reconcile.preview import (
    Writes,
    count_writes,
    estimate_calls,
    estimate_seconds,
    preview,
)
from connector.reconcile.settling import wait_until_settled

JOB: Final = "resync"
DRY_RUN: Final = "resync --dry-run"


@dataclass(slots=True)
class ResyncState:
    """Where a resync stands."""

    selection: dict[str, Any]
    dry_run: bool = False
    force: bool = False
    begun_at: str = ""
    mapping: str = ""
    """The digest of the mapping that it compares by."""
    upto: int = 0
    """The newest delivery when it began."""
    after: int = 0
    """Deliveries up to this id were compared."""
    gap: list[Any] = field(default_factory=lambda: [0, None, 0])
    """Where the look for messages without a delivery stands; empty at its end."""
    selected: int = 0
    create: int = 0
    update: int = 0
    unchanged: int = 0
    unrenderable: int = 0
    writes: dict[str, int] = field(default_factory=dict)
    pages: int = 0
    left: int = 0
    """Marked and not written yet."""

    def add(self, compared: Compared) -> None:
        """Count what one slice came to."""
        self.selected += compared.selected
        self.create += sum(each.action == "create" for each in compared.drafts)
        self.update += sum(each.action == "update" for each in compared.drafts)
        self.unchanged += compared.unchanged
        self.unrenderable += compared.unrenderable
        self.writes = dict(Counter(self.writes) + count_writes(compared.drafts))


class Resync:
    """Carries out one run of the job ``resync``."""

    def __init__(self, errand: Errand, account: Account, terms: Terms, state: ResyncState) -> None:
        self._errand = errand
        self._account = account
        self._terms = terms
        self._state = state
        self._order = dict(errand.run.cursor)
        self._courtesy = Courtesy(errand, account, terms)
        selection = Selection.from_json(state.selection)
        self._comparing = Comparing(errand.ledger, account, terms, selection, force=state.force)

    async def carry_out(self) -> Ending:
        """Compare everything that is meant, from where the run was left."""
        state = self._state
        while state.after < state.upto:
            upto = min(state.after + SCAN, state.upto)
            compared = await self._comparing.compare_deliveries(after=state.after, upto=upto)
            state.after = upto
            await self._take(compared)
        while state.gap:
            moment = state.gap[1]
            place = (state.gap[0], datetime.fromisoformat(moment) if moment else None, state.gap[2])
            compared, following = await self._comparing.compare_gaps(place)
            state.gap = []
            if following is not None:
                position, at, message_id = following
                state.gap = [position, at.isoformat() if at else None, message_id]
            await self._take(compared)
        if not state.dry_run:
            state.left = await wait_until_settled(
                self._errand, self._account, self._terms, stamp=self._stamp, note=self._note
            )
        return Ending("done", self._counts())

    @property
    def _stamp(self) -> datetime:
        return datetime.fromisoformat(self._state.begun_at)

    async def _take(self, compared: Compared) -> None:
        """Mark what was found to differ, or tell of it."""
        self._state.add(compared)
        if not self._state.dry_run:
            await self._errand.save(self._snapshot, along=partial(self._mark, compared=compared))
        elif compared.drafts:
            items = await preview(self._courtesy, self._account, compared.drafts)
            page = {"number": self._state.pages, "items": items}
            self._state.pages += 1
            await self._errand.hand_over(page, self._counts())
        else:
            await self._errand.save(self._snapshot, along=None)

    def _mark(self, connection: Connection, *, compared: Compared) -> None:
        mark_for_writing(
            connection, compared.marks, stamp=self._stamp, compare=not self._state.force
        )
        want_uncarried(
            connection,
            self._account.name,
            compared.uncarried,
            record=self._account.record,
            keyed_hash=self._errand.ledger.keyed_hash,
            is_blocked=self._terms.is_blocked,
            now=self._stamp,
        )

    async def _note(self, left: int) -> None:
        self._state.left = left
        await self._errand.save(self._snapshot, along=None)

    def _snapshot(self) -> Snapshot:
        """Return the place; a dry run begins anew in other hands, for what it told is gone."""
        if self._state.dry_run:
            return self._order, self._counts()
        return dataclasses.asdict(self._state), self._counts()

    def _counts(self) -> Mapping[str, Any]:
        state = self._state
        calls = estimate_calls(Writes(state.writes), self._account)
        return {
            "selected": state.selected,
            "create": state.create,
            "update": state.update,
            "unchanged": state.unchanged,
            "unrenderable": state.unrenderable,
            "calls": calls,
            "seconds": estimate_seconds(calls, self._terms.rate),
            "left": state.left,
            "mapping": state.mapping,
            "whole": all(each is None for each in state.selection.values()),
            "done": state.after,
            "total": state.upto,
        }


async def resync(errand: Errand, *, account: Account, terms: Terms) -> Ending:
    """Carry out a run of ``resync``, ordered with ``selection``, ``dry_run`` and ``force``.

    One that was left begins anew where the mapping is another one by now.
    """
    courtesy = Courtesy(errand, account, terms)
    if not account.ready:
        await courtesy.ask(account.learn_schema)
    state, mapping = ResyncState(**errand.run.cursor), account.renderer.mapping.digest
    if state.mapping != mapping:
        begun = await errand.ledger.read(errand.ledger.now)
        state = ResyncState(
            selection=state.selection,
            dry_run=state.dry_run,
            force=state.force,
            begun_at=begun.isoformat(),
            mapping=mapping,
            upto=await errand.ledger.read(last_delivery_id),
        )
    return await Resync(errand, account, terms, state).carry_out()
