"""From the bytes of a webhook to events. Pure: no clock, no configuration, no ledger.

Every entry, change and element is walked. What is not understood is kept, by reason and place,
and never stops what stands beside it.
"""

from typing import Any

from connector.errors import PayloadError
from connector.model.events import Parsed
from connector.record.change import Change, harmless
from connector.record.fields import FIELDS
from connector.record.payload import identifier, instant, load


def parse(body: bytes) -> Parsed:
    """Return what a webhook says."""
    try:
        root = load(body)
    except PayloadError as error:
        return Parsed(error=str(error))
    entries = root.get("entry") if isinstance(root, dict) else None
    if not isinstance(entries, list):
        return Parsed(error="the body holds no entries")
    parsed = Parsed()
    for entry in entries:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            parsed.keep("unparsable", "entry", "entry/changes")
            continue
        for change in changes:
            _read_change(entry, change, parsed)
    return parsed


def _read_change(entry: dict[str, Any], change: object, parsed: Parsed) -> None:
    field = change.get("field") if isinstance(change, dict) else None
    value = change.get("value") if isinstance(change, dict) else None
    if not isinstance(field, str) or not field:
        parsed.keep("unparsable", "entry", "entry/field")
        return
    read = FIELDS.get(field)
    if read is None:
        parsed.keep("unknown", harmless(field), harmless(field))
        return
    if not isinstance(value, dict):
        parsed.keep("unparsable", field, f"{field}/value")
        return
    read(
        Change(
            field=field,
            value=value,
            waba_id=identifier(entry.get("id")),
            at=instant(entry.get("time")),
            parsed=parsed,
        )
    )
