"""What people wrote as HTML for a CRM's timeline, with who wrote it."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from connector.template.html import BREAK, escaped

LIMIT: Final = 65_000
"""Characters of HTML that a body may have: HubSpot documents 65,536 for a note."""

_TEXT_LIMIT: Final = 10_000
"""Characters of text that fit in ``LIMIT`` even if each of them is escaped."""


def spoken(text: str, *, speaker: str) -> Markup:
    """Return a message for a timeline: who wrote it, and what.

    CRMs such as HubSpot have no field for the direction of a message, so the body says who speaks.
    A body that would be too long for a CRM is cut and ends in an ellipsis.
    """
    body = _line(text, speaker=speaker)
    if len(body) > LIMIT:
        body = _line(_cut(text), speaker=speaker)
    return Markup(f"<p>{body}</p>")  # noqa: S704 - every part is escaped


def transcript(lines: Sequence[tuple[str, str, str]], *, omitted: str) -> Markup:
    """Return a conversation, oldest line first, from its (time, speaker, text).

    Where the whole would be too long for a CRM the oldest lines make way for ``omitted``.
    """
    parts: list[str] = []
    length = len(omitted) + 100
    for time, speaker, text in reversed(lines):
        line = f"{escaped(time)} {_line(_cut(text), speaker=speaker)}"
        length += len(line) + len(BREAK)
        if length > LIMIT and parts:
            parts.append(f"<i>{escaped(omitted)}</i>")
            break
        parts.append(line)
    return Markup(f"<p>{BREAK.join(reversed(parts))}</p>")  # noqa: S704 - every part is escaped


def line_text(time: str, speaker: str, text: str) -> str:
    """Return the words of one line of a transcript."""
    return f"{time} {speaker}: {_cut(text)}"


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 1]}…"


def _line(text: str, *, speaker: str) -> str:
    return f"<b>{escaped(speaker)}</b>: {escaped(text)}"
