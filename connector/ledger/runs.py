"""What people changed by command, each with who did it. Such a row is never altered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from connector.ledger.schema import run


def note_command(
    connection: Connection,
    command: str,
    *,
    actor: str,
    now: datetime,
    destination: str = "",
    counts: Mapping[str, Any] | None = None,
) -> int:
    """Write down that a command was carried out; return the run's id."""
    made: int = connection.execute(
        insert(run)
        .values(
            job=command,
            destination=destination,
            actor=actor,
            state="done",
            counts=dict(counts) if counts else None,
            started_at=now,
            finished_at=now,
        )
        .returning(run.c.id)
    ).scalar_one()
    return made
