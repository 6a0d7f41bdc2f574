"""A CRM within the process, and a clock to turn, for tests that drive deliveries step by step."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connector.model.outcome import Outcome, Vanished, Written
from connector.model.record import CrmObject, FieldValue, Record


class TurnedClock:
    """A clock that moves when it is told to; its wall time can be set apart from its run."""

    def __init__(self, at: datetime) -> None:
        self._wall = at
        self._boot = 1000.0

    def now(self) -> datetime:
        """Return the wall-clock time."""
        return self._wall

    def boot(self) -> float:
        """Return the seconds that have passed, plus some."""
        return self._boot

    def let_pass(self, seconds: float) -> None:
        """Let time pass."""
        self._boot += seconds
        self._wall += timedelta(seconds=seconds)

    def set_wrong(self, seconds: float) -> None:
        """Let the wall time jump, as when somebody sets a machine's clock."""
        self._wall += timedelta(seconds=seconds)


@dataclass(slots=True)
class Held:
    """One record that the CRM holds, or held."""

    id: str
    kind: str
    key: str
    fields: dict[str, FieldValue]
    contact: str | None
    written: int
    """When its latest content was asked for, as a serial of calls."""
    created: int
    """Its place among all creations."""
    gone: bool = False
    merged_into: str | None = None


@dataclass(slots=True)
class Create:
    """One creation, as it happened."""

    key: str
    kind: str
    call: int
    in_time: bool
    """Whether it was applied while its process waited for the answer."""


@dataclass(slots=True)
class MemoryCrm:
    """What the CRM holds. ``by_key``: whether it knows our key as unique, by kind of record."""

    clock: TurnedClock
    by_key: frozenset[str]
    records: dict[str, Held] = field(default_factory=dict)
    creates: list[Create] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)
    """Keys whose record may hold older words: an older write landed after a newer one."""
    late: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    strangers: int = 0
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def live(self, kind: str) -> list[Held]:
        """Return the records of a kind that are there."""
        return [
            each
            for each in self.records.values()
            if each.kind == kind and not each.gone and each.merged_into is None
        ]

    def resolve(self, crm_id: str | None) -> Held | None:
        """Return the record that answers under an id, through merges; none if it is gone."""
        found = self.records.get(crm_id or "")
        while found is not None and found.merged_into is not None:
            found = self.records.get(found.merged_into)
        return None if found is None or found.gone else found

    def apply(self, obj: CrmObject, record: Record, *, call: int, in_time: bool) -> Outcome:
        """Write one record, as the CRM does when it comes to it."""
        contact = record.linked_crm_ids.get("contact")
        owner = self.resolve(contact)
        if obj.kind == "message" and owner is None and (contact or record.crm_id is None):
            return Vanished()
        if record.crm_id is not None:
            found = self.resolve(record.crm_id)
            return Vanished() if found is None else self._update(found, record, call)
        same = [each for each in self.live(obj.kind) if each.key == record.key]
        if obj.kind in self.by_key and same:
            return self._update(same[0], record, call)
        made = Held(
            id=str(next(self._ids)),
            kind=obj.kind,
            key=record.key,
            fields=dict(record.fields),
            contact=None if owner is None or obj.kind == "contact" else owner.id,
            written=call,
            created=len(self.creates),
        )
        self.records[made.id] = made
        self.creates.append(Create(record.key, obj.kind, call, in_time))
        return Written(made.id)

    def _update(self, found: Held, record: Record, call: int) -> Outcome:
        if call < found.written:
            self.stale.add(found.key)
        found.written = max(found.written, call)
        found.fields.update(record.fields)
        if found.key != record.key and not found.key:
            found.key = record.key
        return Written(found.id)

    def add_stranger(self, like: Held) -> Held:
        """Add a contact that somebody made by hand: it has none of our keys."""
        self.strangers += 1
        stranger = Held(
            id=f"9{self.strangers:05d}",
            kind="contact",
            key="",
            fields={"name": like.fields.get("name")},
            contact=None,
            written=like.written,
            created=-1,
        )
        self.records[stranger.id] = stranger
        return stranger

    def apply_late(self) -> None:
        """Apply what is due by now of what the CRM is late with."""
        due = [each for each in self.late if each[0] <= self.clock.boot()]
        self.late = [each for each in self.late if each[0] > self.clock.boot()]
        for _, write in sorted(due, key=lambda each: each[0]):
            write()

    def let_pass(self, seconds: float) -> None:
        """Let time pass, and do what becomes due in it when it becomes due."""
        end = self.clock.boot() + seconds
        for due, _ in sorted(self.late, key=lambda each: each[0]):
            if due <= end:
                self.clock.let_pass(max(0.0, due - self.clock.boot()))
                self.apply_late()
        self.clock.let_pass(max(0.0, end - self.clock.boot()))


def noon() -> datetime:
    """Return the moment at which these tests begin."""
    return datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
