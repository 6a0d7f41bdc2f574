"""Records out of HubSpot, by the ids we know them by, which a merge may have ended."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from adapters.hubspot.calls import Calls
from adapters.hubspot.errors import HubSpotRejectedError, Json
from adapters.hubspot.objects import records_path
from connector.crm import JsonScalar

_MERGED: Final = "hs_merged_object_ids"


async def read_records(
    calls: Calls, kind: str, crm_ids: Sequence[str], fields: Sequence[str]
) -> Mapping[str, Mapping[str, JsonScalar]]:
    """Return the named properties of the records that exist, by the id that was asked.

    Where a merge gave a record another id, its properties hold that under ``crm_id``.
    """
    answer = await calls.read(kind, crm_ids, [*fields, _MERGED])
    current: dict[str, Json] = {}
    former: dict[str, Json] = {}
    for result in answer.results:
        current[str(result.get("id"))] = result
        merged = str((result.get("properties") or {}).get(_MERGED) or "")
        former.update(dict.fromkeys(filter(None, merged.split(";")), result))
    missing = {each for trouble in answer.troubles for each in trouble.ids}
    found: dict[str, Mapping[str, JsonScalar]] = {}
    for asked in dict.fromkeys(crm_ids):
        record = current.get(asked) or former.get(asked)
        if record is None and asked not in missing:
            record = await _read_one(calls, kind, asked, fields)
        if record is not None:
            found[asked] = _pick(record, asked, fields)
    return found


async def _read_one(calls: Calls, kind: str, crm_id: str, fields: Sequence[str]) -> Json | None:
    """Read a record of which a batch said nothing."""
    try:
        return await calls.get(
            records_path(kind, crm_id),
            call=f"{kind}.read_one",
            params={"properties": ",".join(fields)},
        )
    except HubSpotRejectedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise


def _pick(record: Json, asked: str, fields: Sequence[str]) -> Mapping[str, JsonScalar]:
    properties: Mapping[str, Any] = record.get("properties") or {}
    picked: dict[str, JsonScalar] = {name: properties.get(name) for name in fields}
    crm_id = str(record.get("id"))
    if crm_id != asked:
        picked["crm_id"] = crm_id
    return picked
