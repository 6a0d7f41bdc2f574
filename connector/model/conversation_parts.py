"""A conversation that is more than one CRM record holds: the parts in which it is kept.

The parts follow from the messages alone, in the order in which they were sent, so that every way to
the same messages leads to the same parts. They are measured, not rendered: what a message comes to
in HTML at most, whatever a mapping makes of it.
"""

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Final

from connector.model.message import Message

ROOM: Final = 60_000
"""Characters of one part. HubSpot and Pipedrive keep 65,536 of a note; the rest is for what stands
around the messages."""
_AROUND: Final = 150
"""Characters beside a message's own: time, speaker, tags."""
_LONGEST: Final = 50_000
"""Characters that one message counts at most: a longer one is cut when it is rendered."""
_BREAK: Final = len("<br>")
_CONTINUED: Final = re.compile(r"(?s)([^:~]*)(?:~(\d{1,6}))?(:.*)")
_PART: Final = re.compile(r"(?s)(.*:\d{4}-\d{2}-\d{2})#(\d{1,6})")


def part_key(conversation: str, number: int) -> str:
    """Return the key of a part: the first one has the conversation's own."""
    return conversation if number == 1 else f"{conversation}#{number}"


def read_part_key(key: str) -> tuple[str, int]:
    """Return the conversation and the number of the part that a key means."""
    found = _PART.fullmatch(key)
    return (key, 1) if found is None else (found[1], int(found[2]))


def continuation_key(conversation: str) -> str:
    """Return the key of the conversation in which one goes on that can take no more messages."""
    found = _CONTINUED.fullmatch(conversation)
    if found is None:
        raise ValueError("this is not the key of a conversation")
    return f"{found[1]}~{int(found[2] or 1) + 1}{found[3]}"


def split_conversation(messages: Sequence[Message]) -> list[list[Message]]:
    """Return the parts of a conversation's messages, which are in order; at least one part."""
    parts: list[list[Message]] = [[]]
    room = ROOM
    for message in messages:
        size = _measure(message)
        if size > room and parts[-1]:
            parts.append([])
            room = ROOM
        parts[-1].append(message)
        room -= size
    return parts


def _measure(message: Message) -> int:
    text = json.dumps(message.content, ensure_ascii=False)
    size = len(escape(text)) + text.count("\\n") * _BREAK
    return min(size, _LONGEST) + _AROUND
