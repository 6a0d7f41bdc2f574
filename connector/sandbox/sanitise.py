"""Shows a body as a CRM would: the formatting it keeps, everything else as text."""

from collections.abc import Set as AbstractSet
from html import escape
from html.parser import HTMLParser
from typing import Final

_KEPT: Final = frozenset({"b", "br", "p", "i", "strong", "em", "a", "ul", "li"})
_EMPTY: Final = frozenset({"br"})
_SILENT: Final = frozenset({"script", "style", "template", "iframe", "object", "noscript"})
_SAFE_LINKS: Final = ("https://", "http://", "mailto:", "tel:")


def sanitise(html: str, kept: AbstractSet[str] = _KEPT) -> str:
    """Return HTML that holds no tag or attribute but harmless formatting, every tag closed."""
    cleaner = _Cleaner(kept)
    cleaner.feed(html)
    cleaner.close()
    return cleaner.result()


class _Cleaner(HTMLParser):
    def __init__(self, kept: AbstractSet[str]) -> None:
        super().__init__(convert_charrefs=True)
        self._kept = kept
        self._parts: list[str] = []
        self._open: list[str] = []
        self._silent = 0

    def result(self) -> str:
        closing = (f"</{tag}>" for tag in reversed(self._open))
        return "".join((*self._parts, *closing))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in self._kept and not self._silent:
            self._parts.append(f"<{tag}{_link(tag, attrs)}>")
            if tag not in _EMPTY:
                self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in self._open and not self._silent:
            while True:
                last = self._open.pop()
                self._parts.append(f"</{last}>")
                if last == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._parts.append(escape(data))


def _link(tag: str, attrs: list[tuple[str, str | None]]) -> str:
    if tag != "a":
        return ""
    target = (dict(attrs).get("href") or "").strip()
    if not target.lower().startswith(_SAFE_LINKS):
        return ""
    return f' href="{escape(target)}" rel="noopener noreferrer nofollow"'
