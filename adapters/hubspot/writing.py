"""Records into HubSpot, and from its answers what became of each.

Answers are matched by the trace id that each input carries, which is our key; never by position,
since HubSpot promises no order. An input that an answer does not mention is in doubt.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from adapters.hubspot.calls import MOST_LINKS, MOST_RECORDS, BatchAnswer, Calls
from adapters.hubspot.errors import HubSpotRejectedError, Trouble
from adapters.hubspot.finding import find_by_key
from adapters.hubspot.objects import LINKED, kind_of
from connector.crm import (
    CrmAccessError,
    CrmRejectedError,
    CrmThrottledError,
    CrmUnavailableError,
    Failed,
    InDoubt,
    NotSent,
    Outcome,
    Rejected,
    Vanished,
    Written,
    send_in_batches,
)

_AT_ONCE: Final = 10
"""Batches of one ``upsert`` under way together, so that all of them pass the gate in time."""
_SILENCE: Final = InDoubt("HubSpot's answer does not mention this record")


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as HubSpot takes it."""

    key: str
    properties: Mapping[str, str]
    crm_id: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    """Record ids by role."""


Settle = Callable[[Sequence[Entry], Sequence[Trouble]], Awaitable[Sequence[Outcome]]]
Pair = tuple[str, str]


class Writer:
    """Writes one kind of record; ``key`` is the unique property that carries our key, if any."""

    def __init__(self, calls: Calls, kind: str, *, key: str | None) -> None:
        self._calls = calls
        self._kind = kind
        self._key = key
        self._link_types = kind_of(kind).link_types or {}

    async def upsert(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Create or change records by our key, then link them. May be repeated."""
        outcomes = await _in_rounds(entries, self._upsert_slice, by=lambda each: each.key)
        return await self._link(entries, outcomes)

    async def update(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Change records by their ids, then link them. May be repeated."""
        send = partial(self._update_slice, settle=self._settle_update)
        outcomes = await _in_rounds(entries, send, by=lambda each: str(each.crm_id))
        return await self._link(entries, outcomes)

    async def create(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Create records with their links in one step. May not be repeated."""
        return await send_in_batches(
            entries, MOST_RECORDS, self._create_slice, concurrency=_AT_ONCE
        )

    async def _upsert_slice(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        inputs = [
            {
                "id": entry.key,
                "idProperty": self._key,
                "objectWriteTraceId": entry.key,
                "properties": entry.properties,
            }
            for entry in entries
        ]
        return await self._write("upsert", entries, inputs, settle=self._settle_upsert)

    async def _update_slice(self, entries: Sequence[Entry], *, settle: Settle) -> Sequence[Outcome]:
        inputs = [
            {
                "id": entry.crm_id,
                "objectWriteTraceId": entry.key,
                "properties": entry.properties,
            }
            for entry in entries
        ]
        return await self._write("update", entries, inputs, settle=settle)

    async def _create_slice(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        inputs = [
            {
                "objectWriteTraceId": entry.key,
                "properties": entry.properties,
                "associations": [
                    {"to": {"id": entry.links[role]}, "types": [_link_type(number)]}
                    for role, number in self._link_types.items()
                    if role in entry.links
                ],
            }
            for entry in entries
        ]
        return await self._write("create", entries, inputs, settle=_settle_finally)

    async def _write(
        self,
        verb: str,
        entries: Sequence[Entry],
        inputs: Sequence[Mapping[str, Any]],
        *,
        settle: Settle,
    ) -> Sequence[Outcome]:
        """Write one batch; troubles of single inputs are settled together.

        Raises ``CrmRejectedError`` where several were refused as a whole: the fault may be one's.
        """
        try:
            answer = await self._calls.write(self._kind, verb, inputs)
        except HubSpotRejectedError as error:
            if len(entries) > 1:
                raise
            return await _try_to_settle(settle, entries, [error.trouble])
        found = self._read_answer(entries, answer)
        troubled = [place for place, each in enumerate(found) if isinstance(each, Trouble)]
        settled: Sequence[Outcome] = []
        if troubled:
            settled = await _try_to_settle(
                settle,
                [entries[place] for place in troubled],
                [each for each in found if isinstance(each, Trouble)],
            )
        outcomes = iter(settled)
        return [next(outcomes) if isinstance(each, Trouble) else each for each in found]

    def _read_answer(
        self, entries: Sequence[Entry], answer: BatchAnswer
    ) -> list[Written | InDoubt | Trouble]:
        """Say of each entry what the answer does, by trace id, else by key or record id."""
        written: dict[str, str] = {}
        for result in answer.results:
            crm_id = str(result.get("id") or "")
            properties = result.get("properties") or {}
            for name in (result.get("objectWriteTraceId"), properties.get(self._key), crm_id):
                if crm_id and isinstance(name, str) and name:
                    written.setdefault(name, crm_id)
                    break
        refused: dict[str, Trouble] = {}
        for trouble in answer.troubles:
            refused.update(dict.fromkeys(trouble.traces or trouble.ids, trouble))

        found: list[Written | InDoubt | Trouble] = []
        for entry in entries:
            names = [entry.key] if entry.crm_id is None else [entry.key, entry.crm_id]
            known = next((written[name] for name in names if name in written), None)
            trouble_of = next((refused[name] for name in names if name in refused), None)
            found.append(Written(known) if known else trouble_of or _SILENCE)

        nameless = [each for each in answer.troubles if not each.traces and not each.ids]
        if len(nameless) == 1 and found.count(_SILENCE) == 1:
            found[found.index(_SILENCE)] = nameless[0]
        return found

    async def _settle_upsert(
        self, entries: Sequence[Entry], troubles: Sequence[Trouble]
    ) -> Sequence[Outcome]:
        """Adopt the records that already are what ours were to become; judge the rest."""
        targets = [trouble.existing_id if trouble.clash else None for trouble in troubles]
        return await self._adopt(entries, troubles, targets)

    async def _settle_update(
        self, entries: Sequence[Entry], troubles: Sequence[Trouble]
    ) -> Sequence[Outcome]:
        """Where another record holds our key, that one is ours; judge the rest."""
        clashing = [
            entry.key for entry, trouble in zip(entries, troubles, strict=True) if trouble.clash
        ]
        holders = await find_by_key(self._calls, self._kind, clashing, key=self._key)
        targets = [
            holders.get(entry.key) if trouble.clash else None
            for entry, trouble in zip(entries, troubles, strict=True)
        ]
        return await self._adopt(entries, troubles, targets)

    async def _adopt(
        self,
        entries: Sequence[Entry],
        troubles: Sequence[Trouble],
        targets: Sequence[str | None],
    ) -> Sequence[Outcome]:
        """Write each entry onto its target, once; an entry without one is judged as it is."""
        outcomes = list(await _settle_finally(entries, troubles))
        places = [
            place
            for place, (entry, target) in enumerate(zip(entries, targets, strict=True))
            if target is not None and target != entry.crm_id
        ]
        adopted = [replace(entries[place], crm_id=targets[place]) for place in places]
        send = partial(self._update_slice, settle=_settle_finally)
        done = await _in_rounds(adopted, send, by=lambda each: str(each.crm_id))
        for place, outcome in zip(places, done, strict=True):
            outcomes[place] = outcome
        return outcomes

    async def _link(self, entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Link what was written; one batch for each role. Not linked is not written."""
        linked = list(outcomes)
        for role, number in self._link_types.items():
            places: list[int] = []
            pairs: list[Pair] = []
            for place, (entry, outcome) in enumerate(zip(entries, linked, strict=True)):
                if isinstance(outcome, Written) and role in entry.links:
                    places.append(place)
                    pairs.append((outcome.crm_id, entry.links[role]))
            send = partial(self._link_slice, role, number)
            for place, outcome in zip(
                places, await send_in_batches(pairs, MOST_LINKS, send), strict=True
            ):
                if not isinstance(outcome, Written):
                    linked[place] = outcome
        return linked

    async def _link_slice(self, role: str, number: int, pairs: Sequence[Pair]) -> Sequence[Outcome]:
        inputs = [
            {"from": {"id": start}, "to": {"id": end}, "types": [_link_type(number)]}
            for start, end in pairs
        ]
        try:
            answer = await self._calls.link(self._kind, LINKED[role], inputs)
        except HubSpotRejectedError as error:
            if len(pairs) > 1:
                raise
            return [_judge_link(role, pairs[0][0], error.trouble)]
        made = {str(result.get("fromObjectId")) for result in answer.results}
        refused = {each: trouble for trouble in answer.troubles for each in trouble.ids}
        return [
            Written(start)
            if start in made
            else _judge_link(role, start, refused[start])
            if start in refused
            else _SILENCE
            for start, _end in pairs
        ]


def _person(entry: Entry) -> str:
    """Return whose record it is, so that one person's are not written side by side."""
    return entry.links.get("contact", entry.key)


async def _in_rounds(
    entries: Sequence[Entry],
    send: Callable[[Sequence[Entry]], Awaitable[Sequence[Outcome]]],
    *,
    by: Callable[[Entry], str],
) -> list[Outcome]:
    """Send batches in which none meets its like: HubSpot refuses a batch that names one twice."""
    rounds: list[list[int]] = []
    seen: Counter[str] = Counter()
    for place, entry in enumerate(entries):
        name = by(entry)
        if seen[name] == len(rounds):
            rounds.append([])
        rounds[seen[name]].append(place)
        seen[name] += 1
    outcomes: list[Outcome] = [_SILENCE] * len(entries)
    for places in rounds:
        done = await send_in_batches(
            [entries[place] for place in places],
            MOST_RECORDS,
            send,
            concurrency=_AT_ONCE,
            together=_person,
        )
        for place, outcome in zip(places, done, strict=True):
            outcomes[place] = outcome
    return outcomes


async def _try_to_settle(
    settle: Settle, entries: Sequence[Entry], troubles: Sequence[Trouble]
) -> Sequence[Outcome]:
    """Settle troubles; where a look-up for that fails, the rest of the batch keeps its outcomes."""
    try:
        return await settle(entries, troubles)
    except CrmRejectedError:
        return await _settle_finally(entries, troubles)
    except (CrmThrottledError, CrmUnavailableError, CrmAccessError) as error:
        return [NotSent(error)] * len(entries)


async def _settle_finally(
    entries: Sequence[Entry], troubles: Sequence[Trouble]
) -> Sequence[Outcome]:
    """Judge troubles as they are, without another call."""
    return [_judge(entry, trouble) for entry, trouble in zip(entries, troubles, strict=True)]


def _judge(entry: Entry, trouble: Trouble) -> Outcome:
    if trouble.gone:
        for role, crm_id in entry.links.items():
            if crm_id in trouble.ids:
                return Vanished() if role == "contact" else _gone(role, trouble)
        if entry.crm_id is not None:
            return Vanished()
    return _reject(trouble)


def _judge_link(role: str, crm_id: str, trouble: Trouble) -> Outcome:
    """Judge a link that was not made. Without its contact a record stands on no timeline."""
    if trouble.gone:
        return Vanished() if role == "contact" else Written(crm_id)
    return _reject(trouble)


def _gone(role: str, trouble: Trouble) -> Failed:
    """Return a failure that passes: the next attempt looks anew for what to link to."""
    return Failed(f"{role}_gone", trouble.detail)


def _reject(trouble: Trouble) -> Rejected:
    return Rejected(trouble.code, trouble.detail, trouble.field, trouble.status, trouble.said)


def _link_type(number: int) -> Mapping[str, Any]:
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}
