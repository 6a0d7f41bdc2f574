"""Where people see each destination's account, as its CRM told at the last look at it.

A ``run`` row again: ``job`` is ``account``, its ``tick`` when it was told; one row a destination.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from connector.ledger.schema import run

JOB: Final = "account"


def note_accounts(connection: Connection, urls: Mapping[str, str], *, now: datetime) -> None:
    """Remember the addresses of accounts by destination, in place of what was known."""
    for destination, url in sorted(urls.items()):
        connection.execute(delete(run).where(run.c.job == JOB, run.c.destination == destination))
        connection.execute(
            insert(run).values(
                job=JOB,
                destination=destination,
                tick=now,
                actor="connector",
                state="done",
                cursor={"url": url},
                counts={},
                started_at=now,
                finished_at=now,
            )
        )


def account_urls(connection: Connection) -> dict[str, str]:
    """Return the addresses that are known, by destination."""
    rows = connection.execute(
        select(run.c.destination, run.c.cursor).where(run.c.job == JOB).order_by(run.c.id)
    )
    return {row.destination: row.cursor["url"] for row in rows}
