"""Whether one of our numbers is quiet when it is not usually.

A number that hears nothing at night is well; one that hears nothing at a time of the week when it
heard something before may have lost its subscription, of which WhatsApp says nothing.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from connector.ledger.schema import message

_WEEKS: Final = 4
_WEEK: Final = timedelta(weeks=1)
_DAY: Final = timedelta(days=1)
_YOUNG: Final = 2
"""Days, each of which must have had something, by which a number younger than a week is judged."""


def is_unusually_silent(
    connection: Connection, number: str, *, now: datetime, silence: timedelta
) -> bool:
    """Say whether a number has had no message for ``silence`` though it usually has by now.

    Usually: at the same time of the week in at least half of the last four weeks that it was in
    use, or, in its first week, on each of the two days before. Each look costs one step in an
    index.
    """
    if _had_any(connection, number, since=now - silence, until=None):
        return False
    first = _first(connection, number)
    if first is None:
        return False
    weeks = [
        _had_any(connection, number, since=end - silence, until=end)
        for end in (now - _WEEK * back for back in range(1, _WEEKS + 1))
        if first <= end - silence
    ]
    if weeks:
        return sum(weeks) * 2 >= len(weeks)
    days = [now - _DAY * back for back in range(1, _YOUNG + 1)]
    return all(
        first <= end - silence and _had_any(connection, number, since=end - silence, until=end)
        for end in days
    )


def _had_any(
    connection: Connection, number: str, *, since: datetime, until: datetime | None
) -> bool:
    query = select(message.c.id).where(message.c.number == number, message.c.sent_at > since)
    if until is not None:
        query = query.where(message.c.sent_at <= until)
    return connection.execute(query.limit(1)).scalar_one_or_none() is not None


def _first(connection: Connection, number: str) -> datetime | None:
    found: datetime | None = connection.execute(
        select(func.min(message.c.sent_at)).where(message.c.number == number)
    ).scalar_one()
    return found
