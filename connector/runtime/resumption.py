"""Ending a destination's pause because a person says so."""

from sqlalchemy import Connection

from connector.ledger.destinations import load_standings, resume
from connector.ledger.ledger import Ledger
from connector.ledger.runs import note_command
from connector.runtime.actor import actor


def resume_destination(ledger: Ledger, name: str, *, by: str | None = None) -> str:
    """Open a destination now; return the state it was in.

    Who did it is kept as a run: ``by``, or the operating system's user.
    """
    return ledger.transact(_resume, ledger, name, by=by or actor())


def _resume(connection: Connection, ledger: Ledger, name: str, *, by: str) -> str:
    now = ledger.now(connection)
    standing = load_standings(connection).get(name)
    before = "open" if standing is None else standing.state(now)
    if before != "open":
        resume(connection, name)
        reason = standing.paused_reason or standing.blocked_reason if standing else None
        note_command(
            connection,
            "resume",
            actor=by,
            now=now,
            destination=name,
            counts={"was": before, "reason": reason},
        )
    return before
