"""What no text carries into a CRM: control characters, reordering marks, formulas in names."""

import re
from typing import Final

NAME_LENGTH: Final = 200

_LINE_END: Final = re.compile(r"\r\n?")
_UNWANTED: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1, but for tab and line feed
    r"\u202a-\u202e\u2066-\u2069"  # embeddings, overrides, isolates: text that reads as another
    r"\ud800-\udfff]"  # surrogates without their other half, which no encoding takes
)
_SPACES: Final = re.compile(r"\s+")
_FORMULA: Final = re.compile(r"[\s\u200b-\u200f\u2060\ufeff=+\-@＝＋－＠]+")  # noqa: RUF001 - meant


def clean_text(text: str) -> str:
    """Remove what can harm a reader or a database; line feeds and tabs stay, CR becomes LF."""
    if text.isprintable():  # no control, format or surrogate character at all: nearly every text
        return text
    return _UNWANTED.sub("", _LINE_END.sub("\n", text))


def clean_name(text: str) -> str:
    """Make a person's name fit for a CRM field that is exported to spreadsheets.

    One line, at most 200 characters, and nothing before it that would make it a formula.
    """
    line = _SPACES.sub(" ", clean_text(text))
    start = _FORMULA.match(line)
    return line[start.end() if start else 0 :][:NAME_LENGTH].rstrip()
