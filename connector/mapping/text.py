"""What a message says, as a person wants to read it on a timeline.

What WhatsApp does not send as text is named in brackets, with the words that came with it: a
picture is ``[imagem] legenda``. ``content`` is what ``record`` understood of a message; each of its
keys may be absent or, since it went through JSON, of another type than expected.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from markupsafe import Markup

from connector.mapping.content import Content, strings, table, tables, word, words_at
from connector.mapping.markup import spoken
from connector.mapping.words import Words, words_of
from connector.model.failures import explain_failure

LIMIT: Final = 30_000
"""Characters a text may have; WhatsApp itself stops at 4,096 for most kinds."""


def message_text(kind: str, content: Content, *, language: str) -> str:
    """Return the text of a message of any kind; never empty.

    A message that its sender deleted says only that. An unknown kind with a text of its own shows
    it; one without says that it is not supported.
    """
    words = words_of(language)
    if content.get("deleted"):
        return f"[{words['deleted']}]"
    if content.get("placeholder"):
        return f"[{words['placeholder']}]"
    body = _KINDS.get(kind, _of_unknown)(content, words)
    text = "\n".join(
        [*_before(content, words), body, *_after(content, words), *_failed(content, language)]
    )
    return text if len(text) <= LIMIT else f"{text[: LIMIT - 1]}…"


def message_html(kind: str, content: Content, *, speaker: str, language: str) -> Markup:
    """Return a message for a field that shows HTML: who wrote it, and its text, escaped.

    ``speaker`` is the contact's display name, or the name of our number.
    """
    return spoken(message_text(kind, content, language=language), speaker=speaker)


def _before(content: Content, words: Words) -> Iterator[str]:
    if content.get("forwarded"):
        yield f"[{words['forwarded']}]"
    referral = table(content, "referral")
    if headline := word(referral, "headline") or word(referral, "source_url"):
        yield _named(words["ad"], headline)


def _after(content: Content, words: Words) -> Iterator[str]:
    if content.get("edited_at"):
        yield f"[{words['edited']}]"
    emojis = [emoji for each in tables(content, "reactions") if (emoji := word(each, "emoji"))]
    if emojis:
        yield _named(words["reactions"], " ".join(emojis))


def _failed(content: Content, language: str) -> Iterator[str]:
    if failure := table(content, "failure"):
        yield _named(words_of(language)["failed"], explain_failure(failure, language=language))


def _of_text(content: Content, words: Words) -> str:
    product = table(content, "product")
    asked = word(product, "product_retailer_id")
    lines = [_named(words["product"], asked)] if asked else []
    lines += [text] if (text := word(content, "text")) else []
    return "\n".join(lines) or f"[{words['empty']}]"


def _of_media(kind: str) -> Callable[[Content, Words], str]:
    def describe(content: Content, words: Words) -> str:
        media = table(content, "media")
        name = words["voice" if kind == "audio" and media.get("voice") else kind]
        file = word(media, "filename") if kind == "document" else ""
        return _named(f"{name}: {file}" if file else name, word(content, "caption"))

    return describe


def _of_location(content: Content, words: Words) -> str:
    place = table(content, "location")
    lines = [_named(words["location"], " — ".join(words_at(place, "name", "address")))]
    latitude, longitude = place.get("latitude"), place.get("longitude")
    if isinstance(latitude, int | float) and isinstance(longitude, int | float):
        lines.append(f"https://maps.google.com/?q={latitude},{longitude}")
    elif url := word(place, "url"):
        lines.append(url)
    return "\n".join(lines)


def _of_contacts(content: Content, words: Words) -> str:
    cards = [
        _named(
            words["contact"],
            ", ".join(
                [*words_at(card, "name", "org"), *strings(card, "phones"), *strings(card, "emails")]
            ),
        )
        for card in tables(content, "contacts")
    ]
    return "\n".join(cards) or f"[{words['contact']}]"


def _of_reply(content: Content, words: Words) -> str:
    reply = table(content, "reply")
    match reply.get("kind"):
        case "nfm_reply":
            name = word(reply, "name")
            lines = [_named(words["form"], name), *_answers(reply.get("data"), words)]
        case "call_permission_reply":
            said = words["accepted" if reply.get("response") == "accept" else "rejected"]
            lasting = f" ({words['permanent']})" if reply.get("is_permanent") else ""
            lines = [_named(words["call_permission"], f"{said}{lasting}")]
        case "payment_method":
            lines = [_named(words["payment"], word(reply, "title") or word(content, "text"))]
        case _:
            chosen = word(content, "text") or word(reply, "title") or word(reply, "body")
            lines = words_at({"title": chosen, "more": reply.get("description")}, "title", "more")
    return "\n".join(lines) or f"[{words['empty']}]"


def _answers(data: object, words: Words) -> Iterator[str]:
    """Write a form's answers a line each; the token that names the form is no answer."""
    match data:
        case Mapping():
            for key, value in data.items():
                if key != "flow_token" and (answer := _answer(value, words)):
                    yield f"{key}: {answer}"
        case str() if data.strip():
            yield data.strip()


def _answer(value: object, words: Words) -> str:
    match value:
        case bool():
            return words["yes" if value else "no"]
        case str() | int() | float():
            return str(value).strip()
        case list() | tuple():
            return ", ".join(filter(None, (_answer(each, words) for each in value)))
        case Mapping():
            return ", ".join(_answers(value, words))
        case _:
            return ""


def _of_order(content: Content, words: Words) -> str:
    order = table(content, "order")
    lines = [_named(words["order"], word(order, "text") or word(content, "text"))]
    for item in tables(order, "items"):
        quantity = word(item, "quantity") or "1"
        line = f"{quantity}x {word(item, 'product_retailer_id')}".rstrip()
        price = " ".join(words_at(item, "currency", "item_price"))
        lines.append(f"{line} ({price})" if price else line)
    return "\n".join(lines)


def _of_reaction(content: Content, words: Words) -> str:
    emoji = word(table(content, "reaction"), "emoji")
    return _named(words["reaction"], emoji) if emoji else f"[{words['reaction_removed']}]"


def _of_system(content: Content, words: Words) -> str:
    return _named(words["notice"], word(table(content, "system"), "body"))


def _of_call(content: Content, words: Words) -> str:
    call = table(content, "call")
    seconds = call.get("seconds")
    if not isinstance(seconds, int | float) or seconds <= 0:
        return _named(words["call"], words["missed"])
    minutes, rest = divmod(round(seconds), 60)
    return _named(words["call"], f"{minutes} min {rest} s" if minutes else f"{rest} s")


def _of_unsupported(content: Content, words: Words) -> str:
    """Say that WhatsApp did not hand it over, and what it was, where that is known."""
    kind = word(table(content, "unsupported"), "type")
    return _named(words["unsupported"], words.get(kind, kind.replace("_", " ")))


def _of_welcome(_: Content, words: Words) -> str:
    return f"[{words['welcome']}]"


def _of_placeholder(_: Content, words: Words) -> str:
    return f"[{words['placeholder']}]"


def _of_unknown(content: Content, words: Words) -> str:
    text = word(content, "text") or word(content, "caption")
    return text or f"[{words['unsupported']}]"


_KINDS: Final[Mapping[str, Callable[[Content, Words], str]]] = {
    "text": _of_text,
    "image": _of_media("image"),
    "video": _of_media("video"),
    "audio": _of_media("audio"),
    "voice": _of_media("voice"),
    "document": _of_media("document"),
    "sticker": _of_media("sticker"),
    "location": _of_location,
    "contacts": _of_contacts,
    "interactive": _of_reply,
    "button": _of_reply,
    "order": _of_order,
    "reaction": _of_reaction,
    "system": _of_system,
    "unsupported": _of_unsupported,
    "call": _of_call,
    "request_welcome": _of_welcome,
    "media_placeholder": _of_placeholder,
}


def _named(name: str, text: str) -> str:
    return f"[{name}] {text}" if text else f"[{name}]"
