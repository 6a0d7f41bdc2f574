"""The elements that most fields are made of: messages and statuses."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from connector.model.events import (
    EditEvent,
    LinkEvent,
    MessageEvent,
    ReactionEvent,
    RevokeEvent,
    StatusEvent,
)
from connector.model.identity import Identity, classify
from connector.model.message import Direction
from connector.record.cards import own_phone
from connector.record.change import Change, harmless
from connector.record.message_types import READERS, read_content, read_surroundings
from connector.record.payload import (
    block,
    compact,
    identifier,
    instant,
    items,
    read_error,
    vocabulary,
)
from connector.record.people import People
from connector.record.replies import ANSWERS

_FROM: Final = ("from", "from_user_id", "from_parent_user_id")
_TO: Final = ("to", "to_user_id", "to_parent_user_id")
_RECIPIENT: Final = (
    "recipient_id",
    "recipient_user_id",
    "recipient_parent_user_id",
    "parent_recipient_user_id",
)
_PARTICIPANT: Final = (
    "recipient_participant_id",
    "participant_recipient_id",
    "recipient_participant_user_id",
    "recipient_participant_parent_user_id",
)
_USER_ID_CHANGE: Final = re.compile(
    r"\bfrom\s+([A-Z]{2}\.[A-Za-z0-9]{1,128})\s+to\s+([A-Z]{2}\.[A-Za-z0-9]{1,128})"
)


def read_message(
    change: Change,
    message: Mapping[str, Any],
    *,
    direction: Direction = "in",
    person: Identity | None = None,
    backfill: bool = False,
) -> None:
    """Make events of one message, or keep it. ``person`` is the customer, where that is known."""
    parsed, field = change.parsed, change.field
    wamid, at = identifier(message.get("id")), instant(message.get("timestamp"))
    kind = message_kind(message)
    if person is None:
        ids = _FROM if direction == "in" else _TO
        person = change.people.identify(*(message.get(name) for name in ids))
    if kind is None or wamid is None or at is None or not person.known:
        parsed.keep("unparsable", field, f"{field}/{_missing(kind, wamid, at)}")
        return
    if kind in {"edit", "revoke"}:
        _read_afterthought(change, message, kind, at=at, person=person, direction=direction)
        return
    if kind not in READERS:
        parsed.keep("unknown", field, f"{field}/{harmless(kind)}")
        return
    read = read_content(kind, message)
    if read is None:
        _keep_without_content(change, message, kind)
        return
    kind, content = read
    if kind == "system":
        person = _read_system_change(change, message, at=at, person=person)
    elif kind == "contacts":
        _read_own_phone(change, message, at=at, person=person)
    content |= read_surroundings(message)
    parsed.events.append(
        MessageEvent(
            phone_number_id=change.phone_number_id,
            wamid=wamid,
            direction=direction,
            kind=kind,
            content=content,
            at=at,
            person=person,
            field=field,
            backfill=backfill,
        )
    )
    if kind == "reaction":
        parsed.events.append(
            ReactionEvent(
                phone_number_id=change.phone_number_id,
                about=content["reaction"]["message_id"],
                direction=direction,
                emoji=content["reaction"]["emoji"],
                at=at,
                person=person,
                in_group="group_id" in content,
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


def _missing(kind: str | None, wamid: str | None, at: object) -> str:
    if kind is None:
        return "type"
    if wamid is None:
        return "id"
    return "from" if at is not None else "timestamp"


def _keep_without_content(change: Change, message: Mapping[str, Any], kind: str) -> None:
    """Keep a message whose part is missing, or is a kind of answer that is not known yet."""
    interactive = block(message.get("interactive"))
    answer = vocabulary(interactive.get("type")) or ""
    is_new = answer not in ANSWERS and isinstance(interactive.get(answer), dict)
    if kind == "interactive" and is_new:
        change.parsed.keep("unknown", change.field, f"{change.field}/interactive/{answer}")
        return
    change.parsed.keep("unparsable", change.field, f"{change.field}/{kind}")


def _read_afterthought(
    change: Change,
    message: Mapping[str, Any],
    kind: str,
    *,
    at: datetime,
    person: Identity,
    direction: Direction,
) -> None:
    """Read an edit or a revoke: something that happens to an earlier message."""
    part = block(message.get(kind))
    target = identifier(part.get("original_message_id"))
    nested = block(part.get("message"))
    content: dict[str, Any] | None = {}
    if kind == "edit":
        new_kind = message_kind(nested) or ""
        content = READERS[new_kind](nested) if new_kind in READERS else None
    if target is None or content is None:
        change.parsed.keep("unparsable", change.field, f"{change.field}/{kind}")
        return
    shared: dict[str, Any] = {
        "phone_number_id": change.phone_number_id,
        "about": target,
        "direction": direction,
        "at": at,
        "person": person,
        "field": change.field,
    }
    change.parsed.events.append(
        EditEvent(content=content, **shared) if kind == "edit" else RevokeEvent(**shared)
    )


def _read_system_change(
    change: Change, message: Mapping[str, Any], *, at: datetime, person: Identity
) -> Identity:
    """Link what a system message says has changed; return the person as known from now on.

    The old user id stands in ``from_user_id``, or only in the text "changed from OLD to NEW".
    """
    part = block(message.get("system"))
    kind = vocabulary(part.get("type")) or ""
    if "changed" not in kind or "identity" in kind:
        return person
    found: dict[str, str] = {}
    for name in ("user_id", "wa_id", "new_wa_id", "parent_user_id"):
        kind_and_id = classify(part.get(name))
        if kind_and_id is not None:
            found.setdefault(*kind_and_id)
    told = _USER_ID_CHANGE.search(str(part.get("body")))
    user_id = found.get("user_id") or (told.group(2) if told else None) or person.user_id
    current = Identity(
        user_id=user_id,
        parent_user_id=found.get("parent_user_id") or person.parent_user_id,
        wa_id=found.get("wa_id") or person.wa_id,
    )
    former_user_ids = [person.user_id, told.group(1) if told else None]
    change.parsed.events.append(
        LinkEvent(
            phone_number_id=change.phone_number_id,
            at=at,
            person=current,
            former_user_ids=tuple(
                dict.fromkeys(old for old in former_user_ids if old and old != current.user_id)
            ),
            former_wa_ids=(person.wa_id,)
            if person.wa_id is not None and person.wa_id != current.wa_id
            else (),
            field=change.field,
        )
    )
    return current


def _read_own_phone(
    change: Change, message: Mapping[str, Any], *, at: datetime, person: Identity
) -> None:
    """Learn the phone that somebody gave in answer to our request for it."""
    phone = own_phone(message.get("contacts"))
    if phone is not None and person.wa_id is None:
        change.parsed.events.append(
            LinkEvent(
                phone_number_id=change.phone_number_id,
                at=at,
                person=Identity(user_id=person.user_id, wa_id=phone),
                field=change.field,
            )
        )


def read_status(change: Change, status: Mapping[str, Any]) -> None:
    """Make an event of one status, or keep it."""
    parsed, field = change.parsed, change.field
    if status.get("type") == "call":
        return  # a call that rings; what came of it follows as the call itself
    wamid, at = identifier(status.get("id")), instant(status.get("timestamp"))
    word = vocabulary(status.get("status"))
    if word is None or wamid is None or at is None:
        missing = "status" if word is None else "id" if wamid is None else "timestamp"
        parsed.keep("unparsable", field, f"{field}/statuses/{missing}")
        return
    person, participant = _recipient(change.people, status)
    parsed.events.append(
        StatusEvent(
            phone_number_id=change.phone_number_id,
            about=wamid,
            status=word,
            at=at,
            person=person,
            details=_read_status_details(status),
            participant=participant,
            field=field,
        )
    )


def _recipient(people: People, status: Mapping[str, Any]) -> tuple[Identity, str | None]:
    """Return whom a status is about, and who that is within a group."""
    if status.get("recipient_type") == "group" or any(name in status for name in _PARTICIPANT):
        person = people.identify(*(status.get(name) for name in _PARTICIPANT))
        return person, person.user_id or person.wa_id
    return people.identify(*(status.get(name) for name in _RECIPIENT)), None


def _read_status_details(status: Mapping[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = {}
    errors = items(status.get("errors"))
    if errors and (failure := read_error(errors[0])):
        details["failure"] = failure
    pricing = block(status.get("pricing")) or block(
        block(status.get("conversation")).get("pricing")
    )
    if pricing:
        billable = pricing.get("billable")
        price = compact(
            category=vocabulary(pricing.get("category")),
            billable=billable if isinstance(billable, bool) else None,
        )
        if price:
            details["pricing"] = price
    return details
