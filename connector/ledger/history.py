"""What was carried out lately, for people to look at."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, not_, or_, select

from connector.ledger.accounts import JOB as ACCOUNT
from connector.ledger.minutes import JOB as MINUTES
from connector.ledger.runs import Run, load_runs
from connector.ledger.schema import run

_FINISHED: Final = ("done", "braked", "failed")
_NOT_WORK: Final = ("alert/", "whatsapp/")
"""What rows begin with that are no work of ours: what fired, and what WhatsApp told."""


def last_sweep(connection: Connection, destination: str) -> Run | None:
    """Return a destination's newest reconciliation that has come to an end, whichever it was."""
    found = connection.execute(
        select(run.c.id)
        .where(
            run.c.job == "reconcile",
            run.c.destination == destination,
            run.c.state.in_(_FINISHED),
        )
        .order_by(run.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if found is None else load_runs(connection, [found])[found]


def recent_runs(
    connection: Connection,
    *,
    limit: int,
    before: int | None = None,
    destination: str | None = None,
    states: Collection[str] | None = None,
) -> list[Run]:
    """Return runs and what people did, the newest first; ``before`` is an id to page by."""
    noise = or_(
        run.c.job.in_((MINUTES, ACCOUNT)), *(run.c.job.startswith(prefix) for prefix in _NOT_WORK)
    )
    query = select(run.c.id).where(not_(noise)).order_by(run.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(run.c.id < before)
    if destination is not None:
        query = query.where(run.c.destination == destination)
    if states is not None:
        query = query.where(run.c.state.in_(states))
    found = load_runs(connection, list(connection.execute(query).scalars()))
    return [found[run_id] for run_id in sorted(found, reverse=True)]
