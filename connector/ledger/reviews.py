"""Reviews: matches that are ambiguous, and numbers that may have a new owner. A person decides."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from connector.ledger.deliveries import OPEN
from connector.ledger.insertion import insert_new
from connector.ledger.lanes import lock_lanes
from connector.ledger.links import linked_elsewhere
from connector.ledger.schema import contact, delivery, lane, message, review

ReviewKind = Literal["ambiguous", "recycled_number"]

_USE: Final = "use:"
_MERGED: Final = "merged"


@dataclass(frozen=True, slots=True)
class Review:
    """A question to a person that is open."""

    id: int
    kind: ReviewKind
    destination: str
    """Empty where it is about contacts of ours."""
    contact_id: int
    contact: str
    """The contact's key."""
    candidates: Sequence[Mapping[str, Any]]
    """``crm_id`` of a CRM's record, or ``contact_id`` and ``contact`` (the key) of one of ours."""
    opened_at: datetime
    waiting: int = 0
    """Messages that go nowhere until it is resolved."""


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
    without one is not in the answer. What was decided before the contact was found deleted in the
    CRM counts no more, except that it is not to be synced: the record that was meant is gone.
    """
    if not contact_ids:
        return {}
    gone = {
        int(row.source_id): row.gone_at
        for row in connection.execute(
            select(delivery.c.source_id, delivery.c.gone_at).where(
                delivery.c.destination == destination,
                delivery.c.record == "contact",
                delivery.c.source_id.in_([str(each) for each in contact_ids]),
                delivery.c.gone_at.is_not(None),
            )
        )
    }
    rows = connection.execute(
        select(review.c.contact_id, review.c.resolution, review.c.resolved_at)
        .where(
            review.c.kind == "ambiguous",
            review.c.destination == destination,
            review.c.contact_id.in_(contact_ids),
            review.c.resolved_at.is_not(None),
            review.c.resolution != _MERGED,
        )
        .order_by(review.c.resolved_at, review.c.id)
    )
    return {
        row.contact_id: row.resolution
        for row in rows
        if row.resolution == "skip"
        or row.contact_id not in gone
        or row.resolved_at > gone[row.contact_id]
    }


def open_reviews(
    connection: Connection,
    *,
    ids: Collection[int] | None = None,
    kind: str | None = None,
    destination: str | None = None,
    limit: int | None = None,
) -> list[Review]:
    """Return the reviews that wait for a person, the oldest first."""
    query = (
        select(
            review.c.id,
            review.c.kind,
            review.c.destination,
            review.c.contact_id,
            contact.c.key,
            review.c.candidates,
            review.c.opened_at,
        )
        .select_from(review.join(contact, contact.c.id == review.c.contact_id))
        .where(_open(ids=ids, kind=kind, destination=destination))
        .order_by(review.c.opened_at, review.c.id)
    )
    rows = connection.execute(query if limit is None else query.limit(limit)).all()
    held = _held(connection, [row for row in rows if row.kind == "ambiguous"])
    return [
        Review(*row[:5], row.candidates or (), row.opened_at, waiting=held[row.id]) for row in rows
    ]


def count_open_reviews(
    connection: Connection, *, kind: str | None = None, destination: str | None = None
) -> int:
    """Return how many reviews wait for a person."""
    return connection.execute(
        select(func.count())
        .select_from(review)
        .where(_open(ids=None, kind=kind, destination=destination))
    ).scalar_one()


def _open(
    *, ids: Collection[int] | None, kind: str | None, destination: str | None
) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [review.c.resolved_at.is_(None)]
    if ids is not None:
        parts.append(review.c.id.in_(ids))
    if kind is not None:
        parts.append(review.c.kind == kind)
    if destination is not None:
        parts.append(review.c.destination == destination)
    return and_(*parts)


def _held(connection: Connection, rows: Sequence[Any]) -> Counter[int]:
    """Count the messages on each review's lane that are not in the CRM, by review id."""
    held: Counter[int] = Counter()
    reviews = review.join(
        lane,
        (lane.c.destination == review.c.destination) & (lane.c.contact_id == review.c.contact_id),
    ).join(delivery, delivery.c.lane_id == lane.c.id)
    waits = and_(review.c.id.in_([row.id for row in rows]), delivery.c.state.in_(OPEN))
    of_messages = select(review.c.id, func.count()).select_from(reviews)
    of_conversations = select(review.c.id, func.count()).select_from(
        reviews.join(message, message.c.conversation == delivery.c.source_id)
    )
    for query, record in ((of_messages, "message"), (of_conversations, "conversation")):
        found = query.where(waits, delivery.c.record == record).group_by(review.c.id)
        for review_id, count in connection.execute(found):
            held[review_id] += count
    return held


def resolve_match(
    connection: Connection, asked: Review, resolution: str, *, now: datetime
) -> str | None:
    """Keep what a person says of an ambiguous match and let the contact go on; its lane is due.

    Returns ``None``, or why it can not be: ``resolved`` where somebody was faster, ``linked``
    where another contact of ours has the record that was chosen.
    """
    lanes = _lanes(connection, asked)
    lock_lanes(connection, lanes)
    crm_id = resolution.removeprefix(_USE) if resolution.startswith(_USE) else None
    if crm_id is not None and linked_elsewhere(connection, asked.destination, [crm_id]):
        return "linked"
    done = connection.execute(
        update(review)
        .where(review.c.id == asked.id, review.c.resolved_at.is_(None))
        .values(resolved_at=now, resolution=resolution)
    ).rowcount
    if not done:
        return "resolved"
    connection.execute(
        update(delivery)
        .where(
            delivery.c.lane_id.in_(lanes),
            delivery.c.record == "contact",
            delivery.c.state == "parked",
            delivery.c.error_code == "ambiguous",
        )
        .values(state="pending", attempts=0, error_code=None, error_detail=None, parked_at=None)
    )
    connection.execute(update(lane).where(lane.c.id.in_(lanes)).values(due_at=now, failures=0))
    return None


def _lanes(connection: Connection, asked: Review) -> list[int]:
    return list(
        connection.execute(
            select(lane.c.id).where(
                lane.c.destination == asked.destination, lane.c.contact_id == asked.contact_id
            )
        ).scalars()
    )


def close_matches(
    connection: Connection, lanes: Collection[int], *, discarded: bool, now: datetime
) -> None:
    """End the open questions of contacts whose parked record is given up, or tried once more.

    Tried once more, the CRM is asked again, and the question with it if it still stands.
    """
    asked = and_(
        review.c.kind == "ambiguous",
        review.c.resolved_at.is_(None),
        select(lane.c.id)
        .where(
            lane.c.id.in_(lanes),
            lane.c.destination == review.c.destination,
            lane.c.contact_id == review.c.contact_id,
        )
        .exists(),
    )
    if discarded:
        connection.execute(update(review).where(asked).values(resolved_at=now, resolution="skip"))
    else:
        connection.execute(delete(review).where(asked))
