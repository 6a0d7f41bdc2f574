"""Phones as people type them into a CRM, compared with the ones that WhatsApp knows."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber

_PLAIN: Final = re.compile(r"\+[1-9]\d{6,14}")
_BETWEEN: Final = re.compile(r"[/;,|\r\n]| (?:e|ou|and|or|y|o) ", re.IGNORECASE)
_EXTENSION: Final = re.compile(r"(?:\bramal\b|\bext|\br\.|[x#] *\d).*", re.IGNORECASE | re.DOTALL)
_OLD_MEXICAN_PREFIX: Final = re.compile(r"04[45](?=\d{10}$)")
_LONGEST_FIELD: Final = 200
"""Characters of a field that are looked at; nobody's phone is longer."""
_SHORTEST_INTERNATIONAL: Final = 10
"""Digits from which a number without ``+`` may be a whole one, country code included."""


def same_phone(candidate: str, wanted: tuple[str, ...], *, country: str | None) -> bool:
    """Say whether what stands in a CRM's phone field is one of the ``wanted`` E.164 digits.

    ``wanted`` are the spellings of one subscriber (``model.identity.lookup_spellings``): a
    Brazilian mobile fits with and without its ninth digit, a landline that looks alike does not.
    ``country`` (ISO 3166) is how a number without its country code is read; where it is ``None``
    only whole international numbers fit. A field may hold several numbers; one that fits will do.
    """
    if _PLAIN.fullmatch(candidate):
        return candidate[1:] in wanted
    return not read_phones(candidate[:_LONGEST_FIELD], country).isdisjoint(wanted)


def national_spellings(wanted: Sequence[str]) -> tuple[str, ...]:
    """Return area code and local number of each of the ``wanted`` E.164 digits, no country code.

    That is what a CRM's search by phone compares (HubSpot's calculated phone properties). The order
    is kept; what two spellings have in common is named once.
    """
    return tuple(dict.fromkeys(_national_number(digits) for digits in wanted))


@lru_cache(maxsize=4096)
def read_phones(text: str, country: str | None) -> frozenset[str]:
    """Return the E.164 digits of every number in a text that people wrote."""
    parts = (_EXTENSION.sub("", part).strip() for part in _BETWEEN.split(text))
    return frozenset(digits for part in parts if part for digits in _read_number(part, country))


def _read_number(text: str, country: str | None) -> Iterator[str]:
    digits = "".join(re.findall(r"[0-9]", text))
    if digits.startswith("00"):
        text, digits = f"+{digits[2:]}", digits[2:]
    if text.lstrip("( ").startswith("+"):
        number = _parse(f"+{text.lstrip('( +')}", None)
        yield digits if number is None else _digits(number)
        return
    if country == "MX":
        text = digits = _OLD_MEXICAN_PREFIX.sub("", digits)
    number = _parse(text, country) if country else None
    if number is not None and phonenumbers.is_possible_number(number):
        # Read as a local number it makes sense, so it is one: 51 98765-4321 is Porto Alegre's,
        # although the same digits behind a + are a Peruvian's.
        yield _digits(number)
    elif len(digits) >= _SHORTEST_INTERNATIONAL:
        yield digits


@lru_cache(maxsize=4096)
def _national_number(digits: str) -> str:
    number = _parse(f"+{digits}", None)
    return digits if number is None else phonenumbers.national_significant_number(number)


def _parse(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except NumberParseException:
        return None


def _digits(number: PhoneNumber) -> str:
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"
