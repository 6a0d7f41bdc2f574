"""Pages: where the next one is, by five ways in which APIs say it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx

from adapters.rest.pointers import Pointer, identity
from adapters.rest.reading import Path, Reader
from connector.crm import CrmAccessError, payload
from connector.crm.templates import Roots

Kind = Literal["none", "page", "offset", "cursor", "next_url", "link_header"]

_KINDS: Final = ("none", "page", "offset", "cursor", "next_url", "link_header")
_LINK: Final = re.compile(r"<([^>]*)>((?:\s*;[^,<]*)*)")
_NEXT: Final = re.compile(r";\s*rel\s*=\s*\"?[^\";]*\bnext\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paging:
    """How one request's answer goes on."""

    kind: Kind = "none"
    pointer: Pointer | None = None
    """Where the answer tells the next URL or cursor."""
    header: str = "Link"
    name: str | None = None
    """The query parameter of the page, offset or cursor; without it, templates use ``page``."""
    size: int | None = None
    size_name: str | None = None
    first: int = 1
    """The number of the first page."""

    def roots(self, cursor: str | None) -> Roots:
        """Return what templates may read of ``page``."""
        number = int(cursor) if self.kind == "page" and cursor else self.first
        offset = int(cursor) if self.kind == "offset" and cursor else 0
        return {
            "number": number,
            "offset": offset,
            "size": self.size,
            "cursor": cursor if self.kind == "cursor" else None,
        }

    def params(self, cursor: str | None) -> Mapping[str, str]:
        """Return the query parameters of a page."""
        found: dict[str, str] = {}
        if self.size_name and self.size:
            found[self.size_name] = str(self.size)
        if self.name and self.kind in {"page", "offset"}:
            roots = self.roots(cursor)
            found[self.name] = str(roots["number" if self.kind == "page" else "offset"])
        elif self.name and self.kind == "cursor" and cursor:
            found[self.name] = cursor
        return found

    def address(self, cursor: str | None) -> str | None:
        """Return the path and query of a page that an answer named, if it did."""
        return cursor if self.kind in {"next_url", "link_header"} else None

    def next(
        self,
        response: httpx.Response,
        cursor: str | None,
        found: int,
        *,
        below: str,
        without: str | None = None,
    ) -> str | None:
        """Return the cursor of the page after this one, which held ``found`` records.

        ``below`` is the address of the API, ``without`` a query parameter to drop: a secret. Raises
        ``CrmAccessError`` for a page somewhere else.
        """
        match self.kind:
            case "none":
                return None
            case "page" | "offset":
                if not found or (self.size is not None and found < self.size):
                    return None
                now = self.roots(cursor)
                step = now["number"] + 1 if self.kind == "page" else now["offset"] + found
                return str(step)
            case "cursor":
                told = None if self.pointer is None else self.pointer.of(payload(response))
                return identity(told)
            case "next_url":
                told = None if self.pointer is None else self.pointer.of(payload(response))
                return _local(told, response, below, without) if isinstance(told, str) else None
            case "link_header":
                told = _next_link(response.headers.get(self.header, ""))
                return _local(told, response, below, without) if told else None


def _next_link(header: str) -> str | None:
    """Return the URL of ``rel="next"``, or a header that is nothing but a URL."""
    links = _LINK.findall(header)
    if not links:
        return header.strip() or None
    return next((url for url, parameters in links if _NEXT.search(parameters)), None)


def _local(url: str, response: httpx.Response, below: str, without: str | None) -> str | None:
    """Return path and query of a URL below the API's address.

    The host has to be the API's. Scheme and port are not looked at: an API behind a proxy often
    does not know its own, and the page is asked of the address in the configuration anyway.
    """
    if not url.strip():
        return None
    try:
        target = urlsplit(urljoin(str(response.request.url), url.strip()))
        base = urlsplit(below)
        same = target.hostname == base.hostname
    except ValueError:
        same = False
    if not same or not target.path.startswith(base.path):
        raise CrmAccessError(
            "the CRM says that the next page is on another host or path, which is not followed",
            reason="setup",
        )
    query = target.query
    if without is not None:
        pairs = parse_qsl(query, keep_blank_values=True)
        query = urlencode([pair for pair in pairs if pair[0] != without])
    return target.path[len(base.path) :] + (f"?{query}" if query else "")


def read_paging(reader: Reader, path: Path, table: Mapping[str, Any]) -> Paging:
    """Read the ``paging`` of a request, if it has one."""
    raw = table.get("paging")
    if raw is None:
        return Paging()
    path = (*path, "paging")
    known = ("kind", "pointer", "header", "name", "size", "size_name", "first")
    read = reader.table(path, raw, known)
    kind: Any = reader.word(path, read, "kind", _KINDS, required=True) or "none"
    wants_pointer = kind in {"cursor", "next_url"}
    first = reader.number(path, read, "first", least=0)
    paging = Paging(
        kind=kind,
        pointer=reader.pointer(path, read, "pointer", required=wants_pointer),
        header=reader.text(path, read, "header") or "Link",
        name=reader.text(path, read, "name"),
        size=reader.number(path, read, "size"),
        size_name=reader.text(path, read, "size_name"),
        first=1 if first is None else first,
    )
    if (paging.size_name or kind in {"page", "offset"}) and not paging.size:
        reader.complain((*path, "size"), "is missing", expected="records on a page")
    return paging
