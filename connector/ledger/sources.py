"""What deliveries are made from: the contacts and messages behind their ``source_id``."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from connector.ledger.schema import alias, contact, message
from connector.model.contact import Contact
from connector.model.message import UNSEEN, Message


def load_contacts(connection: Connection, ids: Collection[int]) -> dict[int, Contact]:
    """Return contacts with their newest user id and ``wa_id``, by id.

    The name that the business itself wrote in its phone's address book is better than the one
    people give themselves.
    """
    if not ids:
        return {}
    newest: dict[tuple[int, str], str] = {}
    for row in connection.execute(
        select(alias.c.contact_id, alias.c.kind, alias.c.value)
        .where(alias.c.contact_id.in_(ids))
        .order_by(alias.c.seen_at, alias.c.value)
    ):
        newest[row.contact_id, row.kind] = row.value
    rows = connection.execute(select(contact).where(contact.c.id.in_(ids)))
    return {
        row.id: Contact(
            id=row.id,
            key=row.key,
            first_seen_at=row.first_seen_at,
            phone=row.phone,
            wa_id=newest.get((row.id, "wa_id")),
            user_id=newest.get((row.id, "user_id")),
            username=row.username,
            profile_name=row.book_name or row.profile_name,
            last_inbound_at=row.last_inbound_at,
            last_outbound_at=row.last_outbound_at,
            marketing_opt_out_at=row.marketing_opt_out_at,
            labels=tuple(row.labels or ()),
            referral=row.referral or {},
            merged_into=row.merged_into,
            erased_at=row.erased_at,
        )
        for row in rows
    }


def load_messages(connection: Connection, ids: Collection[int]) -> dict[int, Message]:
    """Return messages by id."""
    if not ids:
        return {}
    rows = connection.execute(select(message).where(message.c.id.in_(ids)))
    return {row.id: _message(row) for row in rows}


def load_conversations(
    connection: Connection, keys: Collection[str]
) -> dict[str, Sequence[Message]]:
    """Return the messages of conversations by the conversation's key, in their own order."""
    found: dict[str, list[Message]] = {key: [] for key in keys}
    if not found:
        return {}
    rows = connection.execute(
        select(message)
        .where(message.c.conversation.in_(keys), message.c.kind != UNSEEN)
        .order_by(message.c.sent_at, message.c.id)
    )
    for row in rows:
        found[row.conversation].append(_message(row))
    return dict(found)


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        wamid=row.wamid,
        wamid_hash=row.wamid_hash,
        number=row.number,
        contact_id=row.contact_id,
        conversation=row.conversation,
        direction=row.direction,
        kind=row.kind,
        content=row.content or {},
        sent_at=row.sent_at,
        status=row.status,
        status_at=row.status_at,
        deleted_at=row.deleted_at,
        purged=row.purged_at is not None,
    )
