"""Heartbeats: a small write now and then, which proves that this process can write at all.

They are rows among the leases, one for each process, so that it also shows who is alive.
"""

from datetime import datetime, timedelta
from typing import Final

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, and_, delete, insert, update

from connector.ledger.schema import lease

PREFIX: Final = "heartbeat/"
_FORGET_AFTER: Final = timedelta(hours=1)


def beat(connection: Connection, owner: str, *, now: datetime, life: timedelta) -> str | None:
    """Say that ``owner`` is alive for another ``life``; return the revision of the schema."""
    name = heartbeat_name(owner)
    changes = {"owner": owner, "expires_at": now + life}
    if not connection.execute(update(lease).where(lease.c.name == name).values(changes)).rowcount:
        _forget_the_dead(connection, now=now)
        connection.execute(insert(lease).values(name=name, epoch=0, **changes))
    return MigrationContext.configure(connection).get_current_revision()


def stop_beating(connection: Connection, owner: str) -> None:
    """Say that ``owner`` has ended in good order."""
    connection.execute(delete(lease).where(lease.c.name == heartbeat_name(owner)))


def heartbeat_name(owner: str) -> str:
    """Return the name of the row in which ``owner`` beats."""
    return f"{PREFIX}{owner}"[:160]


def _forget_the_dead(connection: Connection, *, now: datetime) -> None:
    connection.execute(
        delete(lease).where(
            and_(lease.c.name.startswith(PREFIX), lease.c.expires_at < now - _FORGET_AFTER)
        )
    )
