"""Patterns over a CRM's words: a small part of regular expressions that always ends soon."""

import re
from typing import Final

LONGEST: Final = 1_000
"""Characters of an answer that are looked at."""
_LONGEST_PATTERN: Final = 200
_OPEN_ENDED: Final = 2
"""Repetitions without end in one pattern; a third could take a second of each answer."""
_ESCAPED: Final = re.compile(r"\\.|\[[^\]]*\]")


def read_pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern. Raises ``ValueError`` with what is wrong with it.

    A repeated group is refused: what it matches can be cut up in so many ways that a few words
    take for ever.
    """
    if len(text) > _LONGEST_PATTERN:
        raise ValueError(f"is longer than {_LONGEST_PATTERN} characters")
    bare = _ESCAPED.sub("x", text)
    if re.search(r"\)[*+{?]", bare):
        raise ValueError("repeats a group")
    if len(re.findall(r"[*+]|\{\d*,\}", bare)) > _OPEN_ENDED:
        raise ValueError(f"repeats more than {_OPEN_ENDED} things without end")
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"is not a pattern: {error}") from None


def matches(pattern: re.Pattern[str], text: str) -> bool:
    """Say whether a pattern is found in the beginning of a text."""
    return pattern.search(text[:LONGEST]) is not None
