"""What a sweep found, what it does about it, and where it stands. Pure, and kept as JSON."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from connector.config.models import Brake, ReconcileSettings
from connector.model.record import RecordKind

DriftClass = Literal["missing", "changed", "deleted", "merged", "duplicate"]
Action = Literal["restored", "relinked", "healed", "reported"]
CLASSES: Final[tuple[DriftClass, ...]] = ("missing", "changed", "deleted", "merged", "duplicate")

ITEMS: Final = 1000
"""Findings that are listed one by one; all are counted."""
_SAMPLE: Final = 10
"""Records below which a share of them says nothing."""


@dataclass(slots=True)
class Finding:
    """One record that is not as it should be.

    ``missing``    it should be there and never was: nothing carries it, or its work fell asleep
    ``changed``    a value that the mapping writes is another one now
    ``deleted``    it was there and is not any more
    ``merged``     it answers under another id
    ``duplicate``  there is another record with our key
    """

    kind: DriftClass
    record: RecordKind
    key: str
    row: int | None = None
    """The delivery's id; ``None`` where there is none yet."""
    message: int | None = None
    """The message's id, where nothing carries it yet."""
    generation: int = 0
    crm_ids: list[str] = field(default_factory=list)
    """The record's id first; then the one it became, or those of its copies."""
    fields: list[str] = field(default_factory=list)
    seen: str | None = None
    """The fingerprint of what the CRM returned."""
    first: bool = False
    """Whether it was compared with what the mapping makes, never having been read back before."""
    action: Action = "reported"
    repaired: bool = False
    done: bool = False
    """Whether what is to be done about it has been."""

    def to_item(self) -> dict[str, Any]:
        """Return the item of ``reconcile --json``."""
        return {
            "class": self.kind,
            "record": self.record,
            "key": self.key,
            "crm_ids": list(self.crm_ids),
            "fields": list(self.fields),
            "action": self.action,
        }


def plan_action(finding: Finding, settings: ReconcileSettings, *, repair: bool | None) -> Action:
    """Decide what a sweep does about a finding; ``repair`` is what a command asked for."""
    if repair is False:
        return "reported"
    restores = {
        "missing": True,
        "changed": repair is True or settings.repair == "restore",
        "deleted": settings.on_deleted == "always"
        if finding.record == "contact"
        else settings.restore_messages,
    }
    match finding.kind:
        case "merged":
            return "relinked"
        case "duplicate":
            return "healed" if settings.heal and finding.record != "contact" else "reported"
        case kind:
            return "restored" if restores[kind] else "reported"


def count_effects(findings: Iterable[Finding], *, repair: bool | None) -> int:
    """Count the findings that something is done about. That a record is gone is noted, too."""
    if repair is False:
        return 0
    return sum(each.action != "reported" or each.kind == "deleted" for each in findings)


def why_to_brake(*, known: int, absent: int, effects: int, brake: Brake) -> str | None:
    """Say why a sweep must stop and change nothing, if it must.

    ``known`` is how many records it reads back, ``absent`` how many of them the CRM did not show.
    """
    if known >= _SAMPLE and absent * 2 > known:
        return f"the CRM shows {known - absent} of {known} records that it should hold"
    most = max(brake.records, brake.share * known)
    if effects > most:
        return f"at least {effects} of {known} records would be changed, the brake allows {most:g}"
    return None


@dataclass(slots=True)
class Spelling:
    """How often each field differed in records of one kind that were read back for the first time.

    A field that differs in most of them was not changed by people: the CRM spells it in its own
    way, such as an owner's number for the e-mail that was written.
    """

    compared: int = 0
    differs: dict[str, int] = field(default_factory=dict)

    def note(self, fields: Sequence[str]) -> None:
        """Note one record's comparison."""
        self.compared += 1
        for name in fields:
            self.differs[name] = self.differs.get(name, 0) + 1

    def own(self) -> set[str]:
        """Return the fields that the CRM spells in its own way."""
        if self.compared < _SAMPLE:
            return set()
        return {name for name, count in self.differs.items() if count * 2 > self.compared}


@dataclass(slots=True)
class SweepState:
    """Where a sweep stands: all it needs to go on in another process."""

    window: float
    """Seconds."""
    repair: bool | None = None
    thorough: bool = True
    """Whether everything in the window is read, or only what was not looked at for a while."""
    step: str = ""
    place: list[Any] | str | None = None
    """Where within the step."""
    begun_at: str = ""
    listed_since: str = ""
    stamp: str = ""
    known: int = 0
    checked: int = 0
    absent: int = 0
    calls: int = 0
    extra: dict[str, list[int]] = field(default_factory=dict)
    """Deliveries to read beyond the window, by record kind: the CRM says that they changed."""
    strays: dict[str, dict[str, str]] = field(default_factory=dict)
    """CRM records with a key of ours that no delivery is linked to: id to key, by record kind."""
    owners: dict[str, int] = field(default_factory=dict)
    """Whose keys those are: delivery ids by key."""
    spelling: dict[str, Spelling] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "SweepState":
        """Read what ``to_json`` wrote."""
        state = cls(**{name: each for name, each in value.items() if name in _NAMES})
        state.spelling = {name: Spelling(**each) for name, each in value["spelling"].items()}
        state.findings = [Finding(**each) for each in value["findings"]]
        return state

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return dataclasses.asdict(self)

    @property
    def begun(self) -> datetime:
        """When the sweep began."""
        return datetime.fromisoformat(self.begun_at)

    @property
    def since(self) -> datetime:
        """The beginning of the window."""
        return self.begun - timedelta(seconds=self.window)

    def drop_spelling(self, record: str) -> list[Finding]:
        """Drop what is only the CRM's spelling; return the findings that nothing is left of."""
        own = self.spelling.get(record, Spelling()).own()
        if not own:
            return []
        dropped: list[Finding] = []
        for finding in self.findings:
            if finding.record != record or not finding.first:
                continue
            finding.fields = [name for name in finding.fields if name not in own]
            if finding.kind == "changed" and not finding.fields:
                dropped.append(finding)
        gone = {id(finding) for finding in dropped}
        self.findings = [finding for finding in self.findings if id(finding) not in gone]
        return dropped

    def to_counts(self, *, seconds: float) -> dict[str, Any]:
        """Return what ``reconcile --json`` shows of a destination, and how far the sweep is."""
        found = Counter(finding.kind for finding in self.findings)
        repaired = Counter(finding.kind for finding in self.findings if finding.repaired)
        return {
            "known": self.known,
            "checked": self.checked,
            "found": {kind: found[kind] for kind in CLASSES},
            "repaired": {kind: repaired[kind] for kind in CLASSES},
            "left": found.total() - repaired.total(),
            "calls": self.calls,
            "seconds": round(seconds, 3),
            "items": [finding.to_item() for finding in self.findings[:ITEMS]],
        }


_NAMES: Final = frozenset(each.name for each in dataclasses.fields(SweepState)) - {
    "spelling",
    "findings",
}
