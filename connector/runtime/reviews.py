"""Reviews as people and programs are shown them, and what comes of a person's word."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from connector.config.models import Config
from connector.deliver.destination import Destination
from connector.errors import ConnectorError, CrmError
from connector.ledger.ledger import Ledger
from connector.ledger.reviews import Review, open_reviews, resolve_match
from connector.ledger.runs import note_command
from connector.ledger.sources import load_contacts
from connector.model.contact import Contact
from connector.model.record import JsonScalar
from connector.record.verdict import Verdict, decide_recycled
from connector.runtime.building import build_destination
from connector.runtime.places import Places
from connector.runtime.times import rfc3339

MATCHES: Final = ("create", "skip")
"""Besides ``use:<crm id>``, what may be said of an ambiguous match."""
VERDICTS: Final = ("same", "different")
"""What may be said of a recycled number."""
_LIST: Final = "`connector reviews list` shows those that are open"


def review_json(review: Review, places: Places | None = None) -> dict[str, Any]:
    """Return one item of ``reviews list --json``; ``places`` knows the candidates' pages."""
    return {
        "id": review.id,
        "kind": review.kind,
        "destination": review.destination,
        "contact": review.contact,
        "candidates": [
            {
                "crm_id": each.get("crm_id"),
                "url": places.url(review.destination, "contact", each.get("crm_id"))
                if places
                else None,
                "contact": each.get("contact"),
            }
            for each in review.candidates
        ],
        "waiting": review.waiting,
        "opened_at": rfc3339(review.opened_at),
        "next": _next(review),
    }


def _next(review: Review) -> str:
    command = f"connector reviews resolve {review.id}"
    if review.kind == "recycled_number":
        return f"`{command} --same` if it is one customer, `--different` if the phone changed hands"
    return f"`{command} --use CRM_ID` with one of the candidates, `--create` for none, or `--skip`"


def find_review(ledger: Ledger, review_id: int) -> Review:
    """Return an open review; ``ConnectorError`` if there is none of this id."""
    found = ledger.query(open_reviews, ids=(review_id,))
    if not found:
        raise ConnectorError(f"there is no open review {review_id}", remedy=_LIST)
    return found[0]


def show_review(config: Config, ledger: Ledger, review: Review) -> dict[str, Any]:
    """Return a review with what a person decides by: who it is about, and who the candidates are.

    A candidate in a CRM is read there now; ``note`` says where that can not be.
    """
    ours = [each["contact_id"] for each in review.candidates if "contact_id" in each]
    people = ledger.query(load_contacts, [review.contact_id, *ours])
    shown = review_json(review, ledger.query(Places.of, config)) | {
        "about": _person(people.get(review.contact_id)),
        "note": None,
    }
    if review.kind == "recycled_number":
        known: Sequence[Mapping[str, Any] | None] = [_person(people.get(each)) for each in ours]
    else:
        known, shown["note"] = _read_candidates(config, ledger, review)
    shown["candidates"] = [
        candidate | {"fields": fields}
        for candidate, fields in zip(shown["candidates"], known, strict=True)
    ]
    return shown


def _person(contact: Contact | None) -> dict[str, Any] | None:
    if contact is None:
        return None
    return {
        "key": contact.key,
        "name": contact.profile_name or (f"@{contact.username}" if contact.username else None),
        "phone": contact.phone,
        "user_id": contact.user_id,
        "first_seen_at": rfc3339(contact.first_seen_at),
        "last_inbound_at": rfc3339(contact.last_inbound_at),
    }


def _read_candidates(
    config: Config, ledger: Ledger, review: Review
) -> tuple[Sequence[Mapping[str, JsonScalar] | None], str | None]:
    nothing = [None] * len(review.candidates)
    if review.destination not in config.destinations:
        return nothing, f"the destination {review.destination} is not configured any more"
    destination = build_destination(config, ledger, review.destination)
    ids = [each["crm_id"] for each in review.candidates]
    try:
        found = asyncio.run(_read(destination, ids))
    except CrmError as error:
        return nothing, f"the CRM can not be asked now: {error}"
    return [found.get(crm_id) for crm_id in ids], None


async def _read(
    destination: Destination, ids: Sequence[str]
) -> dict[str, Mapping[str, JsonScalar]]:
    found: dict[str, Mapping[str, JsonScalar]] = {}
    try:
        await destination.learn_schema()
        fields = sorted(destination.renderer.mapping.contact.fields)
        size = destination.limits.read
        for start in range(0, len(ids), size):
            found |= await destination.adapter.read(
                destination.contact, ids[start : start + size], fields
            )
    finally:
        await destination.client.aclose()
    return found


def resolve_review(ledger: Ledger, review: Review, decision: str, *, by: str) -> None:
    """Carry out what a person decided; who it was is kept as a run.

    ``decision`` is ``use:<crm id>``, ``create`` or ``skip`` for an ambiguous match, ``same`` or
    ``different`` for a recycled number. Raises ``ConnectorError`` where it does not fit, or
    another contact of ours has the record.
    """
    fits = (
        decision in VERDICTS
        if review.kind == "recycled_number"
        else decision in MATCHES or decision.startswith("use:")
    )
    if not fits:
        raise ConnectorError(
            f"{decision} is no answer to a review of kind {review.kind}", remedy=_next(review)
        )
    refusal = ledger.transact(_resolve, ledger, review, decision, by=by)
    if refusal == "linked":
        raise ConnectorError(
            "another contact of ours is linked to that record of the CRM",
            remedy="see whose it is with `connector explain CRM_ID`, and choose another candidate",
        )
    if refusal is not None:
        raise ConnectorError(f"review {review.id} was resolved meanwhile", remedy=_LIST)


def _resolve(
    connection: Connection, ledger: Ledger, review: Review, decision: str, *, by: str
) -> str | None:
    now = ledger.now(connection)
    if decision in VERDICTS:
        verdict: Verdict = "same" if decision == "same" else "different"
        done = decide_recycled(connection, review.id, verdict, now=now)
        refusal = None if done else "resolved"
    else:
        refusal = resolve_match(connection, review, decision, now=now)
    if refusal is None:
        note_command(
            connection,
            "reviews resolve",
            actor=by,
            now=now,
            destination=review.destination,
            counts={"review": review.id, "contact": review.contact, "resolution": decision},
        )
    return refusal
