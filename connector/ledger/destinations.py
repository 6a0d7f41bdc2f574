"""A destination's standing: open, gated until a moment, or paused until somebody acts.

It lives in the ledger so that the next holder inherits it; it blocks claims and touches no
delivery, so a million rows are never rewritten because a token expired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from connector.errors import PauseReason
from connector.ledger.insertion import insert_new
from connector.ledger.runs import MAPPING_CHANGED, note_command
from connector.ledger.schema import IS_UNSETTLED, delivery, destination, lane

BlockedReason = Literal["throttled", "broken"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One destination as the ledger knows it."""

    name: str
    adapter: str
    mapping_digest: str | None = None
    blocked_until: datetime | None = None
    blocked_reason: BlockedReason | None = None
    outages: int = 0
    """Outages in a row; each doubles the wait."""
    paused_reason: PauseReason | None = None
    paused_detail: str | None = None
    degraded_fields: tuple[str, ...] = ()
    day_used: int = 0
    day: date | None = None

    def state(self, now: datetime) -> Literal["open", "throttled", "broken", "half_open", "paused"]:
        """Return the state that people are shown."""
        if self.paused_reason:
            return "paused"
        if self.blocked_until is None:
            return "half_open" if self.outages else "open"
        if self.blocked_until > now:
            return self.blocked_reason or "broken"
        return "half_open" if self.blocked_reason == "broken" else "open"


def register_destinations(connection: Connection, adapters: Mapping[str, str]) -> None:
    """Make a row for each configured destination that has none. ``adapters`` is by name."""
    insert_new(
        connection,
        destination,
        [
            {"name": name, "adapter": adapter, "outages": 0, "day_used": 0}
            for name, adapter in sorted(adapters.items())
        ],
    )
    for name, adapter in adapters.items():
        connection.execute(
            update(destination).where(destination.c.name == name).values(adapter=adapter)
        )


def load_standings(connection: Connection) -> dict[str, Standing]:
    """Return every destination's standing by name."""
    return {row.name: _standing(row) for row in connection.execute(select(destination))}


def load_standing(connection: Connection, name: str) -> Standing:
    """Return one destination's standing; it must be registered."""
    return _standing(
        connection.execute(select(destination).where(destination.c.name == name)).one()
    )


def _standing(row: Any) -> Standing:
    return Standing(
        name=row.name,
        adapter=row.adapter,
        mapping_digest=row.mapping_digest,
        blocked_until=row.blocked_until,
        blocked_reason=row.blocked_reason,
        outages=row.outages,
        paused_reason=row.paused_reason,
        paused_detail=row.paused_detail,
        degraded_fields=tuple(row.degraded_fields or ()),
        day_used=row.day_used,
        day=row.day,
    )


def _set(connection: Connection, name: str, **values: Any) -> None:
    connection.execute(update(destination).where(destination.c.name == name).values(**values))


def block(
    connection: Connection,
    name: str,
    *,
    until: datetime,
    reason: BlockedReason,
    outages: int | None = None,
) -> None:
    """Gate a destination until a moment."""
    values: dict[str, Any] = {"blocked_until": until, "blocked_reason": reason}
    if outages is not None:
        values["outages"] = outages
    _set(connection, name, **values)


def unblock(connection: Connection, name: str, *, outages: int = 0) -> None:
    """Open a destination's gate; ``outages`` other than 0 leaves it half open."""
    _set(connection, name, blocked_until=None, blocked_reason=None, outages=outages)


def pause(connection: Connection, name: str, *, reason: PauseReason, detail: str) -> None:
    """Pause a destination until its probe succeeds or somebody resumes it."""
    _set(connection, name, paused_reason=reason, paused_detail=detail[:500])


def resume(connection: Connection, name: str) -> None:
    """End a pause and a gate now."""
    _set(
        connection,
        name,
        paused_reason=None,
        paused_detail=None,
        blocked_until=None,
        blocked_reason=None,
        outages=0,
    )


def degrade(connection: Connection, name: str, fields: Sequence[str]) -> None:
    """Write down which mapped fields the CRM lacks and are left out."""
    _set(connection, name, degraded_fields=sorted(fields) or None)


def save_refresh_token(connection: Connection, name: str, token: str) -> None:
    """Keep a rotated refresh token: the one in the configuration is dead from now on."""
    _set(connection, name, refresh_token=token)


def load_refresh_token(connection: Connection, name: str) -> str | None:
    """Return the rotated refresh token, if there is one."""
    found: str | None = connection.execute(
        select(destination.c.refresh_token).where(destination.c.name == name)
    ).scalar_one_or_none()
    return found


def save_day_use(connection: Connection, name: str, *, day: date, used: int) -> None:
    """Keep how much of a day's budget was used, so that a restart does not forget it."""
    _set(connection, name, day=day, day_used=used)


def adopt_mapping(connection: Connection, name: str, *, digest: str, now: datetime) -> int | None:
    """Note the mapping in use. One that changed gives what the CRM had refused another try.

    Returns how many refused records go again; ``None`` if the mapping is the one there was. What
    was written by the former mapping stays until a resync, which the note of the change offers.
    """
    known = load_standing(connection, name).mapping_digest
    if known == digest:
        return None
    _set(connection, name, mapping_digest=digest)
    if known is None:
        return None
    note_command(
        connection,
        MAPPING_CHANGED,
        actor="connector",
        now=now,
        destination=name,
        counts={"before": known, "after": digest},
    )
    refused = (
        (delivery.c.destination == name)
        & IS_UNSETTLED
        & (delivery.c.state == "parked")
        & delivery.c.error_code.like("rejected.%")
    )
    connection.execute(
        update(lane)
        .where(lane.c.id.in_(select(delivery.c.lane_id).where(refused)))
        .values(due_at=now)
    )
    return connection.execute(
        update(delivery)
        .where(refused)
        .values(state="pending", attempts=0, error_code=None, error_detail=None, parked_at=None)
    ).rowcount
