"""Calls, as messages on a contact's timeline."""

from collections.abc import Mapping
from typing import Any

from connector.model.events import MessageEvent
from connector.model.message import Direction
from connector.record.change import Change
from connector.record.payload import compact, identifier, instant, number, vocabulary


def read_call(change: Change, call: Mapping[str, Any]) -> None:
    """Make a message of a call that has ended, dated when it began."""
    event = vocabulary(call.get("event"))
    if event == "connect":
        return
    if event != "terminate":
        change.parsed.keep("unknown", change.field, f"{change.field}/{event or 'event'}")
        return
    ours = call.get("direction") == "BUSINESS_INITIATED"
    direction: Direction = "out" if ours else "in"
    side = "to" if ours else "from"
    person = change.people.identify(
        call.get(side), call.get(f"{side}_user_id"), call.get(f"{side}_parent_user_id")
    )
    call_id = identifier(call.get("id"))
    at = instant(call.get("start_time")) or instant(call.get("timestamp"))
    if call_id is None or at is None or not person.known:
        change.parsed.keep("unparsable", change.field, f"{change.field}/calls")
        return
    change.parsed.events.append(
        MessageEvent(
            phone_number_id=change.phone_number_id,
            wamid=call_id,
            direction=direction,
            kind="call",
            content={
                "call": compact(
                    status=vocabulary(call.get("status")), seconds=number(call.get("duration"))
                )
            },
            at=at,
            person=person,
            field=change.field,
        )
    )
