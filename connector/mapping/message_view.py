"""``message`` and ``conversation`` in templates. A view computes nothing until a template asks.

What a person wrote is masked on its way in here, so that it leaves masked whatever a template does
with it; phones and ids never pass the mask.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from connector.mapping.contact_view import ContactView
from connector.mapping.content import table, word_or_none
from connector.mapping.lazy import Lazy
from connector.mapping.markup import spoken, transcript
from connector.mapping.mask import mask_content
from connector.mapping.setting import Setting
from connector.mapping.text import message_text
from connector.mapping.words import words_of
from connector.model.message import Message
from connector.model.number import Number
from connector.template.clean import clean_text


class Media:
    """``message.media`` in templates; of a message without media, all of it is nothing."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        media = table(content, "media")
        self.id = word_or_none(media, "id")
        self.mime_type = word_or_none(media, "mime_type")
        self.sha256 = word_or_none(media, "sha256")
        self.filename = word_or_none(media, "filename")
        self.url = word_or_none(media, "url")
        self.voice = media.get("voice") is True if media else None
        self.animated = media.get("animated") is True if media else None
        self.caption = word_or_none(content, "caption")


class MessageView:
    """``message`` in templates."""

    def __init__(
        self,
        message: Message,
        setting: Setting,
        *,
        key: str | None,
        contact: ContactView,
        number: Number,
    ) -> None:
        self._message = message
        self._setting = setting
        self._contact = contact
        self._number = number
        self.key = key
        self.id = message.wamid
        self.direction = message.direction
        self.type = message.kind
        self.sent_at = message.sent_at
        self.status = message.status

    @Lazy
    def content(self) -> Mapping[str, Any]:
        """Return what was understood of the message, masked, and marked if it was deleted.

        A failure that was overtaken by proof of delivery is left out.
        """
        content = dict(mask_content(self._message.content, self._setting.mask))
        if self._message.deleted_at is not None:
            content["deleted"] = True
        if self.status != "failed":
            content.pop("failure", None)
        return content

    @Lazy
    def text(self) -> str:
        """Return what it says, for people."""
        return clean_text(
            message_text(self._message.kind, self.content, language=self._setting.language)
        )

    @property
    def html(self) -> Markup:
        """The text after the name of who wrote it."""
        return spoken(self.text, speaker=self.speaker)

    @property
    def speaker(self) -> str:
        """Who wrote it: the contact, or our number by its name."""
        return self._contact.display_name if self.direction == "in" else self._number.name

    @property
    def media(self) -> Media:
        """The file that came with it."""
        return Media(self.content)

    @property
    def reply_to(self) -> str | None:
        """WhatsApp's id of the message this one answers."""
        return word_or_none(self._message.content, "reply_to")

    @Lazy
    def labels(self) -> tuple[str, ...]:
        """Return the labels whose rules fire for the text."""
        labels = self._setting.labels
        return labels.of(self.text) if labels else ()


def spoken_line(message: MessageView, zone: ZoneInfo) -> tuple[str, str, str]:
    """Return a line of a transcript: the local time, who wrote, and what."""
    return message.sent_at.astimezone(zone).strftime("%H:%M"), message.speaker, message.text


class ConversationView:
    """``conversation`` in templates: the messages of one contact, one number and one local day."""

    def __init__(
        self,
        messages: Sequence[MessageView],
        setting: Setting,
        *,
        key: str | None,
        conversation_id: str,
    ) -> None:
        """Take at least one message, in the order of their times."""
        self._messages = messages
        self._setting = setting
        self.key = key
        self.id = conversation_id
        self.started_at = messages[0].sent_at
        self.last_message_at = messages[-1].sent_at
        self.message_count = len(messages)

    @property
    def transcript_html(self) -> Markup:
        """All of it, a line each, with the local time and who wrote."""
        lines = [spoken_line(each, self._setting.time_zone) for each in self._messages]
        return transcript(lines, omitted=words_of(self._setting.language)["omitted"])

    @property
    def first_response_seconds(self) -> int | None:
        """From the first inbound message to our first answer after it; none where either lacks."""
        asked: datetime | None = None
        for message in self._messages:
            if message.direction == "in":
                asked = asked or message.sent_at
            elif asked is not None:
                return int((message.sent_at - asked).total_seconds())
        return None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its messages, each once."""
        return tuple(dict.fromkeys(label for each in self._messages for label in each.labels))
