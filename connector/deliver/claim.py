"""Claiming: one reading transaction that brings everything a flush needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from connector.deliver.patience import IMPATIENT, Patience
from connector.deliver.plan import LanePlan, OnDeleted, plan_lane
from connector.ledger.deliveries import Delivery, contact_deliveries, open_deliveries
from connector.ledger.lanes import DueLane, due_lanes
from connector.ledger.ledger import Ledger
from connector.ledger.sources import load_contacts, load_conversations, load_messages
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.record import RecordKind

LANES_AT_ONCE = 1000
ROWS_AT_ONCE = 2000
"""Deliveries that one flush takes, shared evenly by its lanes: nobody's flood holds up others."""


@dataclass(slots=True)
class Claim:
    """The due lanes of a destination and what their work is made from."""

    now: datetime
    lanes: list[DueLane]
    plans: list[LanePlan] = field(default_factory=list)
    contacts: Mapping[int, Contact] = field(default_factory=dict)
    links: Mapping[int, Delivery] = field(default_factory=dict)
    """Each contact's own delivery, by contact id."""
    messages: Mapping[int, Message] = field(default_factory=dict)
    conversations: Mapping[str, Sequence[Message]] = field(default_factory=dict)
    full: bool = False
    """Whether more may be due than was taken."""

    def source(self, row: Delivery) -> Any:
        """Return the message, or the messages of the conversation, that a row delivers."""
        if row.record == "message":
            return self.messages.get(int(row.source_id))
        return self.conversations.get(row.source_id)


def claim_work(
    connection: Connection,
    ledger: Ledger,
    destination: str,
    *,
    repeatable: frozenset[RecordKind],
    repeatable_for: Mapping[RecordKind, timedelta],
    on_deleted: OnDeleted,
    patience: Patience = IMPATIENT,
    lanes_at_once: int = LANES_AT_ONCE,
) -> Claim:
    """Read the due lanes of a destination and decide what each needs."""
    now = ledger.now(connection)
    lanes = due_lanes(connection, destination, now=now, limit=lanes_at_once)
    if not lanes:
        return Claim(now, lanes)
    per_lane = max(1, ROWS_AT_ONCE // len(lanes))
    rows = open_deliveries(connection, [lane.id for lane in lanes], per_lane=per_lane)
    contact_ids = [lane.contact_id for lane in lanes]
    links = contact_deliveries(connection, destination, contact_ids)
    contacts = load_contacts(connection, contact_ids)
    plans = [
        plan_lane(
            lane.id,
            lane.contact_id,
            contact=links[lane.contact_id],
            person=contacts.get(lane.contact_id),
            rows=rows[lane.id],
            repeatable=repeatable,
            repeatable_for=repeatable_for,
            on_deleted=on_deleted,
            now=now,
            patience=patience,
        )
        for lane in lanes
        if lane.contact_id in links
    ]
    planned = [row for plan in plans for row in plan.messages]
    return Claim(
        now=now,
        lanes=lanes,
        plans=plans,
        contacts=contacts,
        links=links,
        messages=load_messages(
            connection, [int(row.source_id) for row in planned if row.record == "message"]
        ),
        conversations=load_conversations(
            connection, [row.source_id for row in planned if row.record == "conversation"]
        ),
        full=len(lanes) == lanes_at_once or any(len(found) == per_lane for found in rows.values()),
    )
