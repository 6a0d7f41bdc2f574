"""Reviews: matches that are ambiguous, and numbers that may have a new owner. A person decides."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from connector.ledger.insertion import insert_new
from connector.ledger.schema import review

ReviewKind = Literal["ambiguous", "recycled_number"]


def open_review(
    connection: Connection,
    *,
    kind: ReviewKind,
    destination: str,
    contact_id: int,
    candidates: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Open a review; one of the same kind that is open already stays as it is."""
    insert_new(
        connection,
        review,
        [
            {
                "kind": kind,
                "destination": destination,
                "contact_id": contact_id,
                "candidates": list(candidates),
                "opened_at": now,
            }
        ],
    )


def chosen_matches(
    connection: Connection, destination: str, contact_ids: Collection[int]
) -> dict[int, str]:
    """Return how ambiguous matches were resolved, by contact.

    A resolution is ``use:<crm id>``, ``create`` or ``skip``. The newest one counts; a contact
    without one is not in the answer.
    """
    if not contact_ids:
        return {}
    rows = connection.execute(
        select(review.c.contact_id, review.c.resolution)
        .where(
            review.c.kind == "ambiguous",
            review.c.destination == destination,
            review.c.contact_id.in_(contact_ids),
            review.c.resolved_at.is_not(None),
        )
        .order_by(review.c.resolved_at, review.c.id)
    )
    return {row.contact_id: row.resolution for row in rows}
