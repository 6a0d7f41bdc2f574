"""Made-up people and messages to try a mapping on: a full one, and one that lacks what may lack."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from connector.mapping.render import Renderer
from connector.mapping.rendered import Rendered
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.number import Number

_MORNING: Final = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)

NUMBER: Final = Number(name="Vendas", phone="+551140028922", country="BR")


@dataclass(frozen=True, slots=True)
class Sample:
    """A person and a short conversation."""

    name: str
    contact: Contact
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a mapping makes of a sample: its contact, and each message or the one conversation."""

    contact: Rendered
    messages: tuple[Rendered, ...]


def make_samples() -> tuple[Sample, ...]:
    """Return a contact with all that WhatsApp may say of one, and one with only a user id."""
    full = Contact(
        id=1,
        key="wc_sample00000000000000000000",
        first_seen_at=_MORNING - timedelta(days=30),
        phone="+5511987654321",
        wa_id="5511987654321",
        user_id="BR.1502576394655843",
        username="ana.souza",
        profile_name="Ana Souza",
        last_inbound_at=_MORNING,
        last_outbound_at=_MORNING + timedelta(minutes=4),
        labels=("orçamento",),
        referral={
            "source_url": "https://fb.me/sample",
            "source_id": "120226305854810726",
            "source_type": "ad",
            "headline": "Fale com a gente",
            "ctwa_clid": "Aff-sample",
        },
    )
    bare = Contact(
        id=2,
        key="wc_sample11111111111111111111",
        first_seen_at=_MORNING,
        user_id="MX.13491208655302741918",
    )
    return (
        Sample("full", full, _converse(full)),
        Sample("bare", bare, _converse(bare)[:1]),
    )


def _converse(contact: Contact) -> tuple[Message, ...]:
    def say(place: int, direction: str, kind: str, content: dict[str, object]) -> Message:
        return Message(
            id=contact.id * 10 + place,
            wamid=f"wamid.sample{contact.id}{place}",
            wamid_hash=f"sample{contact.id}{place}",
            number=NUMBER.name,
            contact_id=contact.id,
            conversation=f"{contact.key}:{NUMBER.name}:2026-11-24",
            direction="in" if direction == "in" else "out",
            kind=kind,
            content=content,
            sent_at=_MORNING + timedelta(minutes=4 * place),
            status=None if direction == "in" else "read",
        )

    return (
        say(0, "in", "text", {"text": "Oi! Qual o preço do frete para Salvador?"}),
        say(1, "out", "text", {"text": "Olá! Já te passo a tabela.", "reply_to": "wamid.sample"}),
        say(
            2,
            "out",
            "document",
            {
                "caption": "Tabela de novembro",
                "media": {"id": "1", "mime_type": "application/pdf", "filename": "tabela.pdf"},
            },
        ),
    )


def preview(
    renderer: Renderer, contact: Contact, messages: Sequence[Message], *, number: Number = NUMBER
) -> Preview:
    """Render a contact and some messages of it, samples or real ones, as they would be sent."""
    crm_id = "1001"
    if renderer.mapping.message.granularity == "conversation":
        made: tuple[Rendered, ...] = (
            renderer.conversation(
                messages, contact, key="wm_sample", contact_crm_id=crm_id, number=number
            ),
        )
    else:
        made = tuple(
            renderer.message(
                message, contact, key="wm_sample", contact_crm_id=crm_id, number=number
            )
            for message in messages
        )
    return Preview(renderer.contact(contact, crm_id=crm_id, country=number.country), made)
