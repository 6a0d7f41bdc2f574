"""The closed list of names a template may use, and what kind of value stands behind each.

``mappings/README.md`` explains them to admins; a test holds the two together.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final, Literal

from connector.template.names import Names, Vocabulary

Part = Literal["contact", "message", "conversation"]
"""Which templates: those of ``[contact]``, or of ``[message]`` by its granularity."""

CONTACT: Final[Names] = {
    "key": "text",
    "crm_id": "text",
    "whatsapp_id": "digits",
    "user_id": "text",
    "username": "name",
    "display_name": "name",
    "first_name": "name",
    "last_name": "name",
    "phone.e164": "digits",
    "phone.national": "digits",
    "phone.digits": "digits",
    "country": "text",
    "labels": "labels",
    "marketing_opt_out": "bool",
    "first_seen_at": "datetime",
    "last_message_at": "datetime",
    "referral.source_url": "text",
    "referral.source_id": "digits",
    "referral.source_type": "text",
    "referral.headline": "text",
    "referral.body": "text",
    "referral.media_type": "text",
    "referral.image_url": "text",
    "referral.video_url": "text",
    "referral.thumbnail_url": "text",
    "referral.ctwa_clid": "text",
    "referral.welcome_message": "text",
}

MESSAGE: Final[Names] = {
    "key": "text",
    "id": "text",
    "direction": "text",
    "type": "text",
    "text": "text",
    "html": "html",
    "sent_at": "datetime",
    "status": "text",
    "media.id": "digits",
    "media.mime_type": "text",
    "media.sha256": "text",
    "media.filename": "name",
    "media.caption": "text",
    "media.voice": "bool",
    "media.animated": "bool",
    "media.url": "text",
    "reply_to": "text",
    "labels": "labels",
}

CONVERSATION: Final[Names] = {
    "key": "text",
    "id": "text",
    "started_at": "datetime",
    "last_message_at": "datetime",
    "message_count": "number",
    "transcript_html": "html",
    "first_response_seconds": "number",
    "labels": "labels",
}

NUMBER: Final[Names] = {"name": "text", "phone": "digits"}

ALL: Final[Mapping[str, Names]] = {
    "contact": CONTACT,
    "message": MESSAGE,
    "conversation": CONVERSATION,
    "number": NUMBER,
}

ROOTS: Final[Mapping[Part, tuple[str, ...]]] = {
    "contact": ("contact",),
    "message": ("message", "contact", "number"),
    "conversation": ("conversation", "contact", "number"),
}
"""The names each kind of template starts from."""

BODIES: Final = frozenset(
    {"message.text", "message.html", "message.media.caption", "conversation.transcript_html"}
)
"""What people wrote. A field that holds it is a body, never a name, whatever else it holds."""


_PLACES: Final[Mapping[Part, str]] = {
    "contact": "in [contact]",
    "message": 'with granularity = "message"',
    "conversation": 'with granularity = "conversation"',
}

VOCABULARIES: Final[Mapping[Part, Vocabulary]] = {
    part: Vocabulary({root: ALL[root] for root in roots}, _PLACES[part], frozenset(ALL))
    for part, roots in ROOTS.items()
}


def is_name_like(paths: AbstractSet[str]) -> bool:
    """Say whether a value that reads these names is a name: a person chose it, nobody wrote it."""
    if not BODIES.isdisjoint(paths):
        return False
    return any(ALL[root].get(rest) == "name" for root, rest in map(_split, paths))


def _split(path: str) -> tuple[str, str]:
    root, _, rest = path.partition(".")
    return root, rest
