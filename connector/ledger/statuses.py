"""How far our messages to each person have come, for a report of a small ledger."""

from collections import Counter

from sqlalchemy import Connection, func, select

from connector.ledger.schema import message
from connector.ledger.sources import load_contacts
from connector.model.contact import Contact


def outbound_statuses(connection: Connection) -> list[tuple[Contact, Counter[str]]]:
    """Return each contact with the number of its outbound messages by status.

    It reads every message, and all contacts at once: not for a large ledger.
    """
    counts: dict[int, Counter[str]] = {}
    rows = connection.execute(
        select(message.c.contact_id, message.c.status, func.count().label("total"))
        .where(message.c.direction == "out", message.c.status.is_not(None))
        .group_by(message.c.contact_id, message.c.status)
    )
    for row in rows:
        counts.setdefault(row.contact_id, Counter())[row.status] = row.total
    people = load_contacts(connection, list(counts))
    return [(people[contact_id], statuses) for contact_id, statuses in counts.items()]
