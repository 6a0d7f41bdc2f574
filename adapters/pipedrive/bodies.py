"""Records as request bodies: names become Pipedrive's, values what a field holds."""

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.pipedrive.answers import PipedriveRejectedError
from adapters.pipedrive.fields import Fields
from adapters.pipedrive.owners import Owners
from adapters.pipedrive.values import UnfitError, spell
from connector.crm import FieldValue, Rejected


class UnwritableError(Exception):
    """A record that Pipedrive would not take; ``outcome`` says why, without the value."""

    def __init__(self, code: str, detail: str, field: str) -> None:
        super().__init__(detail)
        self.outcome = Rejected(code, detail, field)


async def write_body(
    fields: Fields, values: Mapping[str, FieldValue], owners: Owners
) -> dict[str, Any]:
    """Return a body. Raises ``UnwritableError``."""
    body: dict[str, Any] = {}
    customs: dict[str, Any] = {}
    for name, value in values.items():
        field = fields.find(name)
        if field is None:
            raise _unknown(fields, name)
        try:
            if field.kind == "user" and value is not None:
                spelled: Any = await owners.resolve(name, value)
            else:
                spelled = spell(field, value)
        except UnfitError as error:
            raise UnwritableError("unfit_value", f"Pipedrive: {error}", name) from None
        (customs if field.custom else body)[field.code] = spelled
    return {**body, "custom_fields": customs} if customs else body


def reject(
    error: PipedriveRejectedError, fields: Fields, values: Mapping[str, FieldValue]
) -> Rejected:
    """Return the outcome of a record that Pipedrive refused, with the field if it names one."""
    named = error.names(_names(fields, values))
    guilty = None
    if named is not None:
        guilty = next((name for name in values if named in _names(fields, [name])), None)
    where = f" at field {guilty}" if guilty else ""
    return Rejected(error.code, f"{error}{where}", guilty, error.status, error.said)


def _unknown(fields: Fields, name: str) -> UnwritableError:
    if fields.is_ambiguous(name):
        return UnwritableError(
            "ambiguous_field",
            f"Pipedrive: several fields are called {name}: rename one, or name the one that is "
            "meant with its code, as `connector check` shows them",
            name,
        )
    return UnwritableError("unknown_field", f"Pipedrive: there is no field {name}", name)


def _names(fields: Fields, names: Iterable[str]) -> list[str]:
    """Return every name by which Pipedrive may speak of these fields, the most telling first."""
    found = [field for name in names if (field := fields.find(name)) is not None]
    codes = [field.code for field in found]
    return sorted({*codes, *(field.info.label for field in found)}, key=len, reverse=True)
