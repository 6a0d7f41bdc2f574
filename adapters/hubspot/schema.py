"""What a HubSpot portal's properties are, and how the ones that carry our keys come to be."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from adapters.hubspot.calls import Calls, objects_in
from adapters.hubspot.errors import HubSpotRejectedError, Json
from adapters.hubspot.objects import kind_of, properties_path
from connector.crm import (
    Change,
    CrmAccessError,
    CrmObject,
    CrmUnavailableError,
    FieldInfo,
    FieldType,
)

_GROUP: Final = "whatsapp"
_TYPES: Final[Mapping[str, FieldType]] = {
    "bool": "bool",
    "date": "date",
    "datetime": "datetime",
    "number": "number",
}


class MissingKeyError(CrmAccessError):
    """The property that carries our key is not there, or cannot carry it."""

    def __init__(self, text: str) -> None:
        super().__init__(text, reason="setup", remedy="connector setup DESTINATION --apply")


async def describe(calls: Calls, kind: str) -> Mapping[str, FieldInfo]:
    """Return every property of a kind of record, by name."""
    answer = await calls.get(properties_path(kind), call=f"{kind}.describe")
    if not isinstance(answer.get("results"), list):
        raise CrmUnavailableError("HubSpot's list of properties does not have its form")
    body = kind_of(kind).body
    fields = (_read_property(each, body=body) for each in objects_in(answer.get("results")))
    return {field.name: field for field in fields}


def require_key(obj: CrmObject, fields: Mapping[str, FieldInfo]) -> None:
    """Raise ``MissingKeyError`` unless the property that carries our key is as it has to be.

    A contact's must be unique; a message's need not be, since a portal may refuse that.
    """
    if obj.key is None:
        if obj.kind == "contact":
            raise MissingKeyError(
                "the mapping names no key for contacts, and HubSpot cannot hold one without"
            )
        return
    field = fields.get(obj.key)
    if field is None:
        raise MissingKeyError(f"HubSpot has no property {obj.key} on {obj.name}")
    if obj.kind == "contact" and not field.unique:
        raise MissingKeyError(
            f"HubSpot's property {obj.key} on {obj.name} does not require unique values, which "
            "cannot be changed: name another in the mapping"
        )


async def set_up(calls: Calls, obj: CrmObject, *, apply: bool) -> Sequence[Change]:
    """Say what the key property of a kind of record lacks; with ``apply``, make it."""
    if obj.key is None:
        return []
    what = f"property {obj.key} on {obj.name}"
    found = await _find(calls, obj.name, obj.key)
    if found is not None:
        return [_judge(obj, what, found)]
    if not apply:
        return [Change(what, "wanted", "holds our key; its values are unique")]
    await _make_group(calls, obj.name)
    refusal = await _make(calls, obj, unique=True)
    if refusal is not None and obj.kind == "message":
        refusal = await _make(calls, obj, unique=False)
    found = await _find(calls, obj.name, obj.key)
    if found is None:
        return [Change(what, "refused", refusal or "HubSpot made it, and does not show it")]
    change = _judge(obj, what, found)
    state = "created" if change.state == "present" else change.state
    return [Change(what, state, change.detail)]


def _judge(obj: CrmObject, what: str, found: Json) -> Change:
    if found.get("hasUniqueValue"):
        return Change(what, "present")
    if obj.kind == "message":
        return Change(
            what,
            "present",
            "without unique values: a doubtful write is looked up before it is sent",
        )
    return Change(
        what, "refused", "exists without unique values, which cannot be changed: name another"
    )


async def _find(calls: Calls, kind: str, name: str) -> Json | None:
    try:
        return await calls.get(properties_path(kind, name), call=f"{kind}.property")
    except HubSpotRejectedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise


async def _make_group(calls: Calls, kind: str) -> None:
    body = {"name": _GROUP, "label": "WhatsApp"}
    try:
        await calls.create(properties_path(kind, "groups"), body, call=f"{kind}.group")
    except HubSpotRejectedError as error:
        if not error.trouble.clash:
            raise


async def _make(calls: Calls, obj: CrmObject, *, unique: bool) -> str | None:
    """Make the property; return why not, if HubSpot refuses. One that exists is looked at later."""
    body: dict[str, Any] = {
        "groupName": _GROUP,
        "name": obj.key,
        "label": f"WhatsApp {obj.kind} key",
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": unique,
    }
    try:
        await calls.create(properties_path(obj.name), body, call=f"{obj.name}.define")
    except HubSpotRejectedError as error:
        if not error.trouble.clash:
            return error.trouble.detail
    return None


def _read_property(each: Json, *, body: str | None) -> FieldInfo:
    name = str(each.get("name"))
    metadata = each.get("modificationMetadata")
    fixed = isinstance(metadata, dict) and metadata.get("readOnlyValue")
    options = tuple(str(option.get("value")) for option in objects_in(each.get("options")))
    return FieldInfo(
        name=name,
        label=str(each.get("label") or name),
        type="html" if name == body else _read_type(each),
        writable=not (fixed or each.get("calculated")),
        unique=bool(each.get("hasUniqueValue")),
        options=options if options and not each.get("externalOptions") else None,
    )


def _read_type(each: Json) -> FieldType:
    kind, shown = each.get("type"), each.get("fieldType")
    if shown == "html":
        return "html"
    if kind == "enumeration":
        if each.get("externalOptions"):
            return "text"
        return "options" if shown == "checkbox" else "option"
    return _TYPES.get(str(kind), "text")
