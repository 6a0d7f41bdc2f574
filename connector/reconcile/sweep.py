"""A sweep of one destination, as one run: look at everything, then decide, then mend."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from connector import metrics
from connector.failpoints import failpoint
from connector.ledger.runs import last_done
from connector.reconcile.account import Account, Terms
from connector.reconcile.courtesy import Courtesy
from connector.reconcile.errands import Ending, Errand, Slice, Snapshot
from connector.reconcile.findings import (
    SweepState,
    count_effects,
    plan_action,
    why_to_brake,
)
from connector.reconcile.looking import Looking
from connector.reconcile.mending import Mending

JOB: Final = "reconcile"
_END: Final = "end"
_MOST: Final = 5_000
_OVERLAP: Final = timedelta(minutes=5)
"""How far a scheduled sweep looks back behind the one before: a CRM's index may lag."""


class _BrakedError(Exception):
    """Control flow: the sweep would do too much, and does nothing."""


class Sweep:
    """Carries out one run of the job ``reconcile``."""

    def __init__(self, errand: Errand, account: Account, terms: Terms, state: SweepState) -> None:
        self._errand = errand
        self._account = account
        self._terms = terms
        self._state = state
        self._courtesy = Courtesy(errand, account, terms)
        courtesy = self._courtesy
        self._looking = Looking(errand, account, terms, courtesy, state)
        self._mending = Mending(errand, account, terms, courtesy, state)

    async def carry_out(self) -> Ending:
        """Sweep, from where the run was left."""
        if not self._account.ready:
            await self._courtesy.ask(self._account.learn_schema)
        try:
            await self._go_on()
        except _BrakedError as brake:
            for finding in self._state.findings:
                finding.action = "reported"
            self._count()
            return Ending("braked", self._counts(), str(brake))
        self._count()
        return Ending("done", self._counts())

    async def _go_on(self) -> None:
        """Take one slice after the other, each kept in the ledger with what it came to."""
        state, steps = self._state, self._steps()
        names = [*steps, _END]
        at = names.index(state.step) if state.step in names else 0
        while names[at] != _END:
            taken = await steps[names[at]]()
            failpoint("sweep.mid")
            state.calls += self._courtesy.take_calls()
            if taken.last:
                at += 1
                state.place = None
            state.step = names[at]
            await self._errand.save(self._snapshot, along=taken.along)

    def _steps(self) -> dict[str, Callable[[], Awaitable[Slice]]]:
        look, mend = self._looking, self._mending
        contact, record = look.records
        return {
            "count": look.count,
            "list contacts": self._within_bounds(partial(look.list_page, contact)),
            "list messages": self._within_bounds(partial(look.list_page, record)),
            "find owners": look.find_owners,
            "read contacts": self._calmly(partial(look.read_window, contact)),
            "read messages": self._calmly(partial(look.read_window, record)),
            "read more contacts": self._calmly(partial(look.read_extra, contact)),
            "read more messages": self._calmly(partial(look.read_extra, record)),
            "look for gaps": self._calmly(look.look_for_gaps),
            "decide": self._decide,
            "mend": mend.mend,
            "wait": mend.wait_until_written,
            "confirm": mend.confirm,
        }

    def _within_bounds(
        self, step: Callable[[], Awaitable[Slice]]
    ) -> Callable[[], Awaitable[Slice]]:
        """Return a step that finds only so much: what it is a share of is not known yet."""

        async def take() -> Slice:
            taken = await step()
            if len(self._state.findings) > _MOST:
                raise _BrakedError(f"more than {_MOST} records that people changed differ")
            return taken

        return take

    def _calmly(self, step: Callable[[], Awaitable[Slice]]) -> Callable[[], Awaitable[Slice]]:
        """Return a step after each slice of which the brake is looked at."""

        async def take() -> Slice:
            taken = await step()
            self._require_calm(final=False)
            return taken

        return take

    async def _decide(self) -> Slice:
        """Decide about everything that was found, now that all of it is known."""
        self._looking.note_duplicates()
        self._require_calm(final=True)
        return Slice(last=True)

    def _require_calm(self, *, final: bool) -> None:
        """Stop where it is clear already that the brake would not allow what is to be done.

        What differs in records that were never read back before may turn out to be the CRM's own
        spelling, so that it counts only at the end.
        """
        state, settings = self._state, self._terms.settings
        for finding in state.findings:
            finding.action = plan_action(finding, settings, repair=state.repair)
        sure = [each for each in state.findings if final or not each.first]
        why = why_to_brake(
            known=state.known,
            absent=state.absent,
            effects=count_effects(sure, repair=state.repair),
            brake=settings.brake,
        )
        if why is not None:
            raise _BrakedError(why)

    def _snapshot(self) -> Snapshot:
        return self._state.to_json(), self._counts()

    def _counts(self) -> dict[str, object]:
        passed = self._errand.ledger.clock.now() - self._errand.run.started_at
        return self._state.to_counts(seconds=max(passed.total_seconds(), 0.0))

    def _count(self) -> None:
        """Count the records of a sweep that is over."""
        state, name = self._state, self._account.name
        found: Counter[str] = Counter(finding.kind for finding in state.findings)
        read = found["changed"] + found["deleted"] + found["merged"]
        results = {
            "same": state.checked - read,
            **found,
            "repaired": sum(finding.repaired for finding in state.findings),
        }
        for result, count in results.items():
            metrics.RECONCILE_RECORDS.labels(name, result).inc(max(count, 0))


async def sweep(errand: Errand, *, account: Account, terms: Terms) -> Ending:
    """Carry out a run of ``reconcile``, ordered with ``window``, ``repair`` and ``thorough``."""
    state = await _load_state(errand, account, terms)
    return await Sweep(errand, account, terms, state).carry_out()


async def _load_state(errand: Errand, account: Account, terms: Terms) -> SweepState:
    cursor = errand.run.cursor
    if "begun_at" in cursor:
        return SweepState.from_json(cursor)
    begun = await errand.ledger.read(errand.ledger.now)
    state = SweepState(
        window=cursor.get("window") or terms.settings.window.total_seconds(),
        repair=cursor.get("repair"),
        thorough=bool(cursor.get("thorough")),
        begun_at=begun.isoformat(),
        stamp=begun.isoformat(),
    )
    state.listed_since = (await _listed_since(errand, account, state)).isoformat()
    return state


async def _listed_since(errand: Errand, account: Account, state: SweepState) -> datetime:
    """Return since when the CRM's changes are listed: not again what the last sweep saw."""
    if state.thorough:
        return state.since
    before = await errand.ledger.read(last_done, JOB, account.name, scheduled=True)
    return state.since if before is None else max(state.since, before.started_at - _OVERLAP)
