"""Whether a record in a CRM still says what was written into it. Pure.

A CRM spells values in its own way: it trims texts, cleans HTML, rounds times, turns numbers into
texts. So each side is compared with its own past: what a CRM returns now with the hash of what it
returned last. Only a record that was never read back since it was written is compared with what the
mapping made of it, and that leniently.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from html import unescape
from typing import Any, Final

from connector.mapping.models import Field
from connector.mapping.rendered import Rendered
from connector.model.record import FieldValue, JsonScalar
from connector.template.filters import is_nothing

_TAG: Final = re.compile(r"<[^<>]*>")
_MARKER: Final = re.compile(r"⟦wa·[^⟧]*⟧")
"""What an adapter puts into a text where a CRM has no field for our key."""
_CUT: Final = ("[…]", "…", "...")
"""What a text ends in that was too long for the CRM."""
_PHONE: Final = re.compile(r"\+?[\d\s().-]{8,}")
_TRUE: Final = frozenset({"true", "1", "yes"})
_FALSE: Final = frozenset({"false", "0", "no"})
_MILLISECONDS_FROM: Final = 10**11
"""An epoch as large as this can not be seconds."""
_NAMES, _VALUES = 4, 12
"""Bytes of the two halves of a fingerprint."""


def compared_fields(fields: Mapping[str, Field]) -> tuple[str, ...]:
    """Return the fields that are ours to keep: those that people may fill or change are not."""
    return tuple(sorted(name for name, field in fields.items() if field.write == "always"))


def fingerprint(names: Sequence[str], current: Mapping[str, JsonScalar]) -> str:
    """Return 32 hex digits over the values a CRM returned for these fields.

    The first eight are those of the names alone: a mapping that compares other fields makes other
    fingerprints, which say nothing about the values.
    """
    values = [_canonical(current.get(name)) for name in names]
    return _digest(list(names), _NAMES) + _digest(values, _VALUES)


def is_comparable(known: str | None, fresh: str) -> bool:
    """Say whether two fingerprints are over the same fields."""
    return known is not None and known[: 2 * _NAMES] == fresh[: 2 * _NAMES]


def _digest(value: Any, size: int) -> str:
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=size).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    return value


def differing_fields(
    rendered: Rendered, names: Sequence[str], current: Mapping[str, JsonScalar], *, key: str
) -> tuple[str, ...]:
    """Return the fields whose value in the CRM is not the one the mapping makes.

    A field that the mapping leaves empty is not written, so whatever the CRM holds in it is fine.
    ``key`` is ours: an adapter may have put it into a text.
    """
    return tuple(
        name
        for name in names
        if name in rendered.fields
        and not is_same_value(rendered.fields[name], current.get(name), key=key)
    )


def is_same_value(wanted: FieldValue, found: JsonScalar, *, key: str = "") -> bool:
    """Say whether a CRM's value is one of ours, in the CRM's own spelling."""
    if is_nothing(found) or is_nothing(wanted):
        return is_nothing(found) and (is_nothing(wanted) or wanted is False)
    match wanted:
        case bool():
            same = str(found).strip().lower() in (_TRUE if wanted else _FALSE)
        case datetime():
            same = _is_same_time(wanted, found)
        case int() | float():
            same = _number(found) == float(wanted)
        case str():
            same = _is_same_text(wanted, found, key)
        case Mapping():
            same = _is_same_document(wanted, found)
        case _:
            same = _options(wanted) == _options(found)
    return same


def _is_same_text(wanted: str, found: JsonScalar, key: str) -> bool:
    ours, theirs = _plain(wanted, key), _plain(str(found), key)
    if ours == theirs:
        return True
    for cut in _CUT:
        if theirs.endswith(cut) and ours.startswith(theirs.removesuffix(cut).rstrip()):
            return True
    if isinstance(found, bool):
        return ours.lower() in (_TRUE if found else _FALSE)
    if _PHONE.fullmatch(ours) and _PHONE.fullmatch(theirs):
        return _keep_digits(ours) == _keep_digits(theirs)
    number, other = _number(ours), _number(theirs)
    if number is not None and other is not None:
        return number == other
    moment = _moment(ours)
    return moment is not None and _is_same_time(moment, theirs)


def _plain(text: str, key: str) -> str:
    """Return the words of a text or of HTML, blanks made one, without what carries our key."""
    words = unescape(unescape(_TAG.sub(" ", text)))
    words = _MARKER.sub(" ", words)
    if key:
        words = words.replace(key, " ")
    return " ".join(words.split())


def _is_same_time(wanted: datetime, found: object) -> bool:
    """Compare to the precision in which the CRM keeps the time: a day, a minute, a second."""
    text = str(found).strip()
    if clock := re.fullmatch(r"\d\d:(\d\d)(:\d\d)?", text):
        return (wanted.minute - int(clock[1])) % 15 == 0  # zones differ by quarters of an hour
    moment = _moment(found)
    if moment is None:
        return False
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return abs(wanted - moment) < timedelta(days=2)  # the day may be told in any time zone
    coarse = moment.second == 0 and moment.microsecond == 0
    return abs(wanted - moment) < (timedelta(minutes=1) if coarse else timedelta(seconds=1))


def _moment(value: object) -> datetime | None:
    """Read a time: ISO 8601, or an epoch in seconds or milliseconds."""
    number = _number(value)
    try:
        if number is not None:
            return datetime.fromtimestamp(
                number / 1000 if number >= _MILLISECONDS_FROM else number, UTC
            )
        moment = datetime.fromisoformat(str(value).strip())
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    if not re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", text):
        return None
    return float(text)


def _keep_digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _options(value: object) -> frozenset[str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = re.split(r"[;,]", str(value))
    if not isinstance(value, Sequence) or isinstance(value, str):
        value = [value]
    return frozenset(str(each).strip() for each in value if str(each).strip())


def _is_same_document(wanted: Mapping[str, Any], found: JsonScalar) -> bool:
    try:
        theirs = json.loads(found) if isinstance(found, str) else found
    except ValueError:
        return False
    ours = json.loads(json.dumps(wanted, default=_spell))
    return bool(ours == theirs)


def _spell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)
