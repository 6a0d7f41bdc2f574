"""Reviews: matches that are ambiguous, and numbers that may have a new owner. A person decides."""

from collections.abc import Mapping, Sequence
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


def chosen_match(connection: Connection, destination: str, contact_id: int) -> str | None:
    """Return how an ambiguous match was last resolved: ``use:<crm id>``, ``create`` or ``skip``."""
    found: str | None = connection.execute(
        select(review.c.resolution)
        .where(
            review.c.kind == "ambiguous",
            review.c.destination == destination,
            review.c.contact_id == contact_id,
            review.c.resolved_at.is_not(None),
        )
        .order_by(review.c.resolved_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found
