"""What a person decides about a recycled number: the same customer, or two."""

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from connector.ledger.contacts import load_people, store_contacts
from connector.ledger.merging import merge_contacts
from connector.ledger.recycled import keep_apart, open_parties
from connector.record.resolve import unite

Verdict = Literal["same", "different"]


def decide_recycled(
    connection: Connection, review_id: int, verdict: Verdict, *, now: datetime
) -> bool:
    """Carry out a decision; return whether there was such a review and it was open.

    ``same`` makes one contact of all that the review names, as WhatsApp's own word would have; it
    is the one thing here that is not undone. ``different`` keeps them apart, and asks no more.
    """
    parties = open_parties(connection, review_id)
    if not parties:
        return False
    if verdict == "different":
        keep_apart(connection, review_id, now=now)
        return True
    known = load_people(connection, parties)
    resolution = unite(known)
    store_contacts(connection, resolution.touched, known)
    for survivor, loser in resolution.merged:
        lasting = survivor.lasting.stored_id
        merge_contacts(connection, survivor=lasting, loser=loser.stored_id, now=now)
    return True
