"""A CRM's live schema, as a mapping file names its fields."""

from collections.abc import Mapping

from connector.model.record import FieldInfo

Schema = Mapping[str, FieldInfo]


def find_field(schema: Schema, name: str) -> FieldInfo | None:
    """Return the field that a mapping means, by the CRM's name or by the label people see."""
    info = schema.get(name)
    if info is not None:
        return info
    folded = name.casefold()
    return next((each for each in schema.values() if each.label.casefold() == folded), None)
