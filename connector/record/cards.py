"""Contact cards that people send, and the phone that a card may be the answer about."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.model.identity import classify
from connector.record.payload import block, clean, compact, items, some_words, vocabulary, words

_VCARD_LINE: Final = re.compile(r"^(FN|TEL|EMAIL|ORG)[^:\r\n]*:([^\r\n]+)", re.MULTILINE)
_NAME_PARTS: Final = ("prefix", "first_name", "middle_name", "last_name", "suffix")


def read_cards(cards: Sequence[Any]) -> list[dict[str, Any]]:
    """Return name, phones, e-mails and company of each card."""
    return [_read_card(card) for card in cards if isinstance(card, dict)]


def _read_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return who a card names. Since May 2026 a name may stand in the vCard alone."""
    lines = _read_vcard(words(card.get("vcard")) or "")
    name = block(card.get("name"))
    spelt_out = " ".join(filter(None, (some_words(name.get(part)) for part in _NAME_PARTS)))
    return compact(
        name=some_words(name.get("formatted_name")) or spelt_out or _first(lines, "FN"),
        phones=_texts(card.get("phones"), "phone") or lines.get("TEL"),
        emails=_texts(card.get("emails"), "email") or lines.get("EMAIL"),
        org=some_words(block(card.get("org")).get("company")) or _first(lines, "ORG"),
        origin=vocabulary(card.get("origin")),
    )


def _texts(entries: object, name: str) -> list[str]:
    found = (some_words(block(entry).get(name)) for entry in items(entries))
    return [text for text in found if text]


def _read_vcard(vcard: str) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for name, value in _VCARD_LINE.findall(vcard):
        text = clean(value).replace("\\n", " ").replace("\\", "").strip(" ;")
        if text:
            lines.setdefault(name, []).append(text)
    return lines


def _first(lines: Mapping[str, Sequence[str]], name: str) -> str | None:
    return next(iter(lines.get(name, ())), None)


def own_phone(cards: object) -> str | None:
    """Return the sender's own phone, where the card answers our request for it."""
    for card in items(cards):
        if isinstance(card, dict) and card.get("origin") == "contact_request":
            for phone in items(card.get("phones")):
                for name in ("wa_id", "phone"):
                    match classify(block(phone).get(name)):
                        case ("wa_id", digits):
                            return digits
                        case _:
                            continue
    return None
