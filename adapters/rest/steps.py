"""Writes: one request, or up to three in order, for one record or for many at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.rest.names import Kind, Verb, vocabulary
from adapters.rest.pointers import Pointer
from adapters.rest.reading import Path, Reader, Table
from adapters.rest.requests import Request, read_request
from adapters.rest.values import Maker, Templates
from connector.crm.templates import Vocabulary

_MOST_STEPS: Final = 3
_LARGEST_BATCH: Final = 1_000
_REQUEST: Final = "request"
"""The ``id`` of a record whose id is our key."""
_RESULTS: Final = ("id", "conflict_id", "save", "batch")


@dataclass(frozen=True, slots=True)
class Batch:
    """How one write takes many records, and tells of each."""

    most: int
    results: Pointer
    id: Pointer
    key: Pointer | None
    """Where a result carries our key; without it, results come in the order of the records."""
    code: Pointer | None
    ok: str | int | bool | None
    item: Maker | None
    """What stands for a record in ``records``; ``None`` for its fields."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request that writes."""

    request: Request
    id: Pointer | None = None
    key_is_id: bool = False
    conflict_id: Pointer | None = None
    save: Mapping[str, Pointer] = field(default_factory=dict)
    batch: Batch | None = None

    @property
    def wants_answer(self) -> bool:
        """Whether anything is to be read from the answer."""
        return self.id is not None or bool(self.save) or self.batch is not None

    @classmethod
    def read(
        cls, reader: Reader, path: Path, raw: object, *, verb: Verb, names: Vocabulary
    ) -> "Step":
        """Read one step."""
        request, table = read_request(reader, path, raw, verb=verb, names=names, others=_RESULTS)
        key_is_id = table.get("id") == _REQUEST
        step = cls(
            request=request,
            id=None if key_is_id else reader.pointer(path, table, "id"),
            key_is_id=key_is_id,
            conflict_id=reader.pointer(path, table, "conflict_id"),
            save=_read_save(reader, path, table),
            batch=_read_batch(reader, path, table, names),
        )
        if (step.batch is not None) is not request.reads_any("records"):
            key = "body" if step.batch is not None else "batch"
            reader.complain((*path, key), "is missing", expected="{{ records }} with a batch table")
        elif step.batch is not None and request.reads - {"records"}:
            name = min(request.reads - {"records"})
            reader.complain(
                path, f"{name} is one record's, in a write of many", expected="it in batch.item"
            )
        return step


def read_steps(
    reader: Reader, kind: Kind, table: Table, *, once: str | None, fields: Iterable[str]
) -> tuple[Step, ...]:
    """Read what makes a record: ``put``, or the steps of ``create``."""
    verb: Any = "put" if once == "put" else "create"
    path: Path = (kind, verb)
    found = reader.tables(path, table.get(verb))
    if not found and once is not None:
        reader.complain(path, "is missing", expected=f'a table, for once = "{once}"')
    if len(found) > (1 if verb == "put" else _MOST_STEPS):
        reader.complain(path, "are too many requests", expected=f"at most {_MOST_STEPS} steps")
    steps: list[Step] = []
    saved: list[str] = []
    for number, (at, raw) in enumerate(found):
        names = vocabulary(kind, verb, fields=fields, saved=saved if number else None)
        step = Step.read(reader, at, raw, verb=verb, names=names)
        if number and step.batch is not None:
            reader.complain((*at, "batch"), "is for the only step")
        saved += step.save
        steps.append(step)
    _check(reader, path, steps, found, once=once)
    return tuple(steps)


def _check(
    reader: Reader,
    path: Path,
    steps: list[Step],
    found: list[tuple[Path, object]],
    *,
    once: str | None,
) -> None:
    tells_id = any(isinstance(raw, dict) and "id" in raw for _, raw in found)
    if steps and not tells_id and not any(step.batch for step in steps):
        reader.complain(
            (*found[0][0], "id"), "is missing", expected='a JSON Pointer, or "request" for our key'
        )
    if len(steps) > 1 and any(step.batch is not None for step in steps):
        reader.complain(path, "has steps and a batch", expected="one or the other")
    if once == "header" and steps:
        if "idempotency_key" not in steps[0].request.reads:
            reader.complain(
                (*found[0][0], "headers"),
                "lacks the idempotency key",
                expected='{ Idempotency-Key = "{{ idempotency_key }}" }',
            )
        if steps[0].batch is not None:
            reader.complain((*found[0][0], "batch"), "has no idempotency key of its own")
    elif steps and "idempotency_key" in steps[0].request.reads:
        reader.complain(
            (*found[0][0], "headers"), "has an idempotency key", expected='once = "header"'
        )


def _read_save(reader: Reader, path: Path, table: Table) -> Mapping[str, Pointer]:
    raw = table.get("save", {})
    path = (*path, "save")
    if not isinstance(raw, dict):
        reader.complain(path, "is not a table", expected='such as { note = "/id" }')
        return {}
    found = {name: reader.read_pointer((*path, name), each) for name, each in raw.items()}
    return {name: pointer for name, pointer in found.items() if pointer is not None}


def _read_batch(reader: Reader, path: Path, table: Table, names: Vocabulary) -> Batch | None:
    raw = table.get("batch")
    if raw is None:
        return None
    path = (*path, "batch")
    read = reader.table(path, raw, ("max", "results", "id", "key", "code", "ok", "item"))
    most = reader.number(path, read, "max")
    if most is None or most > _LARGEST_BATCH:
        reader.complain((*path, "max"), "is missing", expected=f"a number up to {_LARGEST_BATCH}")
    if ("code" in read) is not ("ok" in read):
        reader.complain(path, "needs both", expected='code = "/code" and ok = "SUCCESS"')
    item = None
    if "item" in read:
        own = {root: parts for root, parts in names.roots.items() if root != "records"}
        single = Vocabulary(own, names.where, names.elsewhere)
        item = Templates(reader, single).value((*path, "item"), read["item"])
    return Batch(
        most=most or 1,
        results=reader.pointer(path, read, "results", at="") or Pointer(""),
        id=reader.pointer(path, read, "id", required=True) or Pointer(""),
        key=reader.pointer(path, read, "key"),
        code=reader.pointer(path, read, "code"),
        ok=read.get("ok"),
        item=item,
    )
