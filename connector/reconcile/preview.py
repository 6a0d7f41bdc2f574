"""What writing records would change in a CRM, field by field, and what it would cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connector.config.units import Rate
from connector.model.record import CrmObject, JsonScalar, Limits, RecordKind
from connector.reconcile.account import Account
from connector.reconcile.comparing import Draft
from connector.reconcile.courtesy import Courtesy
from connector.reconcile.drift import is_same_value
from connector.reconcile.reading import read_fields

_BATCH: Final = 100
"""Records that one writing call takes at the most, as far as calls are estimated."""
Writes = Counter[str]
"""How many records are to be written, by ``<record>.<create|update>``."""


async def preview(
    courtesy: Courtesy, account: Account, drafts: Sequence[Draft]
) -> list[dict[str, Any]]:
    """Return the items of ``resync --dry-run --json``; what is now is read from the CRM."""
    current: dict[tuple[str, str], Mapping[str, JsonScalar]] = {}
    for record in dict.fromkeys(each.row.record for each in drafts):
        updates = [each for each in drafts if each.row.record == record and each.action == "update"]
        names = sorted({name for each in updates for name in each.rendered.fields})
        crm_ids = [str(each.row.crm_id) for each in updates]
        read = await read_fields(courtesy, account, record, crm_ids, names) if updates else {}
        current |= {(record, crm_id): values for crm_id, values in read.items()}
    return [
        {
            "record": each.row.record,
            "key": each.row.marker,
            "action": each.action,
            "fields": _changes(each, current.get((each.row.record, str(each.row.crm_id)))),
        }
        for each in drafts
    ]


def _changes(draft: Draft, current: Mapping[str, JsonScalar] | None) -> dict[str, Any]:
    """Return the fields that would read differently, with what they say now and would say."""
    if draft.action == "create":
        values, now = draft.rendered.for_create(), {}
    else:
        now = dict(current or {})
        values = draft.rendered.for_update(now)
    return {
        name: {"before": now.get(name), "after": spell(value)}
        for name, value in sorted(values.items())
        if not is_same_value(value, now.get(name), key=draft.row.marker)
    }


def spell(value: Any) -> Any:
    """Return a field's value as JSON has it: a time in RFC 3339, everything else as it is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): spell(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [spell(each) for each in value]
    return str(value) if isinstance(value, str) else value


def count_writes(drafts: Sequence[Draft]) -> Writes:
    """Count what is to be written."""
    return Counter(f"{each.row.record}.{each.action}" for each in drafts)


def estimate_calls(writes: Writes, account: Account) -> int:
    """Estimate the calls that writes take when each finds company.

    A contact that is new is looked for first, and one that is updated is read for what people
    filled in.
    """
    limits, calls = account.limits, 0
    for what, count in writes.items():
        kind, _, action = what.partition(".")
        record: RecordKind = "contact" if kind == "contact" else account.record
        calls += _batches(count, _size(limits, account.object_of(record)))
        if kind == "contact":
            calls += _batches(
                count, min(limits.find if action == "create" else limits.read, _BATCH)
            )
    return calls


def _size(limits: Limits, obj: CrmObject) -> int:
    return min(limits.upsert[obj.name], _BATCH)


def _batches(count: int, size: int) -> int:
    return -(-count // max(size, 1))


def estimate_seconds(calls: int, rate: Rate) -> float:
    """Estimate how long so many calls take at the account's rate, if nothing else is going on."""
    return round(calls * rate.per.total_seconds() / rate.requests, 1)
