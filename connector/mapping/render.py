"""From WhatsApp's side to the CRM's: contacts, messages and conversations become records.

Pure: the same mapping, schema and values give the same record and the same content hash, in any
process and at any time.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as FieldMapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from connector.errors import RenderError
from connector.mapping.contact_view import ContactView
from connector.mapping.labels import Labels
from connector.mapping.markup import line_text
from connector.mapping.message_view import ConversationView, MessageView, spoken_line
from connector.mapping.models import Mapping
from connector.mapping.rendered import Rendered
from connector.mapping.schema import Schema
from connector.mapping.section import Sandboxes, Section
from connector.mapping.setting import Setting
from connector.model.contact import Contact
from connector.model.message import Message
from connector.model.number import Number
from connector.model.record import FieldValue
from connector.template.sandbox import Sandbox

_LEARNT: Final = ("profile_name", "username", "phone")
"""What a contact is called by, the best first: each stands in for those before it."""


class Renderer:
    """One destination's mapping, compiled against the schema its CRM has now.

    ``language`` and ``time_zone`` are those of the configuration; ``mask`` names what is replaced
    in people's words (``cpf``, ``cnpj``, ``card``). Make a new one when the schema changes.
    """

    def __init__(
        self,
        mapping: Mapping,
        *,
        contact_schema: Schema,
        message_schema: Schema,
        language: str,
        time_zone: ZoneInfo,
        mask: Sequence[str] = (),
        labels: Labels | None = None,
    ) -> None:
        sandboxes = Sandboxes(
            text=Sandbox(html=False, time_zone=time_zone),
            html=Sandbox(html=True, time_zone=time_zone),
        )
        self.mapping = mapping
        self._setting = Setting(language, time_zone, tuple(mask), labels)
        self._contact = Section("contact", mapping.contact.fields, contact_schema, sandboxes)
        self._message = Section("message", mapping.message.fields, message_schema, sandboxes)

    def contact(
        self, contact: Contact, *, crm_id: str | None = None, country: str | None = None
    ) -> Rendered:
        """Render a contact. ``country`` is assumed where neither phone nor user id tell one.

        Raises ``RenderError``, as the others do, where a template fails for this record.
        """
        view = ContactView(contact, self._setting, crm_id=crm_id, country=country)
        return self._contact.render(
            {"contact": view},
            stand_ins=partial(self._stand_ins, contact, crm_id=crm_id, country=country),
        )

    def _stand_ins(
        self, contact: Contact, *, crm_id: str | None, country: str | None
    ) -> Iterator[FieldMapping[str, FieldValue]]:
        """Yield a contact's fields as they were before its name, its username, its phone came."""
        for attribute in _LEARNT:
            if getattr(contact, attribute) is not None:
                unknown: dict[str, Any] = {attribute: None}
                contact = replace(contact, **unknown)
                view = ContactView(contact, self._setting, crm_id=crm_id, country=country)
                with suppress(RenderError):  # then it was not written, either
                    yield self._contact.render({"contact": view}).fields

    def message(
        self,
        message: Message,
        contact: Contact,
        *,
        key: str,
        contact_crm_id: str | None,
        number: Number,
    ) -> Rendered:
        """Render a message. ``key`` is our key for it in this destination."""
        who = self._view(contact, contact_crm_id, number)
        view = MessageView(message, self._setting, key=key, contact=who, number=number)
        return self._message.render({"message": view, "contact": who, "number": number})

    def conversation(
        self,
        messages: Sequence[Message],
        contact: Contact,
        *,
        key: str,
        contact_crm_id: str | None,
        number: Number,
    ) -> Rendered:
        """Render the messages of one conversation, at least one, in any order."""
        who = self._view(contact, contact_crm_id, number)
        ordered = sorted(messages, key=lambda message: (message.sent_at, message.id))
        views = [
            MessageView(each, self._setting, key=None, contact=who, number=number)
            for each in ordered
        ]
        view = ConversationView(
            views, self._setting, key=key, conversation_id=ordered[0].conversation
        )
        return self._message.render({"conversation": view, "contact": who, "number": number})

    def lines(self, messages: Sequence[Message], contact: Contact, *, number: Number) -> list[str]:
        """Return each message, in the order given, as the line a transcript has of it, as text."""
        who = self._view(contact, None, number)
        views = [
            MessageView(each, self._setting, key=None, contact=who, number=number)
            for each in messages
        ]
        return [line_text(*spoken_line(view, self._setting.time_zone)) for view in views]

    def _view(self, contact: Contact, crm_id: str | None, number: Number) -> ContactView:
        return ContactView(contact, self._setting, crm_id=crm_id, country=number.country)
