"""What deliveries are made from: the contacts and messages behind their ``source_id``."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from connector.ledger.schema import alias, contact, message
from connector.model.contact import Contact
from connector.model.conversation_parts import part_key, read_part_key, split_conversation
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
    """Return the messages of conversations by key, in their own order.

    One that is too long for a record comes in parts, each under its own key; those of every part
    are returned, whichever was asked for. A part that is not there any more is empty.
    """
    whole: dict[str, list[Message]] = {read_part_key(key)[0]: [] for key in keys}
    if not whole:
        return {}
    rows = connection.execute(
        select(message)
        .where(message.c.conversation.in_(whole), message.c.kind != UNSEEN)
        .order_by(message.c.sent_at, message.c.id)
    )
    for row in rows:
        whole[row.conversation].append(_message(row))
    found: dict[str, Sequence[Message]] = dict.fromkeys(keys, ())
    for conversation, messages in whole.items():
        for number, part in enumerate(split_conversation(messages), start=1):
            found[part_key(conversation, number)] = part
    return found


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
