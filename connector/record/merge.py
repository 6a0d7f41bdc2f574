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
_WORDS: Final = frozenset({"text", "caption"})
"""The parts of a content that an edit replaces."""
_ADDED: Final = frozenset(
    {"reactions", "edited_at", "deleted", "failure", "pricing", "participants"}
)
"""The parts of a content that come from other events than the message itself."""


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
    before = row.changes
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
    if "edited_at" in known:
        content = _part(content, without=_WORDS)
    if new > old:
        row.set("kind", kind)
        kept = _ADDED | _WORDS if "edited_at" in known else _ADDED
        row.set("content", {**content, **_part(known, only=kept)})
    elif new == old:
        row.set("content", fill(known, content))
    return row.changes > before


def _part(
    content: Content, *, only: frozenset[str] | None = None, without: frozenset[str] = frozenset()
) -> dict[str, Any]:
    return {
        name: part
        for name, part in content.items()
        if name not in without and (only is None or name in only)
    }


def add_edit(row: MessageRow, content: Content, *, at: datetime) -> bool:
    """Replace the words by those of the newest edit; the original ones are not kept."""
    if row.purged_at is not None:
        return False
    before, known = row.changes, row.content or {}
    words, current = _part(content, only=_WORDS), _part(known, only=_WORDS)
    if (iso(at), _text(words)) > (known.get("edited_at", ""), _text(current)):
        row.set("content", {**_part(known, without=_WORDS), **words, "edited_at": iso(at)})
    return row.changes > before


def add_revoke(row: MessageRow, *, at: datetime) -> bool:
    """Mark a message as deleted by whoever wrote it.

    The ledger keeps the words until retention or erasure takes them; CRMs are told only that a
    message was deleted.
    """
    before = row.changes
    if row.deleted_at is None or at < row.deleted_at:
        row.set("deleted_at", at)
    if row.purged_at is None:
        row.set("content", {**(row.content or {}), "deleted": True})
    return row.changes > before


def add_reaction(
    row: MessageRow, emoji: str | None, *, direction: Direction, by: str | None, at: datetime
) -> bool:
    """Add somebody's reaction: one each, the newest; one taken back stays as a gap without emoji.

    ``by`` tells people of a group apart.
    """
    if row.purged_at is not None:
        return False
    before, known = row.changes, row.content or {}
    reaction = {"emoji": emoji, "direction": direction, "at": iso(at)}
    if by is not None:
        reaction["by"] = by
    others = [one for one in known.get("reactions", []) if _reactor(one) != _reactor(reaction)]
    own = next(
        (one for one in known.get("reactions", []) if _reactor(one) == _reactor(reaction)), None
    )
    newest = _newest(own, reaction)
    row.set("content", {**known, "reactions": sorted([*others, newest], key=_reactor)})
    return row.changes > before


def _reactor(reaction: Content) -> tuple[str, str]:
    return str(reaction.get("direction")), str(reaction.get("by", ""))


def add_participant(row: MessageRow, participant: str, word: str, *, at: datetime) -> bool:
    """Add how far a message to a group has come with one of its people."""
    if row.purged_at is not None:
        return False
    before, known = row.changes, row.content or {}
    everybody = known.get("participants") or {}
    own = everybody.get(participant)
    status = {"status": word, "at": iso(at)}
    if own is None or _goes_further(status, own):
        row.set("content", {**known, "participants": {**everybody, participant: status}})
    return row.changes > before


def _goes_further(status: Content, known: Content) -> bool:
    ranks = [STATUS_RANK.get(one["status"], 0) for one in (status, known)]
    if ranks[0] != ranks[1]:
        return ranks[0] > ranks[1]
    return (status["at"], status["status"]) > (known["at"], known["status"])


def add_status(row: MessageRow, word: str, *, at: datetime, details: Content) -> bool:
    """Add a status; return whether anything is new.

    It moves the message forward or not at all, but what it explains is kept.
    """
    before = row.changes
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
    return row.changes > before


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
    """Return a time as content holds it: RFC 3339 in UTC, always as long, so that texts compare."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
