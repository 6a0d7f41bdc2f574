"""Text becoming HTML, so that nothing a person wrote is a tag; and back."""

import re
from html import unescape
from typing import Final

from markupsafe import Markup, escape

from connector.template.clean import clean_text

BREAK: Final = "<br>"
_TAG: Final = re.compile(r"<[^<>]*>")


def escaped(text: str) -> str:
    """Escape a text and keep its line breaks."""
    return str.replace(escape(clean_text(text)), "\n", BREAK)


def text_as_html(text: str) -> Markup:
    """Escape a text and keep its line breaks."""
    return Markup(escaped(text))  # noqa: S704 - escaped


def html_as_text(html: Markup) -> str:
    """Return the words of our own HTML, with its line breaks."""
    return unescape(_TAG.sub("", str(html).replace(BREAK, "\n")))
