"""What is understood of a message, by its type.

A reader takes the whole message and returns its content, or ``None`` if the part that carries it
is missing or is not what it should be. Everything beside that part may be absent.

The content is a JSON object of these, each of which may be missing::

    text            the words a person typed, or the title of the button or row they chose
    caption         of media
    media           {"id", "mime_type", "sha256", "filename", "voice", "animated", "url"}
    placeholder     true: media of a history, which may be filled in later
    location        {"latitude", "longitude", "name", "address", "url"}
    contacts        [{"name", "phones", "emails", "org", "origin"}]
    reply           {"kind", "id", "title", "description", "name", "body", "data", "response" ...}
    order           {"catalog_id", "text", "items": [{"product_retailer_id", "quantity" ...}]}
    reaction        {"message_id", "emoji"}: what this message is; no emoji is a removed reaction
    system          {"type", "body"}
    unsupported     {"type", "code", "title"}
    call            {"status", "seconds"}: a call that has ended
    reply_to        wamid of the message this one quotes
    forwarded       true; and ``frequently_forwarded`` where WhatsApp says so
    product         {"catalog_id", "product_retailer_id"} an enquiry is about
    referral        {"source_url", "source_id", "source_type", "headline", "body", "ctwa_clid" ...}
    group_id        the group it was sent in

and, added by later events (``connector.record.merge``)::

    reactions       [{"emoji", "direction", "at"}]; in a group also "by"
    edited_at       when the words were last changed
    deleted         true: revoked by whoever wrote it
    failure         {"code", "title", "detail", "at"} of a message that could not be delivered
    pricing         {"category", "billable"}
    participants    {user id or phone: {"status", "at"}} of a message to a group
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from connector.record.cards import read_cards
from connector.record.payload import (
    block,
    compact,
    flag,
    identifier,
    items,
    number,
    read_error,
    some_words,
    vocabulary,
    words,
)
from connector.record.replies import read_button, read_interactive, read_order

Content = dict[str, Any]
Reader = Callable[[Mapping[str, Any]], Content | None]

_FLAGS: Final = ("voice", "animated")
_MEDIA: Final = ("image", "audio", "video", "document", "sticker")


def _read_text(message: Mapping[str, Any]) -> Content | None:
    body = words(block(message.get("text")).get("body"))
    return None if body is None else {"text": body}


def _media_reader(kind: str) -> Reader:
    def read(message: Mapping[str, Any]) -> Content | None:
        part = message.get(kind)
        return _read_media(part) if isinstance(part, dict) else None

    return read


def _read_media(part: Mapping[str, Any]) -> Content:
    media = compact(
        id=identifier(part.get("id")),
        mime_type=some_words(part.get("mime_type")),
        sha256=some_words(part.get("sha256")),
        filename=some_words(part.get("filename")),
        url=some_words(part.get("url")),
    )
    media |= {name: True for name in _FLAGS if flag(part.get(name))}
    return compact(media=media, caption=some_words(part.get("caption")))


def _read_voice(message: Mapping[str, Any]) -> Content | None:
    """Read a voice message as older payloads of intermediaries have it."""
    part = message.get("voice", message.get("audio"))
    return _read_media({**part, "voice": True}) if isinstance(part, dict) else None


def _read_placeholder(_: Mapping[str, Any]) -> Content:
    return {"placeholder": True}


def _read_location(message: Mapping[str, Any]) -> Content | None:
    part = block(message.get("location"))
    place = compact(
        latitude=number(part.get("latitude")),
        longitude=number(part.get("longitude")),
        name=some_words(part.get("name")),
        address=some_words(part.get("address")),
        url=some_words(part.get("url")),
    )
    return {"location": place} if place else None


def _read_contacts(message: Mapping[str, Any]) -> Content | None:
    cards = read_cards(items(message.get("contacts")))
    return {"contacts": cards} if cards else None


def _read_reaction(message: Mapping[str, Any]) -> Content | None:
    part = block(message.get("reaction"))
    target = identifier(part.get("message_id"))
    if target is None:
        return None
    return {"reaction": {"message_id": target, "emoji": some_words(part.get("emoji"))}}


def _read_system(message: Mapping[str, Any]) -> Content | None:
    part = message.get("system")
    if not isinstance(part, dict):
        return None
    return {"system": compact(type=vocabulary(part.get("type")), body=some_words(part.get("body")))}


def _read_unsupported(message: Mapping[str, Any]) -> Content:
    error = read_error(next(iter(items(message.get("errors"))), None))
    kind = vocabulary(block(message.get("unsupported")).get("type"))
    return {"unsupported": compact(type=kind, code=error.get("code"), title=error.get("title"))}


def _read_nothing(_: Mapping[str, Any]) -> Content:
    return {}


READERS: Final[Mapping[str, Reader]] = {
    "text": _read_text,
    **{kind: _media_reader(kind) for kind in _MEDIA},
    "voice": _read_voice,
    "media_placeholder": _read_placeholder,
    "location": _read_location,
    "contacts": _read_contacts,
    "interactive": read_interactive,
    "button": read_button,
    "order": read_order,
    "reaction": _read_reaction,
    "system": _read_system,
    "unsupported": _read_unsupported,
    "request_welcome": _read_nothing,
}
"""How each type is read. A type that is not here is kept raw and counted."""


def read_content(kind: str, message: Mapping[str, Any]) -> tuple[str, Content] | None:
    """Return the kind and content of a message whose type is in ``READERS``.

    A message whose part is missing because WhatsApp could not give it to us says so in ``errors``:
    that is an unsupported message, not a broken one.
    """
    content = READERS[kind](message)
    if content is not None:
        return kind, content
    if kind not in message and items(message.get("errors")):
        unsupported = _read_unsupported(message)
        unsupported["unsupported"].setdefault("type", kind)
        return "unsupported", unsupported
    return None


_REFERRAL: Final = (
    "source_url",
    "source_id",
    "source_type",
    "headline",
    "body",
    "media_type",
    "image_url",
    "video_url",
    "thumbnail_url",
    "ctwa_clid",
)


def read_surroundings(message: Mapping[str, Any]) -> Content:
    """Return what may come with a message of any type: reply, forward, product, ad, group."""
    content: Content = {}
    context = message.get("context")
    if isinstance(context, dict):
        content |= _read_context(context)
    referral = message.get("referral")
    if isinstance(referral, dict):
        read = compact(**{name: some_words(referral.get(name)) for name in _REFERRAL})
        if read:
            content["referral"] = read
    if "group_id" in message and (group_id := identifier(message["group_id"])):
        content["group_id"] = group_id
    return content


def _read_context(context: Mapping[str, Any]) -> Content:
    content: Content = {}
    if reply_to := identifier(context.get("id")):
        content["reply_to"] = reply_to
    frequently = flag(context.get("frequently_forwarded"))
    if frequently or flag(context.get("forwarded")):
        content["forwarded"] = True
    if frequently:
        content["frequently_forwarded"] = True
    product = block(context.get("referred_product"))
    about = compact(
        catalog_id=identifier(product.get("catalog_id")),
        product_retailer_id=identifier(product.get("product_retailer_id")),
    )
    if about:
        content["product"] = about
    return content
