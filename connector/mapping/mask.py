"""Personal numbers that people type into a chat, replaced before a text leaves for a CRM.

Only what passes its check digits is replaced, so an order number mostly stays what it is. A run of
digits may be broken by spaces, dots, dashes and slashes. Phones we know of are never given here;
one that a person types after a ``+`` is left alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from stdnum import luhn
from stdnum.br import cnpj, cpf

from connector.template.clean import clean_text

Kind = Literal["cpf", "cnpj", "card"]

SHORTEST: Final = 11
"""Digits of the shortest number that is looked for."""
_LONGEST: Final = 19
_PHONE_HEAD: Final = 8
"""Behind a ``+``, nothing is looked for before this many digits have passed."""

_GAP: Final = "[ .\\-/\u00a0\u2011\u2013\u200b\u2060]{0,3}"
_RUN: Final = re.compile(rf"[0-9](?:{_GAP}[0-9]){{{SHORTEST - 1},}}")
_DIGIT: Final = re.compile(r"[0-9]")
_LETTERED_CNPJ: Final = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Za-z]{2}[. ]?[0-9A-Za-z]{3}[. ]?[0-9A-Za-z]{3}[/ ]?"
    r"[0-9A-Za-z]{4}[- ]?[0-9]{2}(?![0-9A-Za-z])"
)
"""Since July 2026 a CNPJ may hold letters, all but its two check digits."""

_CARD_STARTS: Final[Mapping[int, str]] = {13: "4", 14: "3", 15: "3"}
"""First digits of the short cards, so that no phone of 13 digits is one; from 16 on, 2 to 6."""


def _is_card(digits: str) -> bool:
    return digits[0] in _CARD_STARTS.get(len(digits), "23456") and luhn.checksum(digits) == 0


_CHECKS: Final[Mapping[int, tuple[tuple[Kind, Callable[[str], bool]], ...]]] = {
    11: (("cpf", cpf.is_valid),),
    14: (("cnpj", cnpj.is_valid), ("card", _is_card)),
    **dict.fromkeys((13, 15, 16, 17, 18, _LONGEST), (("card", _is_card),)),
}
"""What a number of so many digits may be."""

AUTHORED: Final = frozenset(
    {"text", "caption", "filename", "title", "description", "body", "name", "address", "org"}
)
"""The keys of ``Message.content`` under which people's own words stand."""


def mask_text(text: str, kinds: Sequence[str]) -> str:
    """Replace each number of the given kinds by its name in brackets, such as ``[CPF]``."""
    digits = len(_DIGIT.findall(text)) if kinds else 0
    if digits >= SHORTEST:
        text = _RUN.sub(lambda run: _mask_run(run, kinds), text)
    if digits >= 2 and "cnpj" in kinds:
        text = _LETTERED_CNPJ.sub(
            lambda found: "[CNPJ]" if cnpj.is_valid(found[0]) else found[0], text
        )
    return text


def _mask_run(run: re.Match[str], kinds: Sequence[str]) -> str:
    text = run[0]
    places = [i for i, char in enumerate(text) if char.isdigit()]
    before = run.string[run.start() - 1 : run.start()] if run.start() else ""
    first = _PHONE_HEAD if before == "+" else 0
    parts: list[str] = []
    done = 0
    while found := _find(text, places, first, kinds):
        start, end, kind = found
        parts += text[done : places[start]], f"[{kind.upper()}]"
        done = places[end - 1] + 1
        first = end
    return "".join(parts) + text[done:]


def _find(
    text: str, places: Sequence[int], first: int, kinds: Sequence[str]
) -> tuple[int, int, Kind] | None:
    """Return the span of the run's first number, the longest that starts there, and its kind."""
    for start in range(first, len(places) - SHORTEST + 1):
        if start and places[start] == places[start - 1] + 1:
            continue  # amid a group of digits
        for end in range(min(start + _LONGEST, len(places)), start + SHORTEST - 1, -1):
            if end < len(places) and places[end] == places[end - 1] + 1:
                continue
            for kind, verify in _CHECKS.get(end - start, ()):
                if kind in kinds and verify("".join([text[at] for at in places[start:end]])):
                    return start, end, kind
    return None


def mask_content(content: Mapping[str, Any], kinds: Sequence[str]) -> Mapping[str, Any]:
    """Mask the words of people in a message's content; ids, phones and coordinates stay.

    The answers of a form are people's words, whatever their keys and types.
    """
    if not kinds:
        return content
    return dict(_masked_items(content, kinds))


def _masked_items(content: Mapping[str, Any], kinds: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if key == "data":
            yield key, _mask_all(value, kinds)
        elif key == "system":
            yield key, value  # WhatsApp's words, which name phones
        elif isinstance(value, str):
            yield key, mask_text(clean_text(value), kinds) if key in AUTHORED else value
        elif isinstance(value, Mapping):
            yield key, dict(_masked_items(value, kinds))
        elif isinstance(value, list | tuple):
            yield (
                key,
                [
                    dict(_masked_items(each, kinds)) if isinstance(each, Mapping) else each
                    for each in value
                ],
            )
        else:
            yield key, value


def _mask_all(value: Any, kinds: Sequence[str]) -> Any:
    """Mask everything below ``value``; a number that is one of the kinds becomes a text."""
    if isinstance(value, Mapping):
        return {key: _mask_all(each, kinds) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_mask_all(each, kinds) for each in value]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return value
    text = clean_text(str(value))  # first, so that nothing removed later joins two halves
    masked = mask_text(text, kinds)
    return value if masked == text else masked
