"""Property values as HubSpot takes them: every one of them a text."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from connector.crm import FieldValue

_LONGEST_BODY: Final = 65_536
"""Characters; documented for notes, and nothing says that communications take more."""
_CUT: Final = " […]"


def spell(value: FieldValue) -> str:
    """Return a value as a text: times in UTC with milliseconds, several options with ``;``.

    ``None`` becomes the empty text, which clears the property.
    """
    match value:
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case datetime():
            text = spell_time(value)
        case float() if value.is_integer():
            text = str(int(value))
        case str() | int() | float():
            text = str(value)
        case Mapping():
            text = json.dumps(value, ensure_ascii=False, default=str)
        case Sequence():
            text = ";".join(spell(each) for each in value)
    return text


def spell_time(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds: ``2026-11-24T10:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_time(text: object) -> datetime | None:
    """Return the moment that HubSpot names, in ISO 8601 or epoch milliseconds."""
    if not isinstance(text, str) or not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_key(value: object) -> str | None:
    """Return a key as a record carries it; ``None`` where it carries none."""
    return value if isinstance(value, str) and value else None


def cut_body(html: str, *, room: int = 0) -> str:
    """Return a body that HubSpot takes, with ``room`` characters to spare: cut, and marked so.

    It is cut neither inside a tag nor inside an entity; HubSpot itself closes what is left open.
    """
    if len(html) <= _LONGEST_BODY - room:
        return html
    head = html[: _LONGEST_BODY - room - len(_CUT)]
    if head.rfind("<") > head.rfind(">"):
        head = head[: head.rfind("<")]
    if head.rfind("&") > max(head.rfind(";"), len(head) - 12):
        head = head[: head.rfind("&")]
    return head + _CUT
