"""Webhook bodies as Meta writes them, piece by piece, and their signature. Pure.

Shapes are those of Meta's Cloud API since 2026: a person may have no phone, in which case the keys
for it are absent, and every person has a user id of the business portfolio.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BusinessNumber:
    """One of our own WhatsApp numbers."""

    name: str
    """What the operator calls it."""
    phone_number_id: str
    waba_id: str
    phone: str
    """Digits, as Meta displays them."""
    country: str = "BR"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on WhatsApp, by what webhooks tell of them."""

    name: str | None = None
    wa_id: str | None = None
    """Digits as WhatsApp spells them, which may not be the phone's."""
    user_id: str | None = None
    username: str | None = None


def sign(secret: str, body: bytes) -> str:
    """Return the value of ``X-Hub-Signature-256`` for the exact bytes of a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def make_wamid(person: Person, number: int, *, outbound: bool = False) -> str:
    """Return a message id like WhatsApp's: it holds, in base64, whom the chat is with."""
    whom = (person.wa_id or person.user_id or "").encode()
    serial = hashlib.sha256(f"{number}:{outbound}".encode()).hexdigest()[:20].upper().encode()
    way = 0x11 if outbound else 0x12
    raw = bytes((0x1C, 0x18, len(whom))) + whom
    raw += bytes((0x15, 0x02, 0x00, way, 0x18, len(serial))) + serial + b"\x00"
    return "wamid." + base64.b64encode(raw).decode()


def show_contact(person: Person, *, with_name: bool = True) -> Json:
    """Return the entry of ``contacts`` about a person; echoes and most statuses give no name."""
    profile = _present(
        name=person.name if with_name else None,
        username=person.username,
    )
    block: Json = {"profile": profile} if profile else {}
    return block | _present(wa_id=person.wa_id, user_id=person.user_id)


@dataclass(frozen=True, slots=True)
class Said:
    """One message, whoever wrote it."""

    wamid: str
    sent_at: datetime
    kind: str
    content: Mapping[str, Any]

    def to_json(self) -> Json:
        """Return what inbound messages and echoes have in common."""
        return {
            "id": self.wamid,
            "timestamp": _seconds(self.sent_at),
            "type": self.kind,
            self.kind: dict(self.content),
        }


def write_message(
    person: Person, said: Said, *, reply_to: tuple[BusinessNumber | Person, str] | None = None
) -> Json:
    """Return an inbound message. ``reply_to`` is who wrote the quoted message, and its id."""
    message = _present(**{"from": person.wa_id, "from_user_id": person.user_id})
    message |= said.to_json()
    if reply_to is not None:
        author, quoted = reply_to
        if isinstance(author, BusinessNumber):
            context = {"from": author.phone}
        else:
            context = _present(**{"from": author.wa_id, "from_user_id": author.user_id})
        message["context"] = {**context, "id": quoted}
    return message


def write_echo(number: BusinessNumber, person: Person, said: Said) -> Json:
    """Return what a colleague wrote in the WhatsApp Business app, as it is echoed to us."""
    echo: Json = {"from": number.phone}
    echo |= _present(to=person.wa_id, to_user_id=person.user_id)
    return echo | said.to_json()


def write_status(
    person: Person, wamid: str, status: str, at: datetime, *, errors: Sequence[Json] = ()
) -> Json:
    """Return a status of an outbound message."""
    body: Json = {"id": wamid, "status": status, "timestamp": _seconds(at)}
    body |= _present(recipient_id=person.wa_id)
    if status != "failed":
        body |= _present(recipient_user_id=person.user_id)
        body["pricing"] = {
            "billable": False,
            "pricing_model": "PMP",
            "type": "free_customer_service",
            "category": "service",
        }
    if errors:
        body["errors"] = list(errors)
    return body


def messages_change(
    number: BusinessNumber, people: Sequence[Person], messages: Sequence[Json]
) -> Json:
    """Return a change with inbound messages and the people who wrote them."""
    return make_change(
        number,
        "messages",
        contacts=[show_contact(each) for each in people],
        messages=list(messages),
    )


def statuses_change(
    number: BusinessNumber, people: Sequence[Person], statuses: Sequence[Json]
) -> Json:
    """Return a change with statuses; a failed one comes without people."""
    contacts = [show_contact(each, with_name=False) for each in people]
    return make_change(number, "messages", **_present(contacts=contacts), statuses=list(statuses))


def echoes_change(number: BusinessNumber, people: Sequence[Person], echoes: Sequence[Json]) -> Json:
    """Return a change with echoes of what a colleague wrote."""
    return make_change(
        number,
        "smb_message_echoes",
        contacts=[show_contact(each, with_name=False) for each in people],
        message_echoes=list(echoes),
    )


def make_change(number: BusinessNumber, field: str, **value: Any) -> Json:
    """Return a change of any field, of one of our numbers."""
    return {
        "field": field,
        "value": {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": number.phone,
                "phone_number_id": number.phone_number_id,
            },
            **value,
        },
    }


def make_entry(number: BusinessNumber, changes: Sequence[Json]) -> Json:
    """Return an entry of the account that a number belongs to."""
    return {"id": number.waba_id, "changes": list(changes)}


def encode(entries: Sequence[Json]) -> bytes:
    r"""Return a webhook body. As Meta does, it escapes what is not ASCII, and ``/`` as ``\/``."""
    envelope = {"object": "whatsapp_business_account", "entry": list(entries)}
    return json.dumps(envelope, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def make_webhook(number: BusinessNumber, *changes: Json) -> bytes:
    """Return the body of the commonest webhook: one entry."""
    return encode([make_entry(number, changes)])


def make_text(text: str) -> Json:
    """Return the content of a text message."""
    return {"body": text}


_MIME_TYPES: Final = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/ogg; codecs=opus",
    "document": "application/pdf",
    "sticker": "image/webp",
}


def make_media(kind: str, serial: int, caption: str = "", filename: str | None = None) -> Json:
    """Return the content of a media message; WhatsApp has the file, we get its id."""
    digest = hashlib.sha256(f"{kind}:{serial}".encode()).digest()
    content: Json = {
        "id": str(1_400_000_000_000_000 + serial),
        "mime_type": _MIME_TYPES[kind],
        "sha256": base64.b64encode(digest).decode(),
    }
    if kind == "audio":
        content["voice"] = True
    if kind == "sticker":
        content["animated"] = False
    return content | _present(caption=caption or None, filename=filename)


def _present(**values: Any) -> Json:
    """Return the values that there are: Meta leaves a key out rather than sending it empty."""
    return {name: value for name, value in values.items() if value}


def _seconds(moment: datetime) -> str:
    return str(int(moment.timestamp()))
