"""Lists of v2: filters, order, and cursors; and v1's pages by offset."""

import base64
import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from connector.sandbox.pipedrive import inputs
from connector.sandbox.pipedrive.answers import bad_request
from connector.sandbox.pipedrive.store import Position, Query, SortField, Store, Stored

MOST: Final = 500
_DEFAULT: Final = 100
_MOST_IDS: Final = 100

_ORDERED: Final = {"updated_since", "updated_until", "sort_by", "sort_direction", "limit", "cursor"}
_NUMBERS: Final = {"owner_id", "org_id", "deal_id", "pipeline_id", "stage_id"}


def list_records(
    store: Store,
    kind: str,
    query: Mapping[str, str],
    *,
    filters: Collection[str],
    sorts: Collection[str] = ("id", "update_time", "add_time"),
    also: Collection[str] = (),
) -> tuple[list[Stored], str | None]:
    """Return one page of live records and the cursor of the next.

    ``filters`` are the parameters that choose records, ``also`` those that shape them.
    """
    refuse_unknown(query, {*_ORDERED, *filters, *also})
    limit = _read_limit(query)
    sort_by: Any = query.get("sort_by", "id")
    direction = query.get("sort_direction", "asc")
    if sort_by not in sorts or direction not in {"asc", "desc"}:
        raise bad_request("Validation failed: sort_by or sort_direction")
    descending = direction == "desc"
    asked = Query(
        ids=_read_ids(query),
        person=_read_number(query, "person_id"),
        updated_since=_read_moment(query, "updated_since"),
        updated_until=_read_moment(query, "updated_until"),
        matches=_read_matches(query),
        sort_by=sort_by,
        descending=descending,
        start=_read_cursor(query.get("cursor"), sort_by, direction),
    )
    records = store.live(kind, asked, limit + 1)
    following = records[limit] if len(records) > limit else None
    cursor = None if following is None else _write_cursor(following, sort_by, direction)
    return records[:limit], cursor


def read_page(query: Mapping[str, str]) -> tuple[int, int]:
    """Return offset and length of a page of something that is not in the store."""
    refuse_unknown(query, {"limit", "cursor", "include_fields"})
    cursor = query.get("cursor", "0")
    if not (cursor.isascii() and cursor.isdigit()):
        raise bad_request("Validation failed: cursor")
    return int(cursor), _read_limit(query)


def refuse_unknown(query: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse a call with a parameter that it does not have."""
    unknown = sorted(query.keys() - set(known))
    if unknown:
        raise bad_request(f"Validation failed: {unknown[0]}: parameter is not allowed")


def read_flag(query: Mapping[str, str], name: str) -> bool | None:
    """Return a boolean parameter."""
    written = query.get(name)
    if written not in {None, "true", "false"}:
        raise bad_request(f"Validation failed: {name}: expected true or false")
    return None if written is None else written == "true"


def _read_limit(query: Mapping[str, str]) -> int:
    written = query.get("limit", str(_DEFAULT))
    if not (written.isascii() and written.isdigit() and 1 <= int(written) <= MOST):
        raise bad_request(f"Validation failed: limit: expected 1 to {MOST}")
    return int(written)


def _read_number(query: Mapping[str, str], name: str) -> int | None:
    written = query.get(name)
    if written is None:
        return None
    if not (written.isascii() and written.isdigit() and len(written) < 19):
        raise bad_request(f"Validation failed: {name}: expected integer")
    return int(written)


def _read_ids(query: Mapping[str, str]) -> Sequence[int] | None:
    written = query.get("ids")
    if written is None:
        return None
    parts = written.split(",")
    if len(parts) > _MOST_IDS or not all(part.isascii() and part.isdigit() for part in parts):
        raise bad_request(f"Validation failed: ids: up to {_MOST_IDS} integers")
    return [int(part) for part in parts]


def _read_moment(query: Mapping[str, str], name: str) -> int | None:
    return inputs.moment(query[name], name) if name in query else None


def _read_matches(query: Mapping[str, str]) -> Mapping[str, Any]:
    matches: dict[str, Any] = {}
    for name in _NUMBERS & query.keys():
        matches[name] = _read_number(query, name)
    if "status" in query:
        matches["status"] = query["status"]
    if (done := read_flag(query, "done")) is not None:
        matches["done"] = done
    return matches


def _write_cursor(record: Stored, sort_by: SortField, direction: str) -> str:
    value: int | str
    match sort_by:
        case "id":
            value = record.id
        case "update_time":
            value = record.updated
        case "add_time":
            value = record.added
        case "due_date":
            value = record.due
    parts = {"field": sort_by, "fieldValue": value, "sortDirection": direction, "id": record.id}
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None, sort_by: SortField, direction: str) -> Position | None:
    if cursor is None:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        fits = (parts["field"], parts["sortDirection"]) == (sort_by, direction)
        position = Position(parts["fieldValue"], parts["id"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise bad_request("Validation failed: cursor") from None
    if not fits:
        raise bad_request("Validation failed: cursor belongs to another order")
    return position
