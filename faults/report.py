"""What was injected, what came of it, and how sure that is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

AMBIGUOUS = frozenset(
    {
        "reset_after",
        "reset_before",
        "error_after",
        "error_before",
        "half_answer",
        "timeout_after",
        "late_commit",
    }
)
"""Faults after which a client can not know whether its write was applied."""


@dataclass(slots=True)
class Report:
    """One campaign."""

    kind: str
    database: str
    seed: int
    hosts: int = 1
    seconds: float = 0.0
    acknowledged: int = 0
    """Webhooks answered 200, each counted once."""
    posts: int = 0
    kills: int = 0
    pauses: int = 0
    struck_at: Counter[str] = field(default_factory=Counter)
    """Which of the kills and pauses happened at a named place."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """What the CRM did, by kind."""
    lost: int = 0
    doubled: int = 0
    doubled_contacts: int = 0
    reordered: int = 0
    """Contacts whose records were made in another order than their messages were sent."""
    misplaced: int = 0
    """Records that nobody sent, or that stand with nobody or with somebody else."""
    parked: Mapping[str, int] = field(default_factory=dict)
    """Dead letters at the end of the harm; retried before the CRM was judged."""
    resolved: Mapping[str, int] = field(default_factory=dict)
    reported: int | None = None
    """Doubles that ``connector reconcile`` found in the end; ``None`` where nothing can be listed
    there."""
    allowed: int = 0
    """Doubles that may be: a process can stand still between gate and write, a CRM be too late."""
    waiting: int = 0
    """Messages that are not in the CRM and wait for a person, where it can only create."""
    difference: int = 0
    """Of the audit."""
    problem: str = ""
    """Why the campaign could not be judged."""

    @property
    def ambiguous(self) -> int:
        """Calls whose outcome nobody could know, and deaths."""
        return self.kills + self.pauses + sum(self.faults.get(kind, 0) for kind in AMBIGUOUS)

    @property
    def clean(self) -> bool:
        """Whether nothing at all was lost, doubled, out of order or unaccounted for."""
        bad = (self.lost, self.doubled, self.doubled_contacts, self.reordered, self.misplaced)
        return not any(bad) and self.difference == 0 and not self.problem

    @property
    def kept(self) -> bool:
        """Whether what is promised was kept: clean, but for doubles allowed and all reported."""
        doubles = self.doubled + self.doubled_contacts
        bad = (self.lost, self.reordered, self.misplaced, self.difference)
        if any(bad) or self.problem or doubles > self.allowed:
            return False
        return doubles == 0 or (self.reported or 0) >= doubles

    def as_json(self) -> dict[str, Any]:
        """Return every figure."""
        return {
            "kind": self.kind,
            "database": self.database,
            "seed": self.seed,
            "hosts": self.hosts,
            "seconds": round(self.seconds, 1),
            "acknowledged": self.acknowledged,
            "posts": self.posts,
            "kills": self.kills,
            "pauses": self.pauses,
            "struck_at": dict(sorted(self.struck_at.items())),
            "faults": dict(sorted(self.faults.items())),
            "ambiguous": self.ambiguous,
            "lost": self.lost,
            "doubled": self.doubled,
            "doubled_contacts": self.doubled_contacts,
            "reordered": self.reordered,
            "misplaced": self.misplaced,
            "parked": dict(self.parked),
            "waiting": self.waiting,
            "reported": self.reported,
            "difference": self.difference,
            "kept": self.kept,
            "problem": self.problem,
            "bounds": {
                "lost": bound(self.lost, self.acknowledged),
                "doubled": bound(self.doubled + self.doubled_contacts, self.ambiguous),
            },
        }

    def lines(self) -> list[str]:
        """Return the report as people read it."""
        doubled = self.doubled + self.doubled_contacts
        what = {
            "injected": f"{self._injected()} over {self.acknowledged} acknowledged webhooks "
            f"({self.posts} posts); CRM: {_listed(self.faults) or 'no faults'}",
            "lost": f"{self.lost}  ({_share(self.lost, self.acknowledged)} of webhooks)",
            "doubled": f"{doubled}  ({_share(doubled, self.ambiguous)} of {self.ambiguous} "
            "ambiguous outcomes)",
            "reordered": str(self.reordered),
            "reconcile": self._reported(doubled),
            "waiting": f"{self.waiting} messages in doubt, not in the CRM" * bool(self.waiting),
            "misplaced": str(self.misplaced or ""),
            "parked": _listed(self.parked),
            "audit": f"a difference of {self.difference}" if self.difference else "",
            "PROBLEM": self.problem,
        }
        title = (
            f"{self.kind} on {self.database}, {self.hosts} process(es), seed {self.seed}, "
            f"{self.seconds:.0f} s"
        )
        return [title, *(f"  {name:10} {text}" for name, text in what.items() if text)]

    def _reported(self, doubled: int) -> str:
        if self.reported is None:
            return ""
        return f"reported {self.reported} of {doubled} doubles" if doubled else "found no double"

    def _injected(self) -> str:
        places = self.struck_at.total()
        return f"{self.kills} SIGKILLs and {self.pauses} pauses ({places} at named places)"


def table(reports: Sequence[Report]) -> list[str]:
    """Return all campaigns beside each other, with their sum and how sure its zeros are."""
    head = ("campaign", "webhooks", "kills", "pauses", "ambiguous", "lost", "doubled", "reordered")
    rows = [
        (
            f"{each.kind} on {each.database}",
            each.acknowledged,
            each.kills,
            each.pauses,
            each.ambiguous,
            each.lost,
            each.doubled + each.doubled_contacts,
            each.reordered,
        )
        for each in reports
    ]
    sums = [sum(int(row[place]) for row in rows) for place in range(1, len(head))]
    cells = [[str(cell) for cell in row] for row in (head, *rows, ("all", *sums))]
    widths = [max(len(row[place]) for row in cells) for place in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    acknowledged, ambiguous, lost, doubled = sums[0], sums[3], sums[4], sums[5]
    lines.append(
        f"lost: {_share(lost, acknowledged)} of webhooks; "
        f"doubled: {_share(doubled, ambiguous)} of ambiguous outcomes"
    )
    return lines


def bound(found: int, tries: int) -> float | None:
    """Return the upper end of the 95 % interval of a share of which nothing was found: 3/n."""
    return 3 / tries if tries and not found else None


def _share(found: int, tries: int) -> str:
    limit = bound(found, tries)
    if limit is not None:
        return f"at most {limit:.3%} with 95 % certainty"
    return f"{found / tries:.3%}" if tries else "of nothing"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
