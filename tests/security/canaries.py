"""One text in every form in which it might slip through a net that looks for the plain one."""

import base64
import html
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

_SHORTEST: Final = 7
"""Letters from which a form can not stand in a text by chance."""


def forms(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each form of a text, and the form."""
    raw = text.encode()
    found = {
        "plain": text,
        "upper case": text.upper(),
        "reversed": text[::-1],
        "in an address": quote(text, safe=""),
        "in an address, twice": quote(quote(text, safe=""), safe=""),
        "in a form": quote_plus(text),
        "in hex": raw.hex(),
        "in upper-case hex": raw.hex().upper(),
        "in hex of UTF-16": text.encode("utf-16-le").hex(),
        "in JSON": json.dumps(text)[1:-1],
        "in JSON, twice": json.dumps(json.dumps(text)[1:-1])[1:-1],
        "in HTML": html.escape(text),
        "in HTML as numbers": "".join(f"&#{ord(letter)};" for letter in text),
        "as Python writes it": repr(text)[1:-1],
        "as Python writes its bytes": repr(raw)[2:-1],
        "each letter apart": " ".join(text),
        "a null after each": "\0".join(text),
    }
    for offset in range(3):
        packed = base64.b64encode(b"\0" * offset + raw).decode()
        # what the letters beside it decide is left out
        inner = packed[(0, 2, 3)[offset] :].rstrip("=")[: -1 or None]
        found[f"in base64 at {offset}"] = inner
        found[f"in base64 of addresses at {offset}"] = inner.translate(str.maketrans("+/", "-_"))
    yield from ((name, form) for name, form in found.items() if len(form) >= _SHORTEST)


def phone_forms(digits: str) -> Iterator[tuple[str, str]]:
    """Yield the ways in which people and programs write a Brazilian mobile's digits, too."""
    country, area, number = digits[:2], digits[2:4], digits[4:]
    head, tail = number[:-4], number[-4:]
    for written in (
        digits,
        f"+{digits}",
        digits[2:],
        number,
        f"+{country} {area} {head}-{tail}",
        f"({area}) {head}-{tail}",
        f"{area} {head} {tail}",
        f"{head}-{tail}",
        f"{head} {tail}",
        f"+{country}.{area}.{head}.{tail}",
    ):
        for name, form in forms(written):
            yield f"{written} {name}", form


def found_in(told: str, wanted: Iterator[tuple[str, str]]) -> set[str]:
    """Return the names of the forms that stand in what was told."""
    return {name for name, form in wanted if form in told}


def without_times(told: str) -> str:
    """Leave out what is as long as a phone and told on purpose: moments and ids of processes."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+Z?", "", told)
