"""What is understood of a message, by its type.

A reader takes the whole message and returns its content, or ``None`` if the part that carries it
is missing or is not what it should be. Everything beside that part may be absent.

The content is a JSON object of these, each of which may be missing::

    text            the words a person typed, or the title of the button or row they chose
    caption         of media
    media           {"id", "mime_type", "sha256", "filename", "voice", "animated", "url"}
    reply_to        wamid of the message this one quotes
    forwarded       true; and ``frequently_forwarded`` where WhatsApp says so
    product         {"catalog_id", "product_retailer_id"} an enquiry is about
    referral        {"source_url", "source_id", "source_type", "headline", "body", "ctwa_clid" ...}
    group_id        the group it was sent in
    failure         {"code", "title", "detail", "at"} of a message that could not be delivered
    pricing         {"category", "billable"}
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from connector.record.payload import block, flag, identifier, some_words, words

Content = dict[str, Any]
Reader = Callable[[Mapping[str, Any]], Content | None]

_FLAGS: Final = ("voice", "animated")


def compact(**parts: Any) -> Content:
    """Return what is there, without what is not."""
    return {name: part for name, part in parts.items() if part is not None}


def _read_text(message: Mapping[str, Any]) -> Content | None:
    body = words(block(message.get("text")).get("body"))
    return None if body is None else {"text": body}


def read_media_part(part: Mapping[str, Any]) -> Content:
    """Return the content of a media part, whatever its kind."""
    media = compact(
        id=identifier(part.get("id")),
        mime_type=some_words(part.get("mime_type")),
        sha256=some_words(part.get("sha256")),
        filename=some_words(part.get("filename")),
        url=some_words(part.get("url")),
    )
    media |= {name: True for name in _FLAGS if flag(part.get(name))}
    return compact(media=media, caption=some_words(part.get("caption")))


def _media_reader(kind: str) -> Reader:
    def read(message: Mapping[str, Any]) -> Content | None:
        part = message.get(kind)
        return read_media_part(part) if isinstance(part, dict) else None

    return read


READERS: Final[Mapping[str, Reader]] = {
    "text": _read_text,
    **{kind: _media_reader(kind) for kind in ("image", "audio", "video", "document", "sticker")},
}
"""How each type is read. A type that is not here is kept raw and counted."""


def read_surroundings(message: Mapping[str, Any]) -> Content:
    """Return what may come with a message of any type: reply, forward, ad, product, group."""
    content: Content = {}
    context = message.get("context")
    if isinstance(context, dict):
        content |= _read_context(context)
    referral = message.get("referral")
    if isinstance(referral, dict):
        read = {
            name: value
            for name in _REFERRAL
            if (value := some_words(referral.get(name))) is not None
        }
        if read:
            content["referral"] = read
    if "group_id" in message and (group_id := identifier(message["group_id"])):
        content["group_id"] = group_id
    return content


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
