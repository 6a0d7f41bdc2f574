"""What Pipedrive keeps of HTML: simple formatting without attributes, no comments."""

from typing import Final

from connector.sandbox.sanitise import sanitise

KEPT: Final = frozenset(
    {"b", "strong", "i", "em", "u", "s", "br", "p", "div", "ul", "ol", "li", "a", "blockquote"}
)
"""Which tags it really keeps is not documented."""


def sanitise_note(html: str) -> str:
    """Return HTML as it is stored."""
    return sanitise(html, kept=KEPT)
