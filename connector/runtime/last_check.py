"""What the last scheduled check left in the ledger for alerts and metrics to look at.

The hourly run of ``check`` also balances the ledger (``connector audit``), so that a message that
nobody accounts for is told within the hour, and keeps when credentials end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from connector.ledger.runs import Run, last_done
from connector.runtime.times import parse_rfc3339

CHECK: Final = "check"


@dataclass(frozen=True, slots=True)
class LastCheck:
    """What a run of ``check`` found."""

    complaints: Sequence[Mapping[str, Any]] = ()
    credentials: Mapping[str, datetime] = field(default_factory=dict)
    """When those credentials end of which that is known, by destination or ``whatsapp``."""
    unaccounted: Mapping[str, int] = field(default_factory=dict)
    """Messages received and not accounted for, by destination; each must be 0."""

    @property
    def difference(self) -> int | None:
        """All that is not accounted for; ``None`` where nobody has counted."""
        return sum(map(abs, self.unaccounted.values())) if self.unaccounted else None


def read_check(run: Run | None) -> LastCheck:
    """Return what a run found; nothing where there was none, or one of an older release."""
    counts = run.counts if run is not None else {}
    ends: Mapping[str, str] = counts.get("credentials") or {}
    return LastCheck(
        complaints=counts.get("complaints") or (),
        credentials={name: parse_rfc3339(at) for name, at in ends.items()},
        unaccounted=counts.get("unaccounted") or {},
    )


def last_check(connection: Connection) -> LastCheck:
    """Return what the newest check that came to its end found."""
    return read_check(last_done(connection, CHECK, ""))
