"""Which contacts of ours a record in a CRM is linked to."""

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from connector.ledger.schema import delivery


def linked_elsewhere(
    connection: Connection, destination: str, crm_ids: Collection[str]
) -> set[str]:
    """Return which CRM contacts are linked to a contact of ours already."""
    if not crm_ids:
        return set()
    return set(
        connection.execute(
            select(delivery.c.crm_id).where(
                delivery.c.destination == destination,
                delivery.c.record == "contact",
                delivery.c.crm_id.in_(crm_ids),
            )
        ).scalars()
    )


def shared_contacts(connection: Connection, destination: str, crm_ids: Collection[str]) -> set[str]:
    """Return which CRM contacts several contacts of ours are linked to."""
    return set(
        connection.execute(
            select(delivery.c.crm_id)
            .where(
                delivery.c.destination == destination,
                delivery.c.record == "contact",
                delivery.c.crm_id.in_(crm_ids),
            )
            .group_by(delivery.c.crm_id)
            .having(func.count() > 1)
        ).scalars()
    )
