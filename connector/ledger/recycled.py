"""Recycled numbers: a phone that was seen under two user ids, until a person says whose it is.

A review belongs to whoever has the phone now; its candidates are who else was seen with it. Which
of two that is can turn out the other way when an older message arrives late, and the open review
turns with it, so that the order of arrival leaves no trace.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, select, update

from connector.ledger.reviews import open_review
from connector.ledger.schema import review

KIND: Final = "recycled_number"


class Party(NamedTuple):
    """A contact in such a review."""

    id: int
    key: str

    @property
    def candidate(self) -> dict[str, Any]:
        """Return the contact as it stands among candidates."""
        return {"contact_id": self.id, "contact": self.key}


def review_recycled(connection: Connection, holder: Party, other: Party, *, now: datetime) -> None:
    """Ask about a pair (who has the phone now, who else was seen with it), once."""
    if holder.id == other.id:
        return
    rows = connection.execute(
        select(review.c.id, review.c.contact_id, review.c.candidates, review.c.resolved_at)
        .where(review.c.kind == KIND, review.c.contact_id.in_((holder.id, other.id)))
        .order_by(review.c.id)
    ).all()
    for row in rows:
        others = [each for each in row.candidates or () if not _is_pair(row, each, holder, other)]
        if len(others) == len(row.candidates or ()):
            continue
        if row.resolved_at is not None or row.contact_id == holder.id:
            return
        _take_back(connection, row.id, others)
    _add_candidate(
        connection,
        next((r for r in rows if r.contact_id == holder.id and r.resolved_at is None), None),
        holder,
        other,
        now=now,
    )


def open_parties(connection: Connection, review_id: int) -> list[int]:
    """Return the contacts an open review asks about, its own first; none if it is not open."""
    row = connection.execute(
        select(review.c.contact_id, review.c.candidates).where(
            review.c.id == review_id, review.c.kind == KIND, review.c.resolved_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        return []
    return [row.contact_id, *(each["contact_id"] for each in row.candidates or ())]


def keep_apart(connection: Connection, review_id: int, *, now: datetime) -> None:
    """Write down that a person says these are different people."""
    connection.execute(
        update(review)
        .where(review.c.id == review_id, review.c.resolved_at.is_(None))
        .values(resolved_at=now, resolution="different")
    )


def _is_pair(row: Any, candidate: Mapping[str, Any], holder: Party, other: Party) -> bool:
    return {row.contact_id, candidate.get("contact_id")} == {holder.id, other.id}


def _take_back(connection: Connection, review_id: int, others: Sequence[Mapping[str, Any]]) -> None:
    """Take a candidate out of an open review, which goes if it was the only one."""
    this = review.c.id == review_id
    if others:
        connection.execute(update(review).where(this).values(candidates=list(others)))
    else:
        connection.execute(delete(review).where(this))


def _add_candidate(
    connection: Connection, row: Any, holder: Party, other: Party, *, now: datetime
) -> None:
    if row is None:
        open_review(
            connection,
            kind=KIND,
            destination="",
            contact_id=holder.id,
            candidates=[other.candidate],
            now=now,
        )
        return
    connection.execute(
        update(review)
        .where(review.c.id == row.id)
        .values(candidates=[*row.candidates, other.candidate])
    )


def repoint_recycled(
    connection: Connection, survivor: Party, loser: Party, *, now: datetime
) -> None:
    """Let reviews speak of the survivor where two contacts became one, and answer those of the two.

    Answered ones too: what a person has said of one of the two holds for the other.
    """
    rows = connection.execute(select(review).where(review.c.kind == KIND).order_by(review.c.id))
    kept: dict[int, list[Any]] = {}
    for row in rows.all():
        candidates = row.candidates or []
        named = {row.contact_id, *(each.get("contact_id") for each in candidates)}
        if loser.id not in named and row.contact_id != survivor.id:
            continue
        contact_id = survivor.id if row.contact_id == loser.id else row.contact_id
        others = {
            each["contact_id"]: each
            for each in (
                survivor.candidate if each.get("contact_id") == loser.id else each
                for each in candidates
            )
            if each.get("contact_id") != contact_id
        }
        this = review.c.id == row.id
        if row.resolved_at is not None:
            values = {"contact_id": contact_id, "candidates": list(others.values())}
            connection.execute(update(review).where(this).values(**values))
        elif not others:
            values = {"resolved_at": now, "resolution": "same"}
            connection.execute(update(review).where(this).values(**values))
        elif contact_id in kept:
            connection.execute(delete(review).where(this))
            kept[contact_id] += others.values()
        else:
            kept[contact_id] = [row.id, *others.values()]
    for contact_id, (review_id, *others_of) in kept.items():
        unique = {each["contact_id"]: each for each in others_of}
        connection.execute(
            update(review)
            .where(review.c.id == review_id)
            .values(contact_id=contact_id, candidates=list(unique.values()))
        )
