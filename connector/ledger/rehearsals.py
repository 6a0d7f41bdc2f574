"""The artificial sender of ``connector test``: known beforehand, and nobody any more afterwards."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from connector.ledger.contacts import Known, Person, store_contacts
from connector.ledger.deliveries import IN_DOUBT
from connector.ledger.lanes import Wanted, lock_lanes, want
from connector.ledger.schema import delivery, lane, message
from connector.ledger.sources import load_messages
from connector.model.identity import Alias
from connector.model.message import Message
from connector.model.record import RecordKind

TEST = "test"
"""Why a record of a test is skipped: it was meant for another destination, or it is over."""


def introduce(
    connection: Connection, name: Alias, *, key: str, elsewhere: Collection[str], now: datetime
) -> int:
    """Make a contact that no other destination will take; return its id."""
    person = Person(key=key, first_seen_at=now, aliases={name: now})
    store_contacts(connection, [person], Known())
    contact_id = person.stored_id
    want(
        connection,
        [
            Wanted(other, contact_id, "contact", str(contact_id), key, 0, skip=TEST)
            for other in sorted(elsewhere)
        ],
        now=now,
    )
    return contact_id


@dataclass(frozen=True, slots=True)
class Carried:
    """One record that the test's destination is to hold."""

    record: RecordKind
    source_id: str
    marker: str
    state: str
    crm_id: str | None
    code: str | None
    detail: str | None
    status: int | None

    @property
    def in_doubt(self) -> bool:
        """Whether the CRM may hold it although nobody knows its id."""
        return self.code == IN_DOUBT


def carried(connection: Connection, destination: str, contact_id: int) -> list[Carried]:
    """Return the records of a contact in a destination, the contact's own first."""
    rows = connection.execute(
        select(
            delivery.c.record,
            delivery.c.source_id,
            delivery.c.marker,
            delivery.c.state,
            delivery.c.crm_id,
            delivery.c.error_code,
            delivery.c.error_detail,
            delivery.c.error_status,
        )
        .select_from(delivery.join(lane, lane.c.id == delivery.c.lane_id))
        .where(lane.c.destination == destination, lane.c.contact_id == contact_id)
        .order_by(delivery.c.position, delivery.c.id)
    )
    return [Carried(*row) for row in rows]


def said(connection: Connection, contact_id: int) -> Sequence[Message]:
    """Return the messages with a contact, in their own order."""
    ids = connection.execute(
        select(message.c.id)
        .where(message.c.contact_id == contact_id, message.c.kind != "unseen")
        .order_by(message.c.sent_at, message.c.id)
    ).scalars()
    return list(load_messages(connection, list(ids)).values())


def retire(connection: Connection, contact_id: int, *, but: str | None) -> int:
    """Let nothing of a contact be written any more, except in one destination.

    Returns how many records are on their way at this moment, which can not be held back.
    """
    lanes = list(
        connection.execute(
            select(lane.c.id).where(
                lane.c.contact_id == contact_id, lane.c.destination != (but or "")
            )
        ).scalars()
    )
    lock_lanes(connection, lanes)
    on_their_way = delivery.c.lane_id.in_(lanes) & (delivery.c.state == "in_flight")
    left = len(connection.execute(select(delivery.c.id).where(on_their_way)).all())
    connection.execute(
        update(delivery)
        .where(delivery.c.lane_id.in_(lanes), delivery.c.state.not_in(("in_flight", "erased")))
        .values(state="skipped", error_code=TEST, error_detail=None, parked_at=None)
    )
    return left
