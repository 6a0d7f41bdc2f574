"""Leases: who carries out a role, and the fence that keeps a stale holder from writing.

All arithmetic is on the ledger's clock. A lease's epoch grows with every claim; every transaction
made under a lease checks the epoch it was claimed with.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, or_, select, update

from connector.errors import LeaseLostError
from connector.ledger.insertion import insert_new
from connector.ledger.schema import lease

_DEAD = "nobody any more"


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it was claimed."""

    name: str
    owner: str
    epoch: int
    after_death: bool = field(default=False, compare=False)
    """Whether whoever held it before did not give it back."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds a lease, as others see it."""

    name: str
    owner: str | None
    expires_at: datetime | None


def claim_lease(
    connection: Connection, name: str, *, owner: str, now: datetime, life: timedelta
) -> Lease | None:
    """Take a lease that is free or expired; ``None`` if somebody else holds it."""
    insert_new(connection, lease, [{"name": name, "epoch": 0}])
    before = connection.execute(select(lease.c.owner).where(lease.c.name == name)).scalar_one()
    claimed = connection.execute(
        update(lease)
        .where(lease.c.name == name, or_(lease.c.expires_at.is_(None), lease.c.expires_at < now))
        .values(owner=owner, epoch=lease.c.epoch + 1, expires_at=now + life)
        .returning(lease.c.epoch)
    ).scalar_one_or_none()
    return None if claimed is None else Lease(name, owner, claimed, after_death=before is not None)


def void_leases(connection: Connection) -> None:
    """Take every lease from whoever held it: a daemon that locked a SQLite file has no rivals.

    That a lease was not given back is still to be seen by whoever claims it next.
    """
    connection.execute(
        update(lease)
        .where(or_(lease.c.owner.is_not(None), lease.c.expires_at.is_not(None)))
        .values(owner=case((lease.c.owner.is_not(None), _DEAD), else_=None), expires_at=None)
    )


def renew_lease(connection: Connection, held: Lease, *, now: datetime, life: timedelta) -> None:
    """Prolong a lease. Raises ``LeaseLostError`` if it is somebody else's by now."""
    renewed = connection.execute(
        update(lease).where(_is_held(held)).values(expires_at=now + life)
    ).rowcount
    if renewed != 1:
        raise LeaseLostError(f"the lease {held.name} was lost")


def release_lease(connection: Connection, held: Lease) -> None:
    """Give a lease back; nothing happens if it was lost."""
    connection.execute(update(lease).where(_is_held(held)).values(owner=None, expires_at=None))


def check_lease(connection: Connection, held: Lease) -> None:
    """Fence: hold the lease's row until this transaction ends, or raise ``LeaseLostError``."""
    found = connection.execute(
        select(lease.c.epoch).where(_is_held(held)).with_for_update(read=True)
    ).scalar_one_or_none()
    if found is None:
        raise LeaseLostError(f"the lease {held.name} was lost")


def lease_end(connection: Connection, name: str) -> datetime | None:
    """Return when a lease runs out; ``None`` if nobody holds it."""
    return connection.execute(
        select(lease.c.expires_at).where(lease.c.name == name)
    ).scalar_one_or_none()


def holdings(connection: Connection) -> dict[str, Holding]:
    """Return every lease by name."""
    rows = connection.execute(select(lease.c.name, lease.c.owner, lease.c.expires_at))
    return {row.name: Holding(row.name, row.owner, row.expires_at) for row in rows}


def _is_held(held: Lease) -> ColumnElement[bool]:
    return and_(lease.c.name == held.name, lease.c.owner == held.owner, lease.c.epoch == held.epoch)
