"""What a new holder of a destination makes of the rows that the last one left in flight."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, and_, or_, update

from connector.ledger.deliveries import IN_DOUBT, OPEN
from connector.ledger.schema import IS_UNSETTLED, delivery
from connector.model.record import RecordKind

POISON_CRASHES = 8
"""Deaths in a row after which a row is parked as poison; fewer would let plain restarts park it."""

_ALONE = 4
"""Deaths after which a row goes alone: so does one that a person gives another try."""


def take_over(
    connection: Connection,
    destination: str,
    *,
    repeatable: Collection[RecordKind],
    now: datetime,
) -> dict[str, int]:
    """Sort out what the last holder left ``in_flight``; return how many rows went each way.

    Rows whose write can be repeated go back to ``pending``; the others are in doubt until they are
    looked up. Rows that were in flight, or being rendered, at eight deaths in a row are parked as
    poison.
    """
    left = and_(
        delivery.c.destination == destination,
        IS_UNSETTLED,
        delivery.c.state == "in_flight",
    )
    poisoned = connection.execute(
        update(delivery)
        .where(
            delivery.c.destination == destination,
            IS_UNSETTLED,
            delivery.c.state.in_(OPEN),
            delivery.c.crash_count >= POISON_CRASHES,
        )
        .values(
            state="parked",
            error_code="poison",
            error_detail="the connector died eight times in a row while it worked on this record",
            crash_count=_ALONE,
            parked_at=now,
        )
    ).rowcount
    again = connection.execute(
        update(delivery)
        .where(left, or_(delivery.c.record.in_(repeatable), delivery.c.crm_id.is_not(None)))
        .values(state="pending", error_code=None, error_detail=None)
    ).rowcount
    doubtful = connection.execute(
        update(delivery)
        .where(left, or_(delivery.c.error_code.is_(None), delivery.c.error_code != IN_DOUBT))
        .values(error_code=IN_DOUBT, error_detail="the connector stopped while writing this record")
    ).rowcount
    return {"poisoned": poisoned, "again": again, "in_doubt": doubtful}
