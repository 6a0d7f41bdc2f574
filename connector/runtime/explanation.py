"""Why a message is, or is not, in a CRM: ``connector explain ID``.

From one look at the ledger: what was received, what was made of it in each destination, the CRM's
last answer, what happens next, and when.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection

from connector.config.models import Config
from connector.ledger.deliveries import IN_DOUBT
from connector.ledger.destinations import Standing, load_standings
from connector.ledger.ledger import Ledger
from connector.ledger.stories import DeliveryStory, Story, find_story
from connector.mapping.text import message_text
from connector.model.codes import explain_code
from connector.model.message import UNSEEN
from connector.runtime.places import Places
from connector.runtime.times import parse_rfc3339, rfc3339, span

_ID: Final = re.compile(r"(?<!reviews resolve )\bID\b")


@dataclass(frozen=True, slots=True)
class _Step:
    """What happens next with a delivery, and when at the earliest."""

    next: str
    at: datetime | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class _Around:
    """What a delivery's next step depends on besides itself."""

    deliveries: Sequence[DeliveryStory]
    standings: Mapping[str, Standing]
    places: Places
    now: datetime

    def contact_of(self, row: DeliveryStory) -> str | None:
        """Return the CRM's id of the contact that a record belongs to."""
        return next(
            (
                each.crm_id
                for each in self.deliveries
                if each.destination == row.destination and each.record == "contact"
            ),
            None,
        )


def explain(ledger: Ledger, given: str, *, config: Config) -> dict[str, Any]:
    """Return the story of an id as ``explain --json`` prints it.

    ``given`` is a message id, phone, user id, our key, or the id of a record in a CRM.
    """
    return ledger.query(_explain, given, wamid_hash=hash_wamid(ledger, given), config=config)


def _explain(
    connection: Connection, given: str, *, wamid_hash: str, config: Config
) -> dict[str, Any]:
    story = find_story(connection, given, wamid_hash=lambda _: wamid_hash)
    if story is not None:
        return tell_story(connection, story, given=given, config=config)
    return {
        "id": given,
        "found": False,
        "kind": None,
        "contact": None,
        "message": None,
        "deliveries": [],
        "story": [],
    }


def tell_story(
    connection: Connection, story: Story, *, given: str, config: Config
) -> dict[str, Any]:
    """Return what ``explain --json`` prints of a story that was found as ``given``."""
    around = _Around(
        story.deliveries,
        load_standings(connection),
        Places.of(connection, config),
        datetime.now(UTC),
    )
    return {
        "id": given,
        "found": True,
        "kind": story.kind,
        "contact": _contact(story),
        "message": _message(story, language=config.whatsapp.language),
        "deliveries": [_delivery(each, around) for each in story.deliveries],
        "story": _events(story),
    }


def hash_wamid(ledger: Ledger, wamid: str) -> str:
    """Return what the ledger knows a message by."""
    return ledger.keyed_hash(f"wamid|{wamid}")


def _contact(story: Story) -> dict[str, Any]:
    person = story.contact
    return {
        "key": person.key,
        "name": person.profile_name or (f"@{person.username}" if person.username else None),
        "phone": person.phone,
        "user_ids": story.user_ids,
        "merged_into": story.merged_into,
        "erased_at": rfc3339(person.erased_at),
    }


def _message(story: Story, *, language: str) -> dict[str, Any] | None:
    found = story.message
    if found is None:
        return None
    return {
        "id": found.wamid,
        "number": found.number,
        "direction": found.direction,
        "type": found.kind,
        "text": message_text(found.kind, found.content, language=language),
        "sent_at": rfc3339(found.sent_at),
        "received_at": rfc3339(story.received_at),
        "status": found.status,
    }


def _delivery(row: DeliveryStory, around: _Around) -> dict[str, Any]:
    step = _next_step(row, around)
    answered = row.error_status is not None or row.error_detail is not None
    return {
        "id": row.id,
        "destination": row.destination,
        "record": row.record,
        "key": row.marker,
        "state": row.state,
        "in_doubt": row.error_code == IN_DOUBT,
        "reason": row.error_code,
        "cause": step.cause,
        "next": step.next,
        "next_at": rfc3339(step.at),
        "crm_id": row.crm_id,
        "crm_url": around.places.url(
            row.destination, row.record, row.crm_id, contact=around.contact_of(row)
        ),
        "attempts": row.attempts,
        "queued_at": rfc3339(row.queued_at),
        "sent_at": rfc3339(row.sent_at),
        "synced_at": rfc3339(row.synced_at),
        "last_answer": (
            {"status": row.error_status, "detail": row.error_detail} if answered else None
        ),
    }


def _next_step(row: DeliveryStory, around: _Around) -> _Step:
    match row.state:
        case "synced":
            return _Step("nothing: the CRM holds it")
        case "erased":
            return _Step("nothing: it was erased for the person's sake and does not come back")
        case "parked" | "skipped":
            code = explain_code(row.error_code or "")
            return _Step(tell_next(code.next, row.id), cause=code.cause)
        case "in_flight" if row.error_code == IN_DOUBT:
            return _Step(
                "the connector looks in the CRM whether it arrived, and writes it again if not",
                row.verify_at,
                "the CRM may or may not have written it: its answer was lost",
            )
        case "in_flight":
            return _Step("it is being sent; without an answer it is looked up", row.verify_at)
        case _:
            return _pending_step(row, around)


def _pending_step(row: DeliveryStory, around: _Around) -> _Step:
    standing = around.standings.get(row.destination)
    state = standing.state(around.now) if standing else "open"
    if standing and state == "paused":
        return _Step(
            f"it waits until {row.destination} is resumed: `connector check {row.destination}`",
            cause=f"the destination is paused: {standing.paused_detail or standing.paused_reason}",
        )
    if standing and state in {"throttled", "broken"}:
        why = "asked for fewer calls" if state == "throttled" else "does not answer"
        return _Step(
            f"it is sent when {row.destination} is asked again",
            standing.blocked_until,
            f"the CRM {why}",
        )
    for other in around.deliveries:
        if (
            row.record != "contact"
            and other.record == "contact"
            and other.destination == row.destination
            and other.state == "parked"
        ):
            code = explain_code(other.error_code or "")
            return _Step(
                f"it waits for the contact's own record: {tell_next(code.next, other.id)}",
                cause=f"the contact is parked: {code.cause}",
            )
    again = " again" if row.attempts else ""
    return _Step(f"it is sent{again} as soon as its turn comes", row.due_at)


def tell_next(step: str, delivery_id: int) -> str:
    """Return the next step of an error code with the id that its commands take.

    A review has an id of its own, which `connector reviews list` shows.
    """
    return _ID.sub(str(delivery_id), step)


def _events(story: Story) -> list[dict[str, Any]]:
    happened: list[tuple[datetime | None, str, str]] = []
    if story.message is None:
        happened.append((story.contact.first_seen_at, "first seen", "WhatsApp told of this person"))
    else:
        kind, direction = story.message.kind, story.message.direction
        verb = "wrote to us" if direction == "in" else "was written to by us"
        happened.append((story.message.sent_at, "sent", f"the contact {verb} ({kind})"))
        happened.append((story.received_at, "received", "WhatsApp's webhook was stored"))
        if story.message.status:
            status_at = story.message.status_at
            happened.append((status_at, "status", f"WhatsApp says: {story.message.status}"))
    for row in story.deliveries:
        happened += _delivery_events(row)
    known = [(at, event, detail) for at, event, detail in happened if at is not None]
    return [
        {"at": rfc3339(at), "event": event, "detail": detail}
        for at, event, detail in sorted(known, key=lambda each: each[0])
    ]


def _delivery_events(row: DeliveryStory) -> list[tuple[datetime | None, str, str]]:
    what = f"{row.record} to {row.destination}"
    last = f", as {row.crm_id}" if row.crm_id else ""
    attempts = f", attempt {row.attempts}" if row.attempts > 1 else ""
    return [
        (row.queued_at, "queued", what),
        (row.sent_at, "written", f"{what}{attempts}"),
        (row.synced_at, "synced", f"{what}{last}"),
        (row.parked_at, "parked", f"{what}: {row.error_code}"),
        (row.gone_at, "gone", f"{what}: it is not in the CRM any more"),
    ]


def tell(explanation: Mapping[str, Any], *, now: datetime) -> list[str]:
    """Say in sentences what a found explanation says in fields, a line for each destination."""
    lines = []
    for row in explanation["deliveries"]:
        what = f"{row['destination']}: the {row['record']}"
        lines.append(f"{what} {_state_words(row)}")
        if row["crm_url"]:
            lines.append(f"    see it: {row['crm_url']}")
        if row["cause"]:
            lines.append(f"    why: {row['cause']}")
        if row["last_answer"]:
            answer = row["last_answer"]
            status = f" ({answer['status']})" if answer["status"] else ""
            lines.append(f"    the CRM's last answer{status}: {answer['detail'] or 'no words'}")
        when = ""
        if row["next_at"]:
            left = (parse_rfc3339(row["next_at"]) - now).total_seconds()
            when = f", in {span(left)}" if left > 1 else ", now"
        lines.append(f"    next: {row['next']}{when}")
    message = explanation["message"]
    if message and message["type"] == UNSEEN:
        lines.append("Only a status of this message has come; nothing is written before it comes.")
    elif not explanation["deliveries"]:
        lines.append("No destination takes it: see `numbers` of the destinations in config.toml.")
    return lines


def _state_words(row: Mapping[str, Any]) -> str:
    where = f" as {row['crm_id']}" if row["crm_id"] else ""
    if row["state"] == "pending":
        return (
            f"is in the CRM{where}, and has changed since." if where else "is not in the CRM yet."
        )
    if row["in_doubt"]:
        return "may be in the CRM: the answer was lost."
    return {
        "synced": f"is in the CRM{where}.",
        "in_flight": "is on its way.",
        "parked": f"is parked: {row['reason']}.",
        "skipped": f"was left out: {row['reason']}.",
        "erased": "was erased.",
    }[row["state"]]
