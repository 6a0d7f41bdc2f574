"""The calls on definitions: properties and their groups."""

import re
from collections.abc import Mapping
from typing import Any, Final

from connector.sandbox.hubspot.built_in import Property
from connector.sandbox.hubspot.inputs import Json, read_inputs, read_object, read_text
from connector.sandbox.hubspot.object_types import ObjectType
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.refusals import Answer, bad_request, not_found, refusal

_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "bool": frozenset({"booleancheckbox", "calculation_equation"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
    "enumeration": frozenset({"booleancheckbox", "checkbox", "radio", "select"}),
    "number": frozenset({"number", "calculation_equation"}),
    "phone_number": frozenset({"phonenumber"}),
    "string": frozenset({"file", "html", "phonenumber", "text", "textarea"}),
}
"""Field types that each type may be shown as."""

_REQUIRED: Final = frozenset({"groupName", "name", "label", "type", "fieldType"})
_OPTIONAL: Final = frozenset(
    {
        "description",
        "options",
        "displayOrder",
        "hasUniqueValue",
        "hidden",
        "formField",
        "externalOptions",
        "calculationFormula",
        "dataSensitivity",
    }
)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")


def list_properties(portal: Portal, kind: ObjectType) -> Answer:
    """Return every live property of an object type."""
    definitions = portal.definitions.of(kind.name)
    return Answer(200, {"results": [each.to_json() for each in definitions.values()]})


def read_property(portal: Portal, kind: ObjectType, name: str) -> Answer:
    """Return one property."""
    return Answer(200, _find(portal, kind, name).to_json())


def create_property(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Make a property. An archived one of that name comes back as it was."""
    definition = _read_definition(portal, kind, body)
    if definition.name in portal.definitions.of(kind.name):
        raise refusal(
            409,
            "OBJECT_ALREADY_EXISTS",
            f"A property named '{definition.name}' already exists.",
            sub_category="Properties.PROPERTY_WITH_NAME_EXISTS",
        )
    return Answer(201, portal.definitions.create(kind.name, definition).to_json())


def create_properties(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Make several properties, or none if one of them cannot be made."""
    inputs = read_inputs(body, most=100, allowed=_REQUIRED | _OPTIONAL, required=_REQUIRED)
    definitions = [_read_definition(portal, kind, each) for each in inputs]
    for each in definitions:
        if each.name in portal.definitions.of(kind.name):
            raise bad_request(f"A property named '{each.name}' already exists.")
    made = [portal.definitions.create(kind.name, each).to_json() for each in definitions]
    return Answer(201, {"status": "COMPLETE", "results": made})


def change_property(portal: Portal, kind: ObjectType, name: str, body: Any) -> Answer:
    """Change the label, group, options or description of a property made here."""
    definition = _find(portal, kind, name)
    allowed = {"label", "groupName", "description", "options", "type", "fieldType"}
    read_object(body, allowed=allowed)
    if definition.built_in:
        raise bad_request(f"The definition of {name} is read-only")
    words = {
        "label": "label",
        "groupName": "group",
        "description": "description",
        "type": "type",
        "fieldType": "field_type",
    }
    changes: dict[str, Any] = {words[each]: body[each] for each in body if each in words}
    if "options" in body:
        changes["options"] = _read_options(body["options"])
    return Answer(200, portal.definitions.change(kind.name, name, changes).to_json())


def archive_property(portal: Portal, kind: ObjectType, name: str) -> Answer:
    """Take a property away."""
    _find(portal, kind, name)
    portal.definitions.archive(kind.name, name)
    return Answer(204)


def list_groups(portal: Portal, kind: ObjectType) -> Answer:
    """Return the property groups of an object type."""
    groups = portal.definitions.groups(kind.name)
    return Answer(200, {"results": [_show_group(*each) for each in groups.items()]})


def create_group(portal: Portal, kind: ObjectType, body: Any) -> Answer:
    """Make a property group."""
    read_object(body, allowed={"name", "label", "displayOrder"}, required={"name", "label"})
    name, label = read_text(body["name"], "name"), read_text(body["label"], "label")
    if name in portal.definitions.groups(kind.name):
        raise refusal(
            409,
            "OBJECT_ALREADY_EXISTS",
            f"A property group named '{name}' already exists.",
            sub_category="Properties.GROUP_WITH_NAME_EXISTS",
        )
    portal.definitions.create_group(kind.name, name, label)
    return Answer(201, _show_group(name, label))


def _find(portal: Portal, kind: ObjectType, name: str) -> Property:
    definition = portal.definitions.of(kind.name).get(name)
    if definition is None:
        raise not_found(f"Property {name} does not exist")
    return definition


def _read_definition(portal: Portal, kind: ObjectType, body: Any) -> Property:
    read_object(body, allowed=_REQUIRED | _OPTIONAL, required=_REQUIRED)
    texts = {each: read_text(body[each], each) for each in _REQUIRED}
    if not _NAME.fullmatch(texts["name"]):
        raise bad_request("A property name is lower-case letters, digits and underscores")
    if texts["fieldType"] not in _TYPES.get(texts["type"], ()):
        raise bad_request(f"{texts['type']} cannot be shown as {texts['fieldType']}")
    if texts["groupName"] not in portal.definitions.groups(kind.name):
        raise bad_request(f"The property group {texts['groupName']} does not exist")
    unique = body.get("hasUniqueValue", False)
    if not isinstance(unique, bool):
        raise bad_request("Invalid input JSON: 'hasUniqueValue' must be true or false")
    return Property(
        texts["name"],
        texts["label"],
        texts["type"],
        texts["fieldType"],
        texts["groupName"],
        unique=unique,
        options=_read_options(body.get("options", [])),
        built_in=False,
        description=str(body.get("description", "")),
    )


def _read_options(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise bad_request("Invalid input JSON: 'options' must be a list")
    allowed = {"value", "label", "displayOrder", "hidden", "description"}
    return tuple(
        (
            read_text(read_object(each, allowed=allowed, required={"value"})["value"], "value"),
            str(each.get("label", each["value"])),
        )
        for each in value
    )


def _show_group(name: str, label: str) -> Json:
    return {"name": name, "label": label, "displayOrder": -1, "archived": False}
