"""One message made of everything that is said of it, in whatever order it is said. Pure.

A message may arrive several times (redelivered, echoed, in a history), after its statuses, or
never. Every fact is added by a rule that does not ask which came first, so any order of the same
events ends in the same row.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from connector.ledger.messages import MessageRow
from connector.model.message import STATUS_RANK, UNSEEN, Direction, advances

Content = Mapping[str, Any]

_WORTH: Final[Mapping[str, int]] = {UNSEEN: 0, "media_placeholder": 1, "unsupported": 2}
"""How much a kind says of a message; any other says all."""
_ALL: Final = 3


def add_arrival(
    row: MessageRow,
    *,
    webhook_id: int,
    wamid: str,
    number: str,
    contact_id: int,
    conversation: str,
    direction: Direction,
    kind: str,
    content: Content,
    sent_at: datetime,
) -> bool:
    """Add the message itself; return whether anything is new.

    The first sighting that says most of the message stays; others fill its gaps.
    """
    if row.purged_at is not None:
        return False
    before = len(row.changed)
    old, new = _WORTH.get(row.kind, _ALL), _WORTH.get(kind, _ALL)
    known = row.content or {}
    if not row.seen:
        row.set("webhook_id", webhook_id)
        row.set("wamid", wamid)
        row.set("number", number)
        row.set("contact_id", contact_id)
        row.set("conversation", conversation)
        row.set("direction", direction)
        row.set("sent_at", sent_at)
    elif sent_at < row.sent_at:
        row.set("sent_at", sent_at)
    if new > old:
        row.set("kind", kind)
        row.set("content", {**known, **content})
    else:
        row.set("content", fill(known, content))
    return len(row.changed) > before


def add_status(row: MessageRow, word: str, *, at: datetime, details: Content) -> bool:
    """Add a status; return whether anything is new.

    It moves the message forward or not at all, but what it explains is kept.
    """
    before = len(row.changed)
    if _moves(row, word, at):
        row.set("status", word)
        row.set("status_at", at)
    if details and row.purged_at is None:
        known = row.content or {}
        facts = dict(details)
        if "failure" in facts:
            facts["failure"] = _newest(known.get("failure"), {**facts["failure"], "at": iso(at)})
        if "pricing" in facts:
            facts["pricing"] = fill(known.get("pricing") or {}, facts["pricing"])
        row.set("content", {**known, **facts})
    return len(row.changed) > before


def _moves(row: MessageRow, word: str, at: datetime) -> bool:
    if row.status is None or advances(word, over=row.status):
        return True
    if row.status_at is None or STATUS_RANK.get(word, 0) != STATUS_RANK.get(row.status, 0):
        return False
    # The same status twice, or two that are not ranked: the later one, so that order is no matter.
    return (at, word) > (row.status_at, row.status)


def _newest(known: Content | None, fact: Content) -> Content:
    """Return the later of two facts; of two of the same time, always the same one."""
    if not known or (fact["at"], _text(fact)) > (known.get("at", ""), _text(known)):
        return fact
    return known


def _text(fact: Content) -> str:
    return json.dumps(fact, sort_keys=True)


def fill(known: Content, more: Content) -> dict[str, Any]:
    """Return what is known with the gaps filled, inside tables too."""
    filled = dict(known)
    for name, value in more.items():
        if name not in filled:
            filled[name] = value
        elif isinstance(value, Mapping) and isinstance(filled[name], Mapping):
            filled[name] = fill(filled[name], value)
    return filled


def iso(at: datetime) -> str:
    """Return a time as content holds it: RFC 3339 in UTC."""
    return at.isoformat().replace("+00:00", "Z")
