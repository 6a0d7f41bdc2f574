"""What WhatsApp said of our own accounts, numbers and templates.

A notice is a ``run`` row, as everything is that happened and is never altered: ``job`` is
``whatsapp/``, the webhook's field and what happened, ``destination`` what it is about, ``tick`` its
time. The same notice redelivered is therefore one row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, func, select

from connector.ledger.insertion import insert_new
from connector.ledger.schema import run

_PREFIX: Final = "whatsapp/"
_LEVELS: Final = ("info", "warning", "danger")
_AFTER: Final = "whatsapp0"
"""The first text after all that begin with the prefix: a range is what an index can search."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice; ``level`` is ``info``, ``warning`` or ``danger`` to sending or receiving."""

    field: str
    subject: str
    word: str
    level: str
    at: datetime
    details: Mapping[str, Any]


def store_notices(connection: Connection, notices: Sequence[Notice], *, now: datetime) -> int:
    """Store notices; return how many are new."""
    rows = {
        (notice.field, notice.word, notice.subject, notice.at): {
            "job": f"{_PREFIX}{notice.field}/{notice.word}"[:64],
            "destination": notice.subject[:128],
            "tick": notice.at,
            "actor": "whatsapp",
            "state": "done",
            "cursor": {"field": notice.field, "word": notice.word, "level": notice.level},
            "counts": dict(notice.details),
            "started_at": notice.at,
            "finished_at": now,
        }
        for notice in notices
    }
    return len(insert_new(connection, run, [rows[key] for key in sorted(rows)]))


def current_notices(connection: Connection) -> list[Notice]:
    """Return the newest notice of each field and subject, the newest first.

    Of several of one time, the most serious one counts.
    """
    newest = (
        select(run.c.job, run.c.destination, func.max(run.c.tick).label("tick"))
        .where(run.c.job > _PREFIX, run.c.job < _AFTER)
        .group_by(run.c.job, run.c.destination)
        .subquery()
    )
    rows = connection.execute(
        select(run).join(
            newest,
            and_(
                run.c.job == newest.c.job,
                run.c.destination == newest.c.destination,
                run.c.tick == newest.c.tick,
            ),
        )
    )
    current: dict[tuple[str, str], Notice] = {}
    for row in rows:
        notice = Notice(
            field=row.cursor["field"],
            subject=row.destination,
            word=row.cursor["word"],
            level=row.cursor["level"],
            at=row.tick,
            details=row.counts or {},
        )
        other = current.get((notice.field, notice.subject))
        if other is None or _weight(notice) > _weight(other):
            current[notice.field, notice.subject] = notice
    return sorted(current.values(), key=_weight, reverse=True)


def _weight(notice: Notice) -> tuple[datetime, int, str]:
    return notice.at, _LEVELS.index(notice.level), notice.word
