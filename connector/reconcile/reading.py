"""Reading records back by their ids, as many as there are."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeVar

from connector.model.record import JsonScalar, RecordKind
from connector.reconcile.account import Account
from connector.reconcile.courtesy import Courtesy
from connector.reconcile.drift import compared_fields

T = TypeVar("T")
Values = dict[str, JsonScalar]


def mapped_fields(account: Account, record: RecordKind) -> tuple[str, ...]:
    """Return every field that the mapping writes into a kind of record."""
    mapping = account.renderer.mapping
    part = mapping.contact if record == "contact" else mapping.message
    return tuple(sorted(part.fields))


def own_fields(account: Account, record: RecordKind) -> tuple[str, ...]:
    """Return the fields that are ours to keep."""
    mapping = account.renderer.mapping
    part = mapping.contact if record == "contact" else mapping.message
    return compared_fields(part.fields)


async def read_fields(
    courtesy: Courtesy,
    account: Account,
    record: RecordKind,
    crm_ids: Sequence[str],
    names: Sequence[str],
) -> dict[str, Values]:
    """Return these fields of the records that exist, by the id that was asked."""
    obj, found = account.object_of(record), dict[str, Values]()
    for some in slices(list(dict.fromkeys(crm_ids)), account.limits.read):
        read = partial(account.adapter.read, obj, some, names)
        found |= {crm_id: dict(values) for crm_id, values in (await courtesy.ask(read)).items()}
    return found


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield items by so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
