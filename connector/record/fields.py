"""How each field of a webhook is read. A field that is not here is kept raw and counted."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from connector.model.events import MessageEvent, StatusEvent
from connector.model.message import Direction
from connector.record.change import Change, harmless
from connector.record.message_types import READERS, compact, read_surroundings
from connector.record.payload import block, identifier, instant, items, some_words, vocabulary
from connector.record.people import People

_MESSAGES_KNOWN: Final = frozenset({"messages", "statuses"})


def _read_messages(change: Change) -> None:
    phone_number_id, people = change.phone_number_id, change.people
    change.each(
        "messages",
        lambda message: read_message(
            change, message, phone_number_id=phone_number_id, people=people, direction="in"
        ),
    )
    change.each(
        "statuses",
        lambda status: _read_status(change, status, phone_number_id=phone_number_id, people=people),
    )
    change.keep_unknown(_MESSAGES_KNOWN)


_FROM: Final = ("from", "from_user_id", "from_parent_user_id")
_TO: Final = ("to", "to_user_id", "to_parent_user_id")
_RECIPIENT: Final = (
    "recipient_id",
    "recipient_user_id",
    "recipient_parent_user_id",
    "parent_recipient_user_id",
)


def read_message(
    change: Change,
    message: Mapping[str, Any],
    *,
    phone_number_id: str | None,
    people: People,
    direction: Direction,
    backfill: bool = False,
) -> None:
    """Make an event of one message, or keep it."""
    parsed, field = change.parsed, change.field
    wamid, at = identifier(message.get("id")), instant(message.get("timestamp"))
    kind = message_kind(message)
    person = people.identify(*(message.get(name) for name in (_FROM if direction == "in" else _TO)))
    if kind is None or wamid is None or at is None or not person.known:
        missing = (
            "type"
            if kind is None
            else "id"
            if wamid is None
            else "timestamp"
            if at is None
            else "from"
        )
        parsed.keep("unparsable", field, f"{field}/{missing}")
        return
    reader = READERS.get(kind)
    if reader is None:
        parsed.keep("unknown", field, f"{field}/{harmless(kind)}")
        return
    content = reader(message)
    if content is None:
        parsed.keep("unparsable", field, f"{field}/{kind}")
        return
    parsed.events.append(
        MessageEvent(
            phone_number_id=phone_number_id,
            wamid=wamid,
            direction=direction,
            kind=kind,
            content=content | read_surroundings(message),
            at=at,
            person=person,
            field=field,
            backfill=backfill,
        )
    )


def message_kind(message: Mapping[str, Any]) -> str | None:
    """Return a message's type; where it names none, the one whose part it has."""
    kind = vocabulary(message.get("type"))
    if kind is None:
        kind = next((name for name in READERS if name in message), None)
    return kind


def _read_status(
    change: Change, status: Mapping[str, Any], *, phone_number_id: str | None, people: People
) -> None:
    parsed, field = change.parsed, change.field
    wamid, at = identifier(status.get("id")), instant(status.get("timestamp"))
    word = vocabulary(status.get("status"))
    if word is None or wamid is None or at is None:
        missing = "status" if word is None else "id" if wamid is None else "timestamp"
        parsed.keep("unparsable", field, f"{field}/statuses/{missing}")
        return
    parsed.events.append(
        StatusEvent(
            phone_number_id=phone_number_id,
            wamid=wamid,
            status=word,
            at=at,
            person=people.identify(*(status.get(name) for name in _RECIPIENT)),
            details=_read_status_details(status),
            field=field,
        )
    )


def _read_status_details(status: Mapping[str, Any]) -> Mapping[str, Any]:
    details: dict[str, Any] = {}
    errors = items(status.get("errors"))
    if errors and (failure := read_error(errors[0])):
        details["failure"] = failure
    pricing = block(status.get("pricing"))
    if pricing:
        price = compact(
            category=vocabulary(pricing.get("category")),
            billable=pricing["billable"] if isinstance(pricing.get("billable"), bool) else None,
        )
        if price:
            details["pricing"] = price
    return details


def read_error(error: object) -> dict[str, Any]:
    """Return code, title and detail of one of WhatsApp's error objects."""
    given = block(error)
    detail = block(given.get("error_data")).get("details")
    return compact(
        code=identifier(given.get("code")),
        title=some_words(given.get("title")) or some_words(given.get("message")),
        detail=some_words(detail) or some_words(given.get("error_data")),
    )


FIELDS: Final[Mapping[str, Callable[[Change], None]]] = {"messages": _read_messages}
"""How each field is read."""
