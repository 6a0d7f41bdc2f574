"""The adapter of a CRM in memory. Its calls go wrong as they are told.

A fault strikes one write:

ok            the call goes well
throttle      refused, nothing applied             unavailable   never left
error_before  500, not applied                     error_after   500, applied
timeout       no answer, not applied               late          no answer, applied later
reject_one    one record is refused                busy_one      one record is busy
omit_one      one record of the batch has no answer, and was not written
hide_one      one record of the batch has no answer, but was written
die_before    the process dies before anything is applied, die_after after it
freeze_before the process stands still before the first byte, freeze_after after the last
meanwhile     webhooks are recorded while the call is under way
"""

import itertools
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from connector.crm.gate import require_open_gate
from connector.crm.settings import AdapterSettings
from connector.errors import CrmInDoubtError, CrmThrottledError, CrmUnavailableError
from connector.failpoints import FailpointDeath
from connector.model.outcome import Failed, InDoubt, Outcome, Rejected
from connector.model.record import (
    Account,
    Change,
    CrmObject,
    FieldInfo,
    JsonScalar,
    Limits,
    Listed,
    Lookup,
    Page,
    Record,
)
from faults.memory import MemoryCrm

WRITE_FAULTS: Final = (
    "throttle",
    "unavailable",
    "error_before",
    "error_after",
    "timeout",
    "late",
    "reject_one",
    "busy_one",
    "omit_one",
    "hide_one",
    "die_before",
    "die_after",
    "freeze_before",
    "freeze_after",
    "meanwhile",
)
FIELDS: Final = ("name", "phone", "body", "at", "note", "wa_key")

Happening = Callable[[], Awaitable[None]]
OnFreeze = Callable[[float], Awaitable[None]]
OnCreate = Callable[[CrmObject, Sequence[Record]], Awaitable[None]]


class MemoryAdapter:
    """The adapter of a ``MemoryCrm``."""

    settings_model: ClassVar[type[AdapterSettings]] = AdapterSettings
    mapping: ClassVar[str | None] = None

    def __init__(
        self,
        crm: MemoryCrm,
        *,
        batch: int,
        concurrency: int,
        deadline: float,
        untraceable: bool = False,
    ) -> None:
        self.crm = crm
        self.faults: deque[tuple[str, float]] = deque()
        """What is to go wrong with the next writes, and a number between 0 and 1 for it."""
        self.read_faults: deque[str] = deque()
        self.struck: Counter[str] = Counter()
        self.on_freeze: OnFreeze | None = None
        """What happens while the process stands still, with the number between 0 and 1."""
        self.meanwhile: Happening | None = None
        self.before_create: OnCreate | None = None
        self._batch = batch
        self._concurrency = concurrency
        self._deadline = deadline
        self._untraceable = untraceable
        self._calls = itertools.count(1)

    @property
    def limits(self) -> Limits:
        """Batches where records are written by key, else one at a time."""
        return Limits(
            upsert={"contacts": self._batch, "messages": self._batch},
            find=10,
            read=10,
            erase=10,
            repeatable=frozenset(f"{kind}s" for kind in self.crm.by_key),
            concurrency=self._concurrency,
            untraceable=frozenset({"contacts", "messages"} if self._untraceable else ()),
        )

    async def describe(self, obj: CrmObject) -> Mapping[str, FieldInfo]:
        """Return the same fields for every object."""
        del obj
        return {name: FieldInfo(name=name, label=name) for name in FIELDS}

    async def find(self, obj: CrmObject, lookups: Sequence[Lookup]) -> Sequence[tuple[str, ...]]:
        """Look up by key; by phone where no record carries the key."""
        self._read()
        found = []
        for lookup in lookups:
            live = self.crm.live(obj.kind)
            hits = [
                each.id
                for each in live
                if lookup.key and each.key == lookup.key and not self._untraceable
            ]
            if not hits and lookup.phones:
                digits = {"".join(filter(str.isdigit, phone)) for phone in lookup.phones}
                hits = [
                    each.id
                    for each in live
                    if not each.key and str(each.fields.get("phone", "")).strip("+") in digits
                ]
            found.append(tuple(sorted(hits, key=int)))
        return found

    async def upsert(self, obj: CrmObject, records: Sequence[Record]) -> Sequence[Outcome]:
        """Write records, or let happen what was ordered."""
        fault, share = self.faults.popleft() if self.faults else ("ok", 0.0)
        self.struck[fault] += 1
        if fault == "freeze_before":
            await self._freeze(share)
        require_open_gate()
        if fault == "unavailable":
            raise CrmUnavailableError("the CRM cannot be reached", started=False)
        if fault == "throttle":
            raise CrmThrottledError("too many requests", cooldown=timedelta(seconds=share))
        if fault == "die_before":
            raise FailpointDeath(fault)
        if self.before_create is not None and records[0].crm_id is None:
            await self.before_create(obj, records)
        if fault == "meanwhile":
            await _let_happen(self.meanwhile)
        return await self._write(obj, records, fault=fault, share=share)

    async def _write(
        self, obj: CrmObject, records: Sequence[Record], *, fault: str, share: float
    ) -> Sequence[Outcome]:
        call = next(self._calls)
        if fault in {"timeout", "late", "error_before"}:
            if fault == "late":
                # Applied after the client gave up, but before the quiet period is over.
                due = self.crm.clock.boot() + self._deadline * (1 + 2.9 * share)
                self.crm.late.append((due, lambda: self._apply_all(obj, records, call)))
            if fault != "error_before":
                self.crm.let_pass(self._deadline)
            raise CrmInDoubtError("no answer")
        chosen = int(share * len(records)) % len(records)
        outcomes = [
            self._write_one(obj, record, call, fault if place == chosen else "ok")
            for place, record in enumerate(records)
        ]
        if fault == "die_after":
            raise FailpointDeath(fault)
        if fault == "error_after":
            raise CrmInDoubtError("the CRM answered 500", status=500)
        if fault == "freeze_after":
            await self._freeze(share)
        return outcomes

    async def _freeze(self, share: float) -> None:
        if self.on_freeze is not None:
            await self.on_freeze(share)

    def _write_one(self, obj: CrmObject, record: Record, call: int, fault: str) -> Outcome:
        match fault:
            case "reject_one":
                return Rejected("422", "refused on order", status=422)
            case "busy_one":
                return Failed("423", "busy on order")
            case "omit_one":
                return InDoubt("no word of it")
            case "hide_one":
                self.crm.apply(obj, record, call=call, in_time=True)
                return InDoubt("no word of it")
            case _:
                return self.crm.apply(obj, record, call=call, in_time=True)

    def _apply_all(self, obj: CrmObject, records: Sequence[Record], call: int) -> None:
        for record in records:
            self.crm.apply(obj, record, call=call, in_time=False)

    def _read(self) -> None:
        fault = self.read_faults.popleft() if self.read_faults else "ok"
        if fault == "unavailable":
            raise CrmUnavailableError("the CRM answered 503", status=503)
        if fault == "die":
            raise FailpointDeath("read")

    async def read(
        self, obj: CrmObject, crm_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, JsonScalar]]:
        """Read records; one that was merged away answers under another id."""
        del obj
        self._read()
        answers: dict[str, dict[str, Any]] = {}
        for crm_id in crm_ids:
            found = self.crm.resolve(crm_id)
            if found is not None:
                answers[crm_id] = {name: found.fields.get(name) for name in fields}
                if found.id != crm_id:
                    answers[crm_id]["crm_id"] = found.id
        return answers

    async def erase(self, obj: CrmObject, crm_ids: Sequence[str]) -> None:
        """Delete records."""
        del obj
        for crm_id in crm_ids:
            self.crm.records[crm_id].gone = True

    async def account(self) -> Account:
        """Say that all is well."""
        self._read()
        return Account(id="1", name="memory")

    async def setup(self, *, apply: bool) -> Sequence[Change]:
        """Want nothing."""
        del apply
        return []

    async def list(self, obj: CrmObject, since: datetime, cursor: str | None) -> Page:
        """List everything on one page."""
        del since, cursor
        return Page([Listed(each.id, each.key, {}) for each in self.crm.live(obj.kind)], None)


async def _let_happen(happening: Happening | None) -> None:
    if happening is not None:
        await happening()
