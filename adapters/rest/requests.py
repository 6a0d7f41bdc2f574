"""A request as a mapping describes it: read once, filled for each record."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from adapters.rest.names import WRITES, Verb
from adapters.rest.reading import Path, Reader, Table
from adapters.rest.values import Maker, Templates, UnwritableError
from connector.crm import CrmRejectedError
from connector.crm.templates import FAILURES, Bound, Roots, Vocabulary

_METHODS: Final[Mapping[Verb, str]] = {
    "find": "GET",
    "lookup": "GET",
    "read": "GET",
    "list": "GET",
    "ping": "GET",
    "create": "POST",
    "update": "PATCH",
    "put": "PUT",
    "delete": "DELETE",
    "setup": "PUT",
}
_ASKING: Final = ("GET", "POST", "SEARCH", "QUERY")
_WRITING: Final = ("POST", "PUT", "PATCH", "DELETE")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS: Final = frozenset(
    {"authorization", "connection", "content-length", "cookie", "host", "transfer-encoding"}
)
"""Headers that are not a mapping's to set: auth, and what frames a message."""

KEYS: Final = ("method", "path", "query", "headers", "body")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request, filled."""

    method: str
    path: str
    params: Mapping[str, str | list[str]] | None
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a mapping."""

    name: str
    """As people know it: ``contact.find``."""
    verb: Verb
    method: str
    path: Bound
    query: Mapping[str, Maker]
    headers: Mapping[str, Maker]
    body: Maker | None
    reads: frozenset[str]
    """The names that its templates read."""

    @property
    def writes(self) -> bool:
        """Whether it can change the CRM."""
        return self.verb in WRITES

    def reads_any(self, root: str) -> bool:
        """Say whether a template reads a name under this root."""
        return any(path.partition(".")[0] == root for path in self.reads)

    def fill_body(self, roots: Roots) -> Any:
        """Return the body alone. Raises ``CrmRejectedError`` where it cannot be written."""
        with self._refusing():
            return self.body(roots) if self.body else None

    def fill(self, roots: Roots) -> Prepared:
        """Fill the request. Raises ``CrmRejectedError`` where it cannot be written."""
        with self._refusing():
            return self._fill(roots)

    def _fill(self, roots: Roots) -> Prepared:
        params = {name: make(roots) for name, make in self.query.items()}
        headers = {name: make(roots) for name, make in self.headers.items()}
        return Prepared(
            self.method,
            self.path(roots),
            {name: value for name, value in params.items() if value is not None} or None,
            {name: value for name, value in headers.items() if value is not None},
            self.body(roots) if self.body else None,
        )

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except UnwritableError as error:
            reason = str(error)
        except FAILURES as error:
            reason = f"a template fails for this record ({type(error).__name__})"
        else:
            return
        raise CrmRejectedError(f"{self.name}: {reason}", code="unwritable")


def read_request(
    reader: Reader,
    path: Path,
    raw: object,
    *,
    verb: Verb,
    names: Vocabulary,
    others: Iterable[str] = (),
) -> tuple[Request, Table]:
    """Read a request; ``others`` are keys that say what to make of its answer.

    With a problem noted, what is returned is of no use.
    """
    table = reader.table(path, raw, (*KEYS, *others))
    templates = Templates(reader, names)
    methods = _WRITING if verb in WRITES else _ASKING
    place = reader.text(path, table, "path", required=bool(table), expected="a path below base_url")
    request = Request(
        name=".".join(str(part) for part in path if isinstance(part, str)),
        verb=verb,
        method=reader.word(path, table, "method", methods) or _METHODS[verb],
        path=templates.path((*path, "path"), place or "/"),
        query=_read_query(reader, path, table, templates),
        headers=_read_headers(reader, path, table, templates),
        body=templates.value((*path, "body"), table["body"]) if "body" in table else None,
        reads=frozenset(templates.reads),
    )
    return request, table


def _read_query(
    reader: Reader, path: Path, table: Table, templates: Templates
) -> Mapping[str, Maker]:
    raw = table.get("query", {})
    path = (*path, "query")
    if not isinstance(raw, dict):
        reader.complain(path, "is not a table", expected='such as { phone = "{{ phone.e164 }}" }')
        return {}
    return {name: templates.query((*path, name), each) for name, each in raw.items()}


def _read_headers(
    reader: Reader, path: Path, table: Table, templates: Templates
) -> Mapping[str, Maker]:
    raw = table.get("headers", {})
    path = (*path, "headers")
    if not isinstance(raw, dict):
        reader.complain(path, "is not a table", expected='such as { X-Database = "sales" }')
        return {}
    for name in raw:
        if not _HEADER.fullmatch(name):
            reader.complain((*path, name), "is not the name of a header")
        elif name.lower() in _OURS:
            reader.complain(
                (*path, name), "cannot be set here", expected="credentials in [auth], if that is it"
            )
    return {name: templates.header((*path, name), each) for name, each in raw.items()}
