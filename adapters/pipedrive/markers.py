"""Our mark in what has no field for our key: an activity's subject, a note's text.

It is visible text, because comments and attributes may not survive Pipedrive's sanitising. It comes
from the key alone, so that whoever looks for a record knows what to look for: it is the end of it,
80 random bits, by which a sweep knows whose record it met.
"""

import re
from base64 import b32encode
from hashlib import sha256
from typing import Final

SUBJECT_LIMIT: Final = 255
"""Characters of a subject, as of every short text in Pipedrive."""

_CODE: Final = re.compile(r"[a-z2-7]{16}")
_MARK: Final = re.compile(rf"⟦wa·({_CODE.pattern})⟧")
_IN_SUBJECT: Final = re.compile(rf"\s*{_MARK.pattern}")
_PARAGRAPH: Final = re.compile(rf"<p>{_MARK.pattern}</p>")
_UNNAMED: Final = "WhatsApp"


def code_of(key: str) -> str:
    """Return the 16 characters of base32 that stand for a key: its last, if they are of base32."""
    end = key[-16:]
    if _CODE.fullmatch(end):
        return end
    return b32encode(sha256(key.encode()).digest()).decode("ascii")[:16].lower()


def mark_subject(subject: str, key: str) -> str:
    """Return a subject with our mark, cut so that the mark fits."""
    mark = f" ⟦wa·{code_of(key)}⟧"
    words = _IN_SUBJECT.sub("", subject).strip() or _UNNAMED
    return words[: SUBJECT_LIMIT - len(mark)].rstrip() + mark


def mark_text(html: str, key: str) -> str:
    """Return a text with our mark in a paragraph of its own at the end."""
    return f"{without_marks(html)}<p>⟦wa·{code_of(key)}⟧</p>"


def marks_in(text: object) -> frozenset[str]:
    """Return the codes of every mark in a text; somebody may have copied one."""
    return frozenset(_MARK.findall(text)) if isinstance(text, str) else frozenset()


def without_marks(text: str) -> str:
    """Return what a mapping wrote, without our mark."""
    return _IN_SUBJECT.sub("", _PARAGRAPH.sub("", text))
