"""What records are made from, loaded for many at once, and made again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from connector.errors import RenderError
from connector.ledger.sources import load_contacts, load_conversations, load_messages
from connector.ledger.sweeps import Held, crm_links
from connector.mapping.rendered import Rendered
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.number import Number
from connector.reconcile.account import Account


@dataclass(frozen=True, slots=True)
class Material:
    """The sources of some deliveries."""

    contacts: Mapping[int, Contact] = field(default_factory=dict)
    links: Mapping[int, str] = field(default_factory=dict)
    """The CRM record of each contact that has one."""
    messages: Mapping[int, Message] = field(default_factory=dict)
    conversations: Mapping[str, Sequence[Message]] = field(default_factory=dict)


def load_material(connection: Connection, destination: str, rows: Sequence[Held]) -> Material:
    """Read what these deliveries are made from."""
    contact_ids = {row.contact_id for row in rows}
    return Material(
        contacts=load_contacts(connection, contact_ids),
        links=crm_links(connection, destination, contact_ids),
        messages=load_messages(
            connection, [int(row.source_id) for row in rows if row.record == "message"]
        ),
        conversations=load_conversations(
            connection, [row.source_id for row in rows if row.record == "conversation"]
        ),
    )


def render_row(account: Account, row: Held, material: Material) -> Rendered | None:
    """Make a delivery's record as it should be now.

    ``None`` where nothing can be made any more: its words were dropped for their age, or the person
    was erased. Raises ``RenderError`` where the mapping fails for it.
    """
    person = material.contacts.get(row.contact_id)
    if person is None or person.erased_at is not None:
        return None
    if row.record == "contact":
        return account.renderer.contact(person, crm_id=row.crm_id, country=account.country)
    return _render_carrier(account, row, person, material)


def try_to_render(account: Account, row: Held, material: Material) -> Rendered | None:
    """Make a record as ``render_row`` does; ``None`` also where the mapping fails for it."""
    try:
        return render_row(account, row, material)
    except RenderError:
        return None


def _render_carrier(
    account: Account, row: Held, person: Contact, material: Material
) -> Rendered | None:
    link = material.links.get(row.contact_id)
    if row.record == "message":
        message = material.messages.get(int(row.source_id))
        if message is None or message.purged:
            return None
        return account.renderer.message(
            message,
            person,
            key=row.marker,
            contact_crm_id=link,
            number=_number(account, message.number),
        )
    messages = material.conversations.get(row.source_id, ())
    if not messages or any(message.purged for message in messages):
        return None
    return account.renderer.conversation(
        messages,
        person,
        key=row.marker,
        contact_crm_id=link,
        number=_number(account, messages[0].number),
    )


def _number(account: Account, name: str) -> Number:
    return account.numbers.get(name) or Number(name=name)
