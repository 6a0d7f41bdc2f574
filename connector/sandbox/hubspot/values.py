"""What a property accepts, and what HubSpot calculates from it."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

import phonenumbers

from connector.sandbox.hubspot.built_in import CLOSED_STAGES, LIFECYCLE, Property
from connector.sandbox.hubspot.refusals import Invalid

LONGEST: Final = 65_536
"""Characters of the longest value; documented for notes, taken to hold for every text."""


def iso(milliseconds: int) -> str:
    """Return an epoch time in milliseconds as HubSpot writes times."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def milliseconds_of(text: str) -> int | None:
    """Read a time in ISO 8601 or epoch milliseconds; ``None`` if it is neither."""
    if re.fullmatch(r"-?\d{1,14}", text, re.ASCII):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def accept(definition: Property, value: str, owners: Collection[str]) -> str | Invalid:
    """Return the value as it is stored, or why it is not taken. The empty text clears it."""
    name = definition.name
    if definition.read_only or definition.calculated:
        return Invalid(name, "READ_ONLY_VALUE", f'"{name}" is a read only property')
    if not value:
        return ""
    if len(value) > LONGEST:
        return Invalid(name, "PROPERTY_VALUE_TOO_LONG", f"longer than {LONGEST} characters")
    if definition.type == "enumeration":
        return _accept_option(definition, value, owners)
    taken = _typed(definition.type, value)
    if taken is None:
        return Invalid(name, f"INVALID_{definition.type.upper()}", f"not a valid {definition.type}")
    return taken


_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def _typed(kind: str, value: str) -> str | None:
    """Return a value as its type is stored, or ``None`` if it has another type."""
    if kind in {"datetime", "date"}:
        moment = milliseconds_of(value)
        text = None if moment is None else iso(moment)
        return text if text is None or kind == "datetime" else text[:10]
    if kind == "number":
        return value if _NUMBER.fullmatch(value) else None
    if kind == "bool":
        return value if value in {"true", "false"} else None
    return value


def _accept_option(definition: Property, value: str, owners: Collection[str]) -> str | Invalid:
    options = set(owners) if definition.external else {each for each, _ in definition.options}
    chosen = value.strip(";").split(";") if definition.field_type == "checkbox" else [value]
    if options.issuperset(chosen):
        return value
    return Invalid(definition.name, "INVALID_OPTION", "not one of the allowed options")


class Phone(NamedTuple):
    """What a search knows of a phone."""

    national: str
    """Area code and local number."""
    international: str
    """E.164 with ``+``, or nothing where the number cannot be read."""


@lru_cache(maxsize=65_536)
def calculated_phone(text: str, country: str) -> Phone:
    """Read a phone as people type it. What cannot be read as one is kept as its digits."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return Phone(re.sub(r"\D", "", text), "")
    return Phone(
        phonenumbers.national_significant_number(number),
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
    )


_CALCULATED_FROM: Final = {"phone": "phone", "mobilephone": "mobile"}


def calculate(
    kind: str, properties: dict[str, str], changed: Mapping[str, str], country: str
) -> None:
    """Bring the calculated properties of a record up to date with what changed."""
    if kind == "contacts":
        for source, word in _CALCULATED_FROM.items():
            if source not in changed:
                continue
            phone = calculated_phone(properties.get(source, ""), country)
            put(properties, f"hs_searchable_calculated_{word}_number", phone.national)
            put(
                properties,
                f"hs_searchable_calculated_international_{word}_number",
                phone.international,
            )
    elif kind in {"deals", "tickets"}:
        stage = properties.get("dealstage") or properties.get("hs_pipeline_stage") or ""
        properties["hs_is_closed"] = "true" if stage in CLOSED_STAGES else "false"


def put(properties: dict[str, str], name: str, value: str) -> None:
    """Set a value, or clear it where it is empty."""
    if value:
        properties[name] = value
    else:
        properties.pop(name, None)


def overlay(properties: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Return the properties after a write. A lifecycle stage only moves forward, silently."""
    result = dict(properties)
    for name, value in changes.items():
        if name == "lifecyclestage" and value and name in result:
            before = result[name]
            if before in LIFECYCLE and LIFECYCLE.index(value) < LIFECYCLE.index(before):
                continue
        put(result, name, value)
    return result
