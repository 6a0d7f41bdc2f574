"""How each field of a webhook is read. A field that is not here is kept raw and counted."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from connector.model.events import LearnEvent, LinkEvent, NoticeEvent, StatusEvent
from connector.model.identity import Identity, classify, subscriber_spellings
from connector.record.account import ACCOUNT_FIELDS, read_value_error
from connector.record.calls import read_call
from connector.record.change import Change, digits
from connector.record.elements import read_message, read_status
from connector.record.payload import (
    block,
    identifier,
    instant,
    items,
    read_error,
    some_words,
    vocabulary,
)
from connector.record.people import read_username

Element = Mapping[str, Any]


def _read_messages(change: Change) -> None:
    """Read what customers send, what became of what we sent, and what was sent beside us."""
    _read_traffic(change, change.value)
    change.each("errors", lambda error: read_value_error(change, error))
    change.each("user_actions", _ignore)
    change.keep_unknown("messages", "statuses", "message_echoes", "errors", "user_actions")


def _read_standby(change: Change) -> None:
    """Read the traffic of a number that another partner answers just now."""
    _read_traffic(change, block(change.value.get("standby")) or change.value)


def _read_traffic(change: Change, value: Element) -> None:
    change.each("messages", lambda message: read_message(change, message), within=value)
    change.each("message_echoes", lambda message: _read_echo(change, message), within=value)
    change.each("statuses", lambda status: read_status(change, status), within=value)


def _read_echoes(change: Change) -> None:
    """Read what was sent from the phone app or a linked device."""
    change.each("message_echoes", lambda message: _read_echo(change, message))
    change.keep_unknown("message_echoes")


def _read_echo(change: Change, echo: Element) -> None:
    sent = echo.get("message")
    if isinstance(sent, dict) and "type" not in echo:
        echo = {**sent, **{name: part for name, part in echo.items() if name != "message"}}
    read_message(change, echo, direction="out")


def _read_history(change: Change) -> None:
    """Read the past of a phone app: chunks in any order, and media that follow later."""
    change.each("history", lambda chunk: _read_chunk(change, chunk))
    change.each("messages", lambda message: read_message(change, message, backfill=True))
    change.each(
        "message_echoes",
        lambda message: read_message(change, message, direction="out", backfill=True),
    )
    change.keep_unknown("history", "messages", "message_echoes")


def _read_chunk(change: Change, chunk: Element) -> None:
    for error in items(chunk.get("errors")):
        found = read_error(error)
        change.parsed.notices.append(
            NoticeEvent(
                field=change.field,
                subject=change.our_phone or "",
                word=f"declined_{found.get('code', 'unknown')}",
                level="warning",
                at=None,
                phone_number_id=change.phone_number_id,
                details=found,
            )
        )
    change.each(
        "threads",
        lambda thread: change.each(
            "messages", lambda message: _read_past(change, thread, message), within=thread
        ),
        within=chunk,
    )


def _read_past(change: Change, thread: Element, message: Element) -> None:
    """Read one message of a thread; it is ours if it comes from our number."""
    context = block(thread.get("context"))
    names = ("user_id", "wa_id", "parent_user_id")
    ours = "to" in message or is_same(digits(message.get("from")), change.our_phone)
    customer = change.people.identify(
        *(context.get(name) for name in names),
        thread.get("id"),
        *(() if ours else (message.get("from"), message.get("from_user_id"))),
        *((message.get("to"), message.get("to_user_id")) if ours else ()),
    )
    person = Identity(
        user_id=customer.user_id,
        parent_user_id=customer.parent_user_id,
        wa_id=customer.wa_id,
        username=read_username(context.get("username")) or customer.username,
        profile_name=customer.profile_name,
    )
    before = len(change.parsed.events)
    read_message(change, message, direction="out" if ours else "in", person=person, backfill=True)
    status = vocabulary(block(message.get("history_context")).get("status"))
    word = _PAST_STATUS.get(status or "")
    wamid, at = identifier(message.get("id")), instant(message.get("timestamp"))
    if ours and word and wamid and at and len(change.parsed.events) > before:
        change.parsed.events.append(
            StatusEvent(
                phone_number_id=change.phone_number_id,
                about=wamid,
                status=word,
                at=at,
                person=person,
                field=change.field,
                backfill=True,
            )
        )


def is_same(phone: str | None, other: str | None) -> bool:
    """Say whether two phones are one subscriber's."""
    if phone is None or other is None:
        return False
    return subscriber_spellings(phone)[0] == subscriber_spellings(other)[0]


_PAST_STATUS: Final[Mapping[str, str]] = {
    "SENT": "sent",
    "DELIVERED": "delivered",
    "READ": "read",
    "PLAYED": "played",
    "ERROR": "failed",
}


def _read_address_book(change: Change) -> None:
    """Read what changed in the phone app's address book."""
    change.each("state_sync", lambda entry: _read_book_entry(change, entry))
    change.keep_unknown("state_sync")


def _read_book_entry(change: Change, entry: Element) -> None:
    contact = block(entry.get("contact"))
    at = instant(block(entry.get("metadata")).get("timestamp"))
    person = change.people.identify(
        contact.get("user_id"), contact.get("phone_number"), contact.get("parent_user_id")
    )
    action = vocabulary(entry.get("action"))
    if at is None or not person.known or action not in {"add", "edit", "remove"}:
        change.parsed.keep("unparsable", change.field, f"{change.field}/state_sync")
        return
    change.parsed.events.append(
        LearnEvent(
            phone_number_id=change.phone_number_id,
            at=at,
            person=Identity(
                user_id=person.user_id,
                parent_user_id=person.parent_user_id,
                wa_id=person.wa_id,
                username=read_username(contact.get("username")) or person.username,
                profile_name=person.profile_name,
            ),
            book_name=some_words(contact.get("full_name")) or some_words(contact.get("first_name")),
            in_book=action != "remove",
            field=change.field,
        )
    )


def _read_preferences(change: Change) -> None:
    """Read who wants no more marketing, or wants it again."""
    change.each("user_preferences", lambda wish: _read_preference(change, wish))
    change.keep_unknown("user_preferences")


def _read_preference(change: Change, wish: Element) -> None:
    at = instant(wish.get("timestamp"))
    person = change.people.identify(
        wish.get("user_id"), wish.get("wa_id"), wish.get("parent_user_id")
    )
    if at is None or not person.known:
        change.parsed.keep("unparsable", change.field, f"{change.field}/user_preferences")
        return
    category, word = vocabulary(wish.get("category")), vocabulary(wish.get("value"))
    wants = {"stop": False, "resume": True}.get(word or "")
    if category not in {"marketing_messages", None}:
        wants = None
    change.parsed.events.append(
        LearnEvent(
            phone_number_id=change.phone_number_id,
            at=at,
            person=person,
            marketing=wants,
            field=change.field,
        )
    )


def _read_user_id_updates(change: Change) -> None:
    """Read who got another user id: the one webhook that names both."""
    change.each("user_id_update", lambda update: _read_user_id_update(change, update))
    change.keep_unknown("user_id_update")


def _read_user_id_update(change: Change, update: Element) -> None:
    at, ids = instant(update.get("timestamp")), block(update.get("user_id"))
    previous, current = classify(ids.get("previous")), classify(ids.get("current"))
    if at is None or current is None or current[0] != "user_id":
        change.parsed.keep("unparsable", change.field, f"{change.field}/user_id_update")
        return
    parents = block(update.get("parent_user_id"))
    person = change.people.identify(current[1], update.get("wa_id"), parents.get("current"))
    if person.wa_id is None and len(change.people.everybody) == 1:
        (card,) = change.people.everybody
        if card.user_id in {None, current[1], previous and previous[1]}:
            person = Identity(
                user_id=person.user_id,
                parent_user_id=person.parent_user_id,
                wa_id=card.wa_id,
                profile_name=card.profile_name,
            )
    former = (previous[1],) if previous is not None and previous[0] == "user_id" else ()
    change.parsed.events.append(
        LinkEvent(
            phone_number_id=change.phone_number_id,
            at=at,
            person=person,
            former_user_ids=tuple(old for old in former if old != person.user_id),
            field=change.field,
        )
    )


def _read_calls(change: Change) -> None:
    """Read calls that ended; that one rings or is set up is no event of ours."""
    change.each("calls", lambda call: read_call(change, call))
    change.each("statuses", lambda status: read_status(change, status))
    change.keep_unknown("calls", "statuses")


def _read_nothing(_: Change) -> None:
    """Leave a field that is known and of no consequence here."""


def _ignore(_: Element) -> None:
    """Leave an element that is known and of no consequence here."""


FIELDS: Final[Mapping[str, Callable[[Change], None]]] = {
    "messages": _read_messages,
    "standby": _read_standby,
    "smb_message_echoes": _read_echoes,
    "message_echoes": _read_echoes,
    "history": _read_history,
    "smb_app_state_sync": _read_address_book,
    "user_preferences": _read_preferences,
    "user_id_update": _read_user_id_updates,
    "calls": _read_calls,
    "messaging_handovers": _read_nothing,
    "automatic_events": _read_nothing,
    "flows": _read_nothing,
    "group_lifecycle_update": _read_nothing,
    "group_participants_update": _read_nothing,
    "group_participant_update": _read_nothing,
    "group_settings_update": _read_nothing,
    "group_status_update": _read_nothing,
    **ACCOUNT_FIELDS,
}
"""How each field is read."""
