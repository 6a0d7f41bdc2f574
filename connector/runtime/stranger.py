"""The artificial sender of ``connector test``, and the webhooks in which it writes."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connector.config.whatsapp import NumberSettings
from connector.sandbox.envelopes import (
    BusinessNumber,
    Json,
    Person,
    Said,
    echoes_change,
    make_media,
    make_text,
    make_wamid,
    make_webhook,
    messages_change,
    statuses_change,
    write_echo,
    write_message,
    write_status,
)


@dataclass(slots=True)
class Stranger:
    """Somebody who is not there: a user id that WhatsApp would not give, and no phone."""

    number: NumberSettings
    language: str
    word: str = field(default_factory=lambda: secrets.token_hex(4))
    """Stands in everything that is said, so that it can be found in a CRM."""
    _at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    _serial: int = 0

    @property
    def user_id(self) -> str:
        """The user id, by which the connector knows its contact."""
        return f"{self.number.country}.CONNECTORTEST{self.word}"

    @property
    def person(self) -> Person:
        """As webhooks tell of it."""
        return Person(f"Connector Test {self.word}", None, self.user_id)

    def text(self) -> tuple[str, bytes]:
        """Write a text; return its message id and the webhook."""
        words = {"pt-BR": "Mensagem de teste do conector", "en": "Test message of the connector"}
        said = self._say("text", make_text(f"{words[self.language]} {self.word}"))
        return said.wamid, self._webhook(self._inbound(said))

    def more(self, wamid: str) -> tuple[str, str, bytes]:
        """Send a picture, edit the text, and answer from the app, which is read.

        Returns the ids of the picture and the answer, and the webhook with all of it.
        """
        picture = self._say("image", make_media("image", 1, f"{self.word} caption"))
        edited = {"type": "text", "text": make_text(f"{self.word} edited")}
        change = {"original_message_id": wamid, "message": edited}
        edit = self._say("edit", change)
        answer = self._say("text", make_text(f"{self.word} answer"), outbound=True)
        read = write_status(self.person, answer.wamid, "read", self._later())
        number = self._number
        return (
            picture.wamid,
            answer.wamid,
            self._webhook(
                self._inbound(picture),
                self._inbound(edit),
                echoes_change(number, [self.person], [write_echo(number, self.person, answer)]),
                statuses_change(number, [self.person], [read]),
            ),
        )

    @property
    def _number(self) -> BusinessNumber:
        number = self.number
        return BusinessNumber(
            number.name, number.phone_number_id, number.waba_id or "0", "0", number.country
        )

    def _later(self) -> datetime:
        self._at += timedelta(seconds=1)
        return self._at

    def _say(self, kind: str, content: Json, *, outbound: bool = False) -> Said:
        self._serial += 1
        wamid = make_wamid(self.person, self._serial, outbound=outbound)
        return Said(wamid, self._later(), kind, content)

    def _inbound(self, said: Said) -> Json:
        return messages_change(self._number, [self.person], [write_message(self.person, said)])

    def _webhook(self, *changes: Json) -> bytes:
        return make_webhook(self._number, *changes)
