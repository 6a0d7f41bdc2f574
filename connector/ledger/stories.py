"""The story of one record: found by any id a person may have in hand.

A message id, a phone, a user id, a ``wa_id``, our key, or the id of a record in a CRM.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, or_, select

from connector.ledger.schema import alias, contact, delivery, destination, lane, message, webhook
from connector.ledger.sources import load_contacts, load_messages
from connector.model.contact import Contact
from connector.model.identity import classify, subscriber_spellings
from connector.model.message import Message


@dataclass(frozen=True, slots=True)
class DeliveryStory:
    """One delivery with everything its row tells."""

    id: int
    destination: str
    record: str
    marker: str
    state: str
    crm_id: str | None
    attempts: int
    error_code: str | None
    error_detail: str | None
    error_status: int | None
    verify_at: datetime | None
    queued_at: datetime
    sent_at: datetime | None
    synced_at: datetime | None
    parked_at: datetime | None
    gone_at: datetime | None
    due_at: datetime | None
    """When its lane is looked at again."""


@dataclass(slots=True)
class Story:
    """What the ledger knows of one thing."""

    kind: Literal["message", "contact", "crm_record"]
    contact: Contact
    message: Message | None = None
    received_at: datetime | None = None
    user_ids: list[str] = field(default_factory=list)
    wa_ids: list[str] = field(default_factory=list)
    merged_into: str | None = None
    """The key of the contact this one became."""
    message_count: int = 0
    deliveries: list[DeliveryStory] = field(default_factory=list)


def find_story(
    connection: Connection, given: str, *, wamid_hash: Callable[[str], str]
) -> Story | None:
    """Return the story of whatever ``given`` names; ``None`` if nobody knows it."""
    found = _find_message(connection, given, wamid_hash=wamid_hash)
    if found is not None:
        return _message_story(connection, found, kind="message")
    contact_id = find_contact(connection, given)
    if contact_id is not None:
        return _contact_story(connection, contact_id, kind="contact")
    return _find_record(connection, given)


def _find_message(
    connection: Connection, given: str, *, wamid_hash: Callable[[str], str]
) -> int | None:
    found: int | None = connection.execute(
        select(message.c.id).where(message.c.wamid_hash == wamid_hash(given))
    ).scalar_one_or_none()
    return found


def find_contact(connection: Connection, given: str) -> int | None:
    """Return the id of the contact with this key, user id, ``wa_id`` or phone."""
    by_key: int | None = connection.execute(
        select(contact.c.id).where(contact.c.key == given)
    ).scalar_one_or_none()
    if by_key is not None:
        return by_key
    identifier = classify(given)
    if identifier is None:
        return None
    kind, value = identifier
    values: Sequence[str] = subscriber_spellings(value) if kind == "wa_id" else (value,)
    by_alias: int | None = connection.execute(
        select(alias.c.contact_id)
        .where(alias.c.kind == kind, alias.c.value.in_(values))
        .order_by(alias.c.seen_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    if by_alias is not None or kind != "wa_id":
        return by_alias
    by_phone: int | None = connection.execute(
        select(contact.c.id)
        .where(contact.c.phone.in_([f"+{spelling}" for spelling in values]))
        .order_by(contact.c.id)
        .limit(1)
    ).scalar_one_or_none()
    return by_phone


def _find_record(connection: Connection, given: str) -> Story | None:
    row = connection.execute(
        select(delivery.c.record, delivery.c.source_id, delivery.c.lane_id)
        .where(or_(delivery.c.crm_id == given, delivery.c.marker == given))
        .order_by(delivery.c.record != "contact", delivery.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    if row.record == "message":
        return _message_story(connection, int(row.source_id), kind="crm_record")
    contact_id: int = connection.execute(
        select(lane.c.contact_id).where(lane.c.id == row.lane_id)
    ).scalar_one()
    return _contact_story(connection, contact_id, kind="crm_record")


def message_story(connection: Connection, message_id: int) -> Story | None:
    """Return the story of a message by its local id; ``None`` if there is none."""
    if not load_messages(connection, [message_id]):
        return None
    return _message_story(connection, message_id, kind="message")


def _message_story(
    connection: Connection, message_id: int, *, kind: Literal["message", "crm_record"]
) -> Story:
    found = load_messages(connection, [message_id])[message_id]
    story = _about(connection, found.contact_id, kind=kind)
    story.message = found
    story.received_at = connection.execute(
        select(webhook.c.received_at)
        .select_from(message.join(webhook, webhook.c.id == message.c.webhook_id))
        .where(message.c.id == message_id)
    ).scalar_one_or_none()
    sources = [("message", str(message_id)), ("conversation", found.conversation)]
    carries = or_(
        *(
            (delivery.c.record == record) & (delivery.c.source_id == source)
            for record, source in [*sources, ("contact", str(found.contact_id))]
        )
    )
    story.deliveries = _deliveries(connection, carries)
    return story


def _contact_story(
    connection: Connection, contact_id: int, *, kind: Literal["contact", "crm_record"]
) -> Story:
    story = _about(connection, contact_id, kind=kind)
    about = (delivery.c.record == "contact") & (delivery.c.source_id == str(contact_id))
    story.deliveries = _deliveries(connection, about)
    return story


def _about(
    connection: Connection,
    contact_id: int,
    *,
    kind: Literal["message", "contact", "crm_record"],
) -> Story:
    person = load_contacts(connection, [contact_id])[contact_id]
    story = Story(kind=kind, contact=person)
    rows = connection.execute(
        select(alias.c.kind, alias.c.value)
        .where(alias.c.contact_id == contact_id)
        .order_by(alias.c.seen_at, alias.c.value)
    ).all()
    story.user_ids = [row.value for row in rows if row.kind == "user_id"]
    story.wa_ids = [row.value for row in rows if row.kind == "wa_id"]
    if person.merged_into is not None:
        story.merged_into = connection.execute(
            select(contact.c.key).where(contact.c.id == person.merged_into)
        ).scalar_one_or_none()
    return story


def _deliveries(connection: Connection, condition: Any) -> list[DeliveryStory]:
    names = [name for name in DeliveryStory.__slots__ if name != "due_at"]
    rows = connection.execute(
        select(*(delivery.c[name] for name in names), lane.c.due_at)
        .select_from(delivery.join(lane, lane.c.id == delivery.c.lane_id))
        .where(condition, delivery.c.destination.in_(select(destination.c.name)))
        .order_by(delivery.c.destination, delivery.c.position, delivery.c.id)
    ).all()
    return [DeliveryStory(*tuple(row)) for row in rows]
