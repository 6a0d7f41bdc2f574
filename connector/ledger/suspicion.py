"""Marks on rows of whose rendering or writing a process may die: ``crash_count``.

A row is marked by whoever takes it up, and freed of it by whoever lives to settle it.
"""

from collections.abc import Collection

from sqlalchemy import Connection, update

from connector.ledger.schema import delivery


def mark(connection: Connection, ids: Collection[int]) -> set[int]:
    """Count a death of rows that are pending before they are worked on; return which."""
    return set(
        connection.execute(
            update(delivery)
            .where(delivery.c.id.in_(sorted(ids)), delivery.c.state == "pending")
            .values(crash_count=delivery.c.crash_count + 1)
            .returning(delivery.c.id)
        ).scalars()
    )


def unmark(connection: Connection, ids: Collection[int]) -> None:
    """Take that back of rows that are still pending: nobody died of them."""
    if ids:
        connection.execute(
            update(delivery)
            .where(
                delivery.c.id.in_(sorted(ids)),
                delivery.c.state == "pending",
                delivery.c.crash_count > 0,
            )
            .values(crash_count=delivery.c.crash_count - 1)
        )
