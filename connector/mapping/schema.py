"""A CRM's live schema, by the names that mapping files use for its fields.

Those are the names requests use, but for a CRM that names its custom fields by a hash: its adapter
describes them by the label people see.
"""

from collections.abc import Mapping

from connector.config.section import nearest_name
from connector.model.record import FieldInfo

Schema = Mapping[str, FieldInfo]


def nearest_field(schema: Schema, name: str) -> str | None:
    """Return the field that was most likely meant, also by somebody who wrote its label."""
    by_label = {info.label: field for field, info in schema.items()}
    found = nearest_name(name, [*schema, *by_label])
    return by_label.get(found, found) if found and found not in schema else found
