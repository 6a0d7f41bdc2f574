"""``[contact]`` and ``[message]``: the requests of a kind of record, and how it is kept single."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal

from adapters.rest.names import Kind, vocabulary
from adapters.rest.paging import Paging, read_paging
from adapters.rest.pointers import Pointer
from adapters.rest.reading import Path, Reader, Table
from adapters.rest.requests import Request, read_request
from adapters.rest.steps import Step, read_steps

Once = Literal["put", "header", "lookup", "none"]

_ONCE: Final = ("put", "header", "lookup", "none")
_MOST_FINDS: Final = 5
_KNOWN: Final[Mapping[Kind, tuple[str, ...]]] = {
    "contact": ("object", "key", "match", "on_many", "fields"),
    "message": ("object", "key", "granularity", "fields", "associate"),
}
_OURS: Final = (
    *("once", "on_doubt", "key_ttl"),
    *("find", "lookup", "read", "create", "update", "put", "delete", "list"),
)


@dataclass(frozen=True, slots=True)
class Search:
    """A request whose answer is a list of records."""

    request: Request
    records: Pointer
    id: Pointer
    paging: Paging
    phones: tuple[Pointer, ...] = ()
    marker: Pointer | None = None
    """Where a record carries our key."""
    created: Pointer | None = None
    """By what records are put in order of age, if not by their ids."""
    changed: Pointer | None = None
    record: Pointer = field(default_factory=lambda: Pointer(""))
    """Where a record's fields stand."""


@dataclass(frozen=True, slots=True)
class Read:
    """A request that reads one record by its id."""

    request: Request
    record: Pointer
    phones: tuple[Pointer, ...]
    """Within the record."""
    id: Pointer | None
    """Where the answer tells the record's id, another one than was asked after a merge."""


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of record."""

    kind: Kind
    object: str
    once: Once
    key_ttl: timedelta | None
    strong: bool
    """Whether a look-up that finds nothing proves that there is nothing."""
    finds: tuple[Search, ...]
    lookup: Search | None
    create: tuple[Step, ...]
    """What makes a record: one request, or several in order."""
    update: Step | None
    read: Read | None
    delete: Request | None
    list: Search | None

    @property
    def key_is_id(self) -> bool:
        """Whether our key is the CRM's id."""
        return any(step.key_is_id for step in self.create)

    @property
    def at_once(self) -> int:
        """How many records one write takes."""
        steps = [step for step in (*self.create[:1], self.update) if step is not None]
        return max((step.batch.most for step in steps if step.batch is not None), default=1)

    @property
    def replaced(self) -> bool:
        """Whether a change of a record replaces it whole."""
        return self.once == "put" and self.update is None


def read_section(reader: Reader, kind: Kind, raw: object) -> Section | None:
    """Read one section; ``None`` where it is of no use."""
    path: Path = (kind,)
    table = reader.table(path, raw, (*_KNOWN[kind], *_OURS))
    once: Any = reader.word(path, table, "once", _ONCE, required=True)
    fields = _names_of_fields(table)
    steps = read_steps(reader, kind, table, once=once, fields=fields)
    section = Section(
        kind=kind,
        object=str(table.get("object", "")),
        once=once or "none",
        key_ttl=_read_key_ttl(reader, path, table, once=once),
        strong=_read_strong(reader, path, table, once=once),
        finds=_read_finds(reader, kind, table),
        lookup=_read_search(reader, path, table, "lookup"),
        create=steps,
        update=_read_update(reader, kind, table, fields),
        read=_read_read(reader, path, table),
        delete=_read_delete(reader, path, table),
        list=_read_search(reader, path, table, "list"),
    )
    _check(reader, path, table, section)
    return section if once else None


def _names_of_fields(table: Table) -> tuple[str, ...]:
    names = tuple(str(name) for name in table.get("fields", ()))
    key = table.get("key")
    return (*names, key) if isinstance(key, str) else names


def _read_search(reader: Reader, path: Path, table: Table, verb: Any) -> Search | None:
    raw = table.get(verb)
    if raw is None:
        return None
    more = ("marker", "strong") if verb == "lookup" else ("marker", "changed", "record")
    return _search(reader, (*path, verb), raw, verb=verb, more=more)


def _search(reader: Reader, path: Path, raw: object, *, verb: Any, more: tuple[str, ...]) -> Search:
    kind: Any = path[0]
    request, table = read_request(
        reader,
        path,
        raw,
        verb=verb,
        names=vocabulary(kind, verb),
        others=("records", "id", "paging", *more),
    )
    wants_marker = verb == "lookup" and bool(table)
    return Search(
        request=request,
        records=reader.pointer(path, table, "records", at="") or Pointer(""),
        id=reader.pointer(path, table, "id", required=bool(table)) or Pointer(""),
        paging=read_paging(reader, path, table),
        phones=reader.pointers(path, table, "phones"),
        marker=reader.pointer(path, table, "marker", required=wants_marker),
        created=reader.pointer(path, table, "created"),
        changed=reader.pointer(path, table, "changed"),
        record=reader.pointer(path, table, "record", at="") or Pointer(""),
    )


def _read_finds(reader: Reader, kind: Kind, table: Table) -> tuple[Search, ...]:
    raw = reader.tables((kind, "find"), table.get("find"))
    if raw and kind == "message":
        reader.complain((kind, "find"), "is for contacts", expected="a [message.lookup]")
        return ()
    if len(raw) > _MOST_FINDS:
        reader.complain((kind, "find"), "are too many", expected=f"at most {_MOST_FINDS}")
    return tuple(
        _search(reader, path, each, verb="find", more=("phones", "created")) for path, each in raw
    )


def _read_update(reader: Reader, kind: Kind, table: Table, fields: tuple[str, ...]) -> Step | None:
    raw = table.get("update")
    if raw is None:
        return None
    names = vocabulary(kind, "update", fields=fields)
    return Step.read(reader, (kind, "update"), raw, verb="update", names=names)


def _read_read(reader: Reader, path: Path, table: Table) -> Read | None:
    raw = table.get("read")
    if raw is None:
        return None
    kind: Any = path[0]
    path = (*path, "read")
    request, read = read_request(
        reader,
        path,
        raw,
        verb="read",
        names=vocabulary(kind, "read"),
        others=("record", "phones", "id"),
    )
    return Read(
        request=request,
        record=reader.pointer(path, read, "record", at="") or Pointer(""),
        phones=reader.pointers(path, read, "phones"),
        id=reader.pointer(path, read, "id"),
    )


def _read_delete(reader: Reader, path: Path, table: Table) -> Request | None:
    raw = table.get("delete")
    if raw is None:
        return None
    kind: Any = path[0]
    names = vocabulary(kind, "delete")
    return read_request(reader, (*path, "delete"), raw, verb="delete", names=names)[0]


def _read_key_ttl(
    reader: Reader, path: Path, table: Table, *, once: str | None
) -> timedelta | None:
    found = reader.duration(path, table, "key_ttl", required=once == "header")
    if found is not None and once != "header":
        reader.complain((*path, "key_ttl"), "is for an idempotency key", expected='once = "header"')
    return found


def _read_strong(reader: Reader, path: Path, table: Table, *, once: str | None) -> bool:
    lookup = table.get("lookup")
    if not isinstance(lookup, dict) or once not in {"lookup", "header"}:
        return True
    strong = reader.flag((*path, "lookup"), lookup, "strong", required=True)
    if strong is False and table.get("on_doubt") == "repeat":
        reader.complain(
            (*path, "on_doubt"), "would double what the look-up misses", expected='"park"'
        )
    return strong is not False


def _check(reader: Reader, path: Path, table: Table, section: Section) -> None:
    """Note what the parts of a section lack of each other."""
    if section.once == "lookup" and section.lookup is None:
        reader.complain((*path, "lookup"), "is missing", expected='a table, for once = "lookup"')
    if table.get("on_doubt") == "repeat" and section.once != "none":
        reader.complain((*path, "on_doubt"), "is not needed", expected='"park", or once = "none"')
    has_phones = section.read is not None and bool(section.read.phones)
    for number, find in enumerate(section.finds):
        if not find.phones and not has_phones:
            where = (*path, "find", number) if isinstance(table["find"], list) else (*path, "find")
            reader.complain(
                (*where, "phones"),
                "is missing, so that nobody could tell a candidate from a stranger",
                expected=f"pointers to phones, here or in [{section.kind}.read]",
            )
        if not (find.request.reads_any("phone") or find.request.reads_any("phones")):
            where = (*path, "find", number) if isinstance(table["find"], list) else (*path, "find")
            reader.complain(where, "asks for no phone", expected="{{ phone.e164 }} somewhere in it")
    if section.lookup is not None and not section.lookup.request.reads:
        reader.complain((*path, "lookup"), "asks for everything", expected="{{ key }} in its query")
    if (
        table.get("granularity") == "conversation"
        and section.update is None
        and section.once != "put"
    ):
        reader.complain((*path, "update"), "is missing", expected="a table: a conversation grows")
