"""What a CRM said of a record it refused, without the words that people typed.

CRMs repeat in their sentences what they were sent: a name, a number, a piece of a chat. An operator
needs the sentence, and what is kept of an error must not hold the person: so every word that the
record holds too is left out, and everything that looks like a number of somebody's or an address.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from connector.model.record import FieldValue

_LONGEST: Final = 300
"""Characters that are kept of a sentence."""
_GAP: Final = "…"
_TAG: Final = re.compile(r"<[^>]*>")
_WORD: Final = re.compile(r"\w+")
_TOKEN: Final = re.compile(
    r"""\S*@\S+               # an address
      | \b\w*wamid\S*         # a message id, which holds a phone
      | \+?\d[\d\s().-]{3,}\d # a number as people write it
      | \w+""",
    re.VERBOSE,
)
_DIGIT: Final = re.compile(r"\d")
_MOST_DIGITS: Final = 4
_SHORT: Final = 3


def quote(said: str, fields: Mapping[str, FieldValue]) -> str:
    """Return at most 300 characters of ``said``; ``…`` stands for what the record holds too."""
    names = {word.casefold() for name in fields for word in (name, *_WORD.findall(name))}
    held = frozenset(_words(fields.values()))

    def keep(match: re.Match[str]) -> str:
        token = match[0]
        if token.casefold() in names:
            return token
        if "@" in token or "wamid" in token or len(_DIGIT.findall(token)) > _MOST_DIGITS:
            return _GAP
        return _GAP if (token if len(token) <= _SHORT else token.casefold()) in held else token

    kept = _TOKEN.sub(keep, " ".join(said.split())[: 4 * _LONGEST])
    kept = re.sub(rf"{_GAP}(?:\W*{_GAP})+", _GAP, kept)
    return kept if len(kept) <= _LONGEST else f"{kept[: _LONGEST - 1]}{_GAP}"


def _words(values: Iterable[FieldValue]) -> Iterator[str]:
    """Yield each word of the values; short ones only where they could be a name."""
    for value in values:
        if isinstance(value, Mapping):
            yield from _words(value.values())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield from _words(value)
        elif isinstance(value, str):
            for text in {value, html.unescape(_TAG.sub(" ", value))}:
                for word in _WORD.findall(text):
                    if len(word) > _SHORT:
                        yield word.casefold()
                    elif word[0].isupper():
                        yield word
