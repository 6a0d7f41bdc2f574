"""The dashboard in two languages.

A text is known by its English words. Some come ready-made from elsewhere, such as what to do about
a dead letter, with names and numbers put in; those are recognised by the pattern they were made
from, which is why a pattern has the same ``{holes}`` in both languages.
"""

import re
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from connector.web.dashboard.portuguese import ENGLISH, PORTUGUESE

Language = Literal["pt-BR", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("pt-BR", "en")
_HOLE: Final = re.compile(r"\{(\w+)\}")
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class Words:
    """One language, and the time zone in which times are told."""

    def __init__(self, language: Language, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone

    def __call__(self, text: str, **given: object) -> str:
        """Return a text of ours, with what is ``given`` put into its holes."""
        known = (PORTUGUESE if self.language == "pt-BR" else ENGLISH).get(text)
        if known is None:  # "delivery|in_flight": a state, after what it is of
            known = text.partition("|")[2].replace("_", " ") if "|" in text else text
        return known.format_map(given) if given else known

    def say(self, sentence: str | None) -> str:
        """Return a ready-made sentence; one that nobody has translated stays as it is."""
        if not sentence:
            return ""
        if self.language == "en":
            return sentence
        if sentence in PORTUGUESE:
            return PORTUGUESE[sentence]
        for pattern, translation in _patterns():
            match = pattern.fullmatch(sentence)
            if match:
                told = {name: self.say(part) for name, part in match.groupdict().items()}
                return translation.format_map(told)
        return sentence

    def time(self, moment: datetime | None) -> str:
        """Return a moment as a clock and a calendar show it."""
        if moment is None:
            return "—"
        form = "%d/%m/%Y %H:%M:%S" if self.language == "pt-BR" else "%Y-%m-%d %H:%M:%S"
        return moment.astimezone(self.zone).strftime(form)

    def clock(self, moment: datetime) -> str:
        """Return a moment's hour and minute."""
        return moment.astimezone(self.zone).strftime("%H:%M")

    def span(self, seconds: float | None) -> str:
        """Return a duration in at most two units."""
        if seconds is None:
            return "—"
        left, parts = round(seconds), []
        for unit, size in _UNITS:
            count, left = divmod(left, size)
            if count:
                parts.append(f"{count} {unit}")
        return " ".join(parts[:2]) or "0 s"

    def ago(self, moment: datetime | None, now: datetime) -> str:
        """Return how long ago a moment was, or how far ahead it is."""
        if moment is None:
            return self("never")
        passed = (now - moment) / timedelta(seconds=1)
        if abs(passed) < 1:
            return self("just now")
        text = "{span} ago" if passed > 0 else "in {span}"
        return self(text, span=self.span(abs(passed)))

    def number(self, value: float | None) -> str:
        """Return a number with its thousands apart, and one decimal where it is small."""
        if value is None:
            return "—"
        text = f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:,.1f}"
        return text if self.language == "en" else text.translate(_SWAPPED)

    def size(self, count: int | None) -> str:
        """Return bytes in GiB."""
        return "—" if count is None else f"{self.number(count / 2**30)} GiB"


_SWAPPED: Final = str.maketrans({",": ".", ".": ","})


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return what ready-made sentences are made from, the longest first."""
    return [
        (_compile(text), translation)
        for text, translation in sorted(PORTUGUESE.items(), key=lambda each: -len(each[0]))
        if _HOLE.search(text)
    ]


def _compile(text: str) -> re.Pattern[str]:
    parts = _HOLE.split(text)
    seen: set[str] = set()
    pattern = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            pattern += re.escape(part)
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            seen.add(part)
            pattern += f"(?P<{part}>.+?)"
    return re.compile(pattern, re.DOTALL)


def choose(asked: str | None, configured: str) -> Language:
    """Return the language a page was asked for, or the configured one."""
    for language in LANGUAGES:
        if asked == language:
            return language
    return "en" if configured == "en" else "pt-BR"


def holes(text: str) -> set[str]:
    """Return the names of a text's holes."""
    return set(_HOLE.findall(text))
