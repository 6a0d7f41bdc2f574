"""Conversations whose record in the CRM says more than a restored ledger knows. Pure.

A conversation's text is written whole each time. After a restore that would wipe out the lines that
were written since the backup and that nobody sends again. So what the CRM holds is compared with
what would be written, line by line, whatever the CRM made of the HTML around them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Final

from connector.mapping.rendered import Rendered
from connector.model.record import JsonScalar

_TAG: Final = re.compile(r"<[^<>]*>")
_MARKER: Final = re.compile(r"⟦wa·[^⟧]*⟧")
_TAKEN: Final = "\0"


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a text in the CRM has to do with what would be written over it."""

    more: bool
    """Whether it says something that would be lost."""
    missing: tuple[int, ...]
    """The places of the lines that it does not say."""


def carrier(rendered: Rendered, lines: Sequence[str]) -> str | None:
    """Return the name of the field that holds every line; ``None`` if the mapping has none."""
    squeezed = [_squeeze(line) for line in lines]
    for name, value in rendered.fields.items():
        if isinstance(value, str):
            text = _squeeze(_plain(value))
            if all(line in text for line in squeezed):
                return name
    return None


def overlap(held: JsonScalar, wanted: str, lines: Sequence[str]) -> Overlap:
    """Compare a field's value in the CRM with the one that is wanted; both hold lines, as HTML."""
    squeezed = [_squeeze(line) for line in lines]
    rest, missing = _take(_squeeze(_plain(str(held or ""))), squeezed)
    frame, _ = _take(_squeeze(_plain(wanted)), squeezed)
    rest, _ = _take(rest, [part for part in frame.split(_TAKEN) if part])
    return Overlap(more=bool(rest.replace(_TAKEN, "")), missing=tuple(sorted(missing)))


def _take(text: str, parts: Sequence[str]) -> tuple[str, list[int]]:
    """Take each part out of a text once, the longest first; return what is left, and who lacks."""
    lacking: list[int] = []
    for place in _longest_first(parts):
        if parts[place] in text:
            text = text.replace(parts[place], _TAKEN, 1)
        else:
            lacking.append(place)
    return text, lacking


def _longest_first(parts: Sequence[str]) -> Iterable[int]:
    return sorted(range(len(parts)), key=lambda place: -len(parts[place]))


def _plain(html: str) -> str:
    return _MARKER.sub("", unescape(_TAG.sub(" ", html)))


def _squeeze(text: str) -> str:
    """Leave out blanks: a CRM may make one of two, or none where a tag was."""
    return "".join(text.split())
