"""The proof that nothing was dropped: received = synced + skipped + erased + parked + open."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, String, and_, cast, func, select

from connector.ledger.schema import delivery, message
from connector.ledger.webhooks import kept_raw_counts, webhook_counts
from connector.model.message import UNSEEN
from connector.model.record import RecordKind


@dataclass(slots=True)
class Balance:
    """One destination's account of the messages that its numbers received."""

    received: int = 0
    synced: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    erased: int = 0
    parked: Counter[str] = field(default_factory=Counter)
    open: int = 0

    @property
    def difference(self) -> int:
        """Return what is unaccounted for; anything but 0 is a broken promise."""
        accounted = self.synced + self.skipped.total() + self.erased + self.parked.total()
        return self.received - accounted - self.open

    def as_json(self) -> dict[str, Any]:
        """Return the shape of ``audit --json``."""
        return {
            "received": self.received,
            "synced": self.synced,
            "skipped": dict(sorted(self.skipped.items())),
            "erased": self.erased,
            "parked": dict(sorted(self.parked.items())),
            "open": self.open,
            "difference": self.difference,
        }


@dataclass(frozen=True, slots=True)
class Scope:
    """What a destination takes: from which numbers (``None``: all), and in which records."""

    numbers: frozenset[str] | None
    record: RecordKind


def audit(connection: Connection, scopes: Mapping[str, Scope]) -> dict[str, Any]:
    """Balance every destination; ``scopes`` is by destination name.

    A message counts once in each destination that takes its number, in the state of the delivery
    that carries it: its own, or its conversation's.
    """
    balances = {name: _balance(connection, name, scope) for name, scope in scopes.items()}
    total = Balance()
    for balance in balances.values():
        total.received += balance.received
        total.synced += balance.synced
        total.skipped += balance.skipped
        total.erased += balance.erased
        total.parked += balance.parked
        total.open += balance.open
    kept = kept_raw_counts(connection)
    return total.as_json() | {
        "destinations": {name: balance.as_json() for name, balance in sorted(balances.items())},
        "webhooks": {"waiting": webhook_counts(connection).waiting},
        "kept_raw": {reason: kept[reason] for reason in ("unparsable", "unknown", "unrouted")},
    }


def _balance(connection: Connection, name: str, scope: Scope) -> Balance:
    source = (
        message.c.conversation if scope.record == "conversation" else cast(message.c.id, String)
    )
    carries = and_(
        delivery.c.destination == name,
        delivery.c.record == scope.record,
        delivery.c.source_id == source,
    )
    taken = [message.c.kind != UNSEEN]
    if scope.numbers is not None:
        taken.append(message.c.number.in_(sorted(scope.numbers)))
    rows = connection.execute(
        select(delivery.c.state, delivery.c.error_code, func.count())
        .select_from(message.outerjoin(delivery, carries))
        .where(and_(*taken))
        .group_by(delivery.c.state, delivery.c.error_code)
    )
    balance = Balance()
    for state, code, count in rows:
        balance.received += count
        match state:
            case "synced":
                balance.synced += count
            case "skipped":
                balance.skipped[code] += count
            case "erased":
                balance.erased += count
            case "parked":
                balance.parked[code] += count
            case "pending" | "in_flight":
                balance.open += count
            # A message that no delivery carries has no state, and stays in the difference.
    return balance
