"""Runs: work that is ordered by a row, and what people changed by command, with who did it.

A command or the schedule writes a ``waiting`` row; whoever holds the role it belongs to carries it
out and keeps its place in ``cursor``, so that a kill costs one slice. ``UNIQUE(job, destination,
tick)`` decides who makes a tick's row, over all processes; a command's row has no tick.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, case, delete, func, insert, literal, select, update

from connector.ledger.columns import Instant
from connector.ledger.insertion import insert_new
from connector.ledger.schema import run

RunState = Literal["waiting", "running", "done", "braked", "failed"]
UNFINISHED: Final = ("waiting", "running")
WITHDRAWN: Final = "withdrawn by whoever ordered it"
MAPPING_CHANGED: Final = "mapping changed"
"""The job of the row that notes another mapping of a destination."""
PAGE: Final = "page"
"""Where in a run's counts a page lies for the command to take."""


@dataclass(frozen=True, slots=True)
class Run:
    """One row."""

    id: int
    job: str
    destination: str
    """Empty where the job has none."""
    tick: datetime | None
    actor: str
    state: RunState
    started_at: datetime
    finished_at: datetime | None = None
    error: str | None = None
    cursor: Mapping[str, Any] = field(default_factory=dict)
    """How far it is, in the job's own words."""
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state not in UNFINISHED


def note_command(
    connection: Connection,
    command: str,
    *,
    actor: str,
    now: datetime,
    destination: str = "",
    counts: Mapping[str, Any] | None = None,
) -> int:
    """Write down that a command was carried out; return the run's id. The row is never altered."""
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


def order_run(
    connection: Connection,
    job: str,
    *,
    actor: str,
    now: datetime,
    destination: str = "",
    tick: datetime | None = None,
    cursor: Mapping[str, Any] | None = None,
) -> int | None:
    """Put a run down as ``waiting``; ``None`` if this tick's was put down already."""
    made = insert_new(
        connection,
        run,
        [
            {
                "job": job,
                "destination": destination,
                "tick": tick,
                "actor": actor,
                "state": "waiting",
                "cursor": dict(cursor) if cursor else None,
                "started_at": now,
            }
        ],
    )
    return made[0].id if made else None


def is_unfinished(connection: Connection, job: str, destination: str) -> bool:
    """Say whether a run of this job is waiting or under way."""
    return (
        connection.execute(
            select(run.c.id)
            .where(
                run.c.job == job,
                run.c.destination == destination,
                run.c.state.in_(UNFINISHED),
            )
            .limit(1)
        ).one_or_none()
        is not None
    )


def last_tick(connection: Connection, job: str) -> datetime | None:
    """Return the latest tick for which the schedule put this job down."""
    found: datetime | None = connection.execute(
        select(func.max(run.c.tick)).where(run.c.job == job, run.c.destination == "")
    ).scalar_one()
    return found


def last_done(
    connection: Connection, job: str, destination: str, *, scheduled: bool = False
) -> Run | None:
    """Return the newest run of a job that came to its end, or the newest that had a tick."""
    query = (
        select(run)
        .where(run.c.job == job, run.c.destination == destination, run.c.state == "done")
        .order_by(run.c.id.desc())
        .limit(1)
    )
    if scheduled:
        query = query.where(run.c.tick.is_not(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else _run(row)


def is_resync_offered(connection: Connection, destination: str) -> bool:
    """Say whether a destination's mapping changed, and not everything was resynced by it since."""
    changed = connection.execute(
        select(run.c.counts, run.c.started_at)
        .where(run.c.job == MAPPING_CHANGED, run.c.destination == destination)
        .order_by(run.c.id.desc())
        .limit(1)
    ).one_or_none()
    if changed is None:
        return False
    resynced = connection.execute(
        select(run.c.counts).where(
            run.c.job == "resync",
            run.c.destination == destination,
            run.c.state == "done",
            run.c.finished_at >= changed.started_at,
        )
    ).scalars()
    return not any(
        counts and counts.get("whole") and counts.get("mapping") == changed.counts["after"]
        for counts in resynced
    )


def next_run(
    connection: Connection, destination: str, *, jobs: Collection[str], after: int
) -> tuple[Run | None, int]:
    """Return the run to carry out now, what was begun first, and up to which id there is none.

    ``after`` is what the last call returned: older rows are finished, so a look costs the rows that
    have come since.
    """
    newest: int = connection.execute(select(func.max(run.c.id))).scalar_one() or 0
    row = connection.execute(
        select(run)
        .where(
            run.c.id > after,
            run.c.destination == destination,
            run.c.job.in_(sorted(jobs)),
            run.c.state.in_(UNFINISHED),
        )
        .order_by(case((run.c.state == "running", 0), else_=1), run.c.id)
        .limit(1)
    ).one_or_none()
    return (None, newest) if row is None else (_run(row), after)


def load_runs(connection: Connection, ids: Collection[int]) -> dict[int, Run]:
    """Return runs by id."""
    rows = connection.execute(select(run).where(run.c.id.in_(sorted(ids))))
    return {row.id: _run(row) for row in rows}


def begin_run(connection: Connection, run_id: int, *, now: datetime) -> bool:
    """Mark a waiting run as under way; return whether it may be carried out."""
    begun = connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state.in_(UNFINISHED))
        .values(
            state="running",
            started_at=case(
                (run.c.state == "waiting", literal(now, Instant())), else_=run.c.started_at
            ),
        )
    )
    return begun.rowcount == 1


def keep_run(
    connection: Connection,
    run_id: int,
    *,
    cursor: Mapping[str, Any],
    counts: Mapping[str, Any],
) -> bool:
    """Keep how far a run is; return whether it is still wanted."""
    kept = connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state == "running")
        .values(cursor=dict(cursor), counts=dict(counts))
    )
    return kept.rowcount == 1


def finish_run(
    connection: Connection,
    run_id: int,
    *,
    state: RunState,
    now: datetime,
    counts: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """End a run that is under way; return whether it was. Its cursor goes."""
    values: dict[str, Any] = {"state": state, "finished_at": now, "cursor": None, "error": error}
    if counts is not None:
        values["counts"] = dict(counts)
    ended = connection.execute(
        update(run).where(run.c.id == run_id, run.c.state.in_(UNFINISHED)).values(**values)
    )
    return ended.rowcount == 1


def withdraw_runs(connection: Connection, ids: Collection[int], *, now: datetime) -> None:
    """End runs that nobody waits for any more; whoever carries one out stops at its next slice."""
    for found in load_runs(connection, ids).values():
        if not found.finished:
            counts = {name: each for name, each in found.counts.items() if name != PAGE}
            finish_run(
                connection, found.id, state="failed", now=now, counts=counts, error=WITHDRAWN
            )


def put_page(
    connection: Connection, run_id: int, page: Mapping[str, Any], *, counts: Mapping[str, Any]
) -> bool:
    """Hand a page of findings to the command that waits for this run; ``False`` if it has gone.

    A page may hold what people wrote. It stands in the row only until the command has taken it.
    """
    kept = connection.execute(
        update(run)
        .where(run.c.id == run_id, run.c.state == "running")
        .values(counts={**counts, PAGE: dict(page)})
    )
    return kept.rowcount == 1


def take_page(connection: Connection, run_id: int) -> dict[str, Any] | None:
    """Take the page that waits, and with it everything it says out of the ledger."""
    counts = connection.execute(
        select(run.c.counts).where(run.c.id == run_id).with_for_update()
    ).scalar_one_or_none()
    if not counts or PAGE not in counts:
        return None
    page: dict[str, Any] = counts.pop(PAGE)
    connection.execute(update(run).where(run.c.id == run_id).values(counts=counts))
    return page


def is_page_taken(connection: Connection, run_id: int) -> bool | None:
    """Say whether the page was taken; ``None`` if the run is not under way any more."""
    row = connection.execute(select(run.c.state, run.c.counts).where(run.c.id == run_id)).one()
    return None if row.state != "running" else PAGE not in (row.counts or {})


def forget_ticks(connection: Connection, *, before: datetime) -> int:
    """Delete the finished runs of old ticks; what people ordered stays. Returns how many went."""
    return connection.execute(
        delete(run).where(
            run.c.tick.is_not(None),
            run.c.tick < before,
            run.c.state.not_in(UNFINISHED),
        )
    ).rowcount


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        job=row.job,
        destination=row.destination,
        tick=row.tick,
        actor=row.actor,
        state=row.state,
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=row.error,
        cursor=row.cursor or {},
        counts=row.counts or {},
    )
