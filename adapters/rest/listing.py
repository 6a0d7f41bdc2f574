"""Records met in a sweep, out of the answers of ``[contact.list]`` and ``[message.list]``."""

from datetime import UTC, datetime
from typing import Any, Final

from adapters.rest.pointers import ABSENT, identity, texts_in
from adapters.rest.sections import Search, Section
from connector.crm import Listed

_MILLISECONDS_FROM: Final = 10**11


def listed(section: Section, search: Search, key: str | None, item: Any) -> Listed | None:
    """Return one record of a list; ``None`` for an item without an id."""
    crm_id = identity(search.id.of(item))
    if crm_id is None:
        return None
    fields = search.record.of(item)
    fields = fields if isinstance(fields, dict) else {}
    changed = None if search.changed is None else _read_time(search.changed.of(item))
    ours = _our_key(section, search, key, item, fields)
    return Listed(crm_id=crm_id, key=ours, fields=fields, changed_at=changed)


def _our_key(
    section: Section, search: Search, key: str | None, item: Any, fields: dict[str, Any]
) -> str | None:
    """Return our key where the record carries it: where the mapping says, or as its id."""
    marker = ABSENT if search.marker is None else search.marker.of(item)
    if marker is ABSENT and key is not None:
        marker = fields.get(key, ABSENT)
    if marker is ABSENT and section.key_is_id:
        marker = search.id.of(item)
    return None if marker is ABSENT else next(iter(texts_in(marker)), None)


def _read_time(value: Any) -> datetime | None:
    """Read a time as APIs write it: ISO 8601, or seconds or milliseconds since 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value >= _MILLISECONDS_FROM else value
            return datetime.fromtimestamp(seconds, UTC)
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
