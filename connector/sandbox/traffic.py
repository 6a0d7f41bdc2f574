"""Traffic to send, and what must be true once it has arrived.

What is expected is worked out from the conversations, never from the connector's own code, so that
a test or the demo can hold the CRM against it.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from connector.sandbox.conversations import CONVERSATIONS, NUMBERS, Conversation, Line
from connector.sandbox.envelopes import (
    BusinessNumber,
    Json,
    Person,
    Said,
    echoes_change,
    encode,
    make_change,
    make_entry,
    make_media,
    make_text,
    make_wamid,
    make_webhook,
    messages_change,
    statuses_change,
    write_echo,
    write_message,
    write_status,
)

DAY: Final = timedelta(hours=8)
"""How long the sample day lasts. Begun at least so long ago, nothing of it is in the future."""


@dataclass(frozen=True, slots=True)
class ExpectedMessage:
    """One message that a CRM must hold exactly once."""

    wamid: str
    number: str
    """The name of our number."""
    direction: Literal["in", "out"]
    kind: str
    text: str
    """What was written, or the caption, or a document's file name where it has no caption."""
    sent_at: datetime
    status: str | None = None
    """The furthest of an outbound message's statuses."""
    hidden: tuple[str, ...] = ()
    """Parts of the text that must not be in the CRM."""

    @property
    def visible(self) -> tuple[str, ...]:
        """The parts of the text that must be in the CRM."""
        parts = [self.text]
        for secret in self.hidden:
            parts = [piece for part in parts for piece in part.split(secret)]
        return tuple(part.strip() for part in parts if part.strip())


@dataclass(frozen=True, slots=True)
class ExpectedContact:
    """One person whom a CRM must hold exactly once."""

    name: str
    phone: str | None
    """E.164 with ``+``."""
    wa_id: str | None
    user_id: str | None
    username: str | None
    messages: tuple[ExpectedMessage, ...]

    @property
    def statuses(self) -> Counter[str]:
        """How many messages ended in which status."""
        return Counter(each.status for each in self.messages if each.status)


@dataclass(slots=True)
class Traffic:
    """Webhook bodies in the order in which they are to be sent, and what they amount to."""

    webhooks: list[bytes]
    expected: tuple[ExpectedContact, ...]
    numbers: tuple[BusinessNumber, ...] = NUMBERS
    redelivered: int = 0
    """Messages and statuses that come more than once, counted without their first time."""
    statuses: int = 0
    """Statuses of outbound messages, each once."""
    unknown: int = 0
    """Elements nobody can understand yet: an unknown field, an unknown type of message."""

    @property
    def messages(self) -> int:
        """How many distinct messages are expected."""
        return sum(len(each.messages) for each in self.expected)

    def summary(self) -> dict[str, int]:
        """Return what was sent, in numbers."""
        return {
            "webhooks": len(self.webhooks),
            "messages": self.messages,
            "redelivered": self.redelivered,
            "statuses": self.statuses,
            "contacts": len(self.expected),
        }


Role = Literal["message", "echo", "status"]


class _Element(NamedTuple):
    """One item of a webhook, before it is put into an envelope."""

    due: datetime
    role: Role
    number: BusinessNumber
    person: Person
    body: Json


@dataclass(slots=True)
class _Day:
    chance: random.Random
    expected: list[ExpectedContact] = field(default_factory=list)
    elements: list[_Element] = field(default_factory=list)
    statuses: int = 0
    serial: int = 0


class DayOfTraffic(Traffic):
    """The sample day: statuses out of order and before their message, repeats, batches, oddities.

    ``base`` is when the day begins; the same seed and base give the same bytes.
    """

    def __init__(
        self, base: datetime, *, seed: int = 0, numbers: Sequence[BusinessNumber] = NUMBERS
    ) -> None:
        chance = random.Random(seed)  # noqa: S311 - the order of samples, no secret
        day = _Day(chance)
        for conversation in CONVERSATIONS:
            number = numbers[conversation.number % len(numbers)]
            _speak(day, conversation, number, base.replace(microsecond=0))
        elements = sorted(day.elements, key=lambda each: (each.due, str(each.body["id"])))
        webhooks = list(_wrap(elements, chance))
        again = _repeat(webhooks, elements, chance)
        odd = _oddities(elements, numbers[0], base)
        for body in odd:
            webhooks.insert(chance.randrange(len(webhooks)), body)
        super().__init__(
            webhooks,
            tuple(day.expected),
            tuple(numbers),
            redelivered=again,
            statuses=day.statuses,
            unknown=len(odd),
        )


def _speak(day: _Day, conversation: Conversation, number: BusinessNumber, base: datetime) -> None:
    """Turn a conversation into elements and into what is expected of them."""
    person = conversation.person
    moment = base + timedelta(minutes=conversation.start)
    said: list[tuple[BusinessNumber | Person, str]] = []
    messages: list[ExpectedMessage] = []
    for line in conversation.lines:
        moment += timedelta(minutes=line.pause, seconds=day.chance.randrange(50))
        day.serial += 1
        wamid = make_wamid(person, day.serial, outbound=line.direction == "out")
        words = Said(wamid, moment, line.kind, _content(line, day.serial))
        if line.direction == "in":
            quoted = None if line.quotes is None else said[line.quotes]
            body = write_message(person, words, reply_to=quoted)
            day.elements.append(_Element(moment, "message", number, person, body))
        else:
            day.elements += _utter(day, number, person, words, line.statuses)
        said.append((person if line.direction == "in" else number, wamid))
        messages.append(
            ExpectedMessage(
                wamid,
                number.name,
                line.direction,
                line.kind,
                line.text or line.filename or "",
                moment,
                line.statuses[-1] if line.direction == "out" else None,
                line.hidden,
            )
        )
    day.expected.append(
        ExpectedContact(
            person.name or f"@{person.username}",
            conversation.phone,
            person.wa_id,
            person.user_id,
            person.username,
            tuple(messages),
        )
    )


def _utter(
    day: _Day, number: BusinessNumber, person: Person, words: Said, statuses: Sequence[str]
) -> Iterator[_Element]:
    """Yield the echo of an outbound message and its statuses, due in disorder now and then."""
    late = day.chance.random() < 0.15
    echo = write_echo(number, _dialled(person, day.chance), words)
    due = words.sent_at + timedelta(seconds=90 if late else 0)
    yield _Element(due, "echo", number, person, echo)
    hasty = day.chance.random() < 0.2
    for place, status in enumerate(statuses):
        at = words.sent_at + timedelta(seconds=2 + 8 * place)
        errors = [_FAILURE] if status == "failed" else []
        body = write_status(person, words.wamid, status, at, errors=errors)
        day.statuses += 1
        arrives = at - timedelta(seconds=16 * place) if hasty else at
        yield _Element(arrives, "status", number, person, body)


_FAILURE: Final[Json] = {
    "code": 131026,
    "title": "Message undeliverable",
    "message": "Message undeliverable",
    "error_data": {"details": "Message Undeliverable."},
}


def _dialled(person: Person, chance: random.Random) -> Person:
    """Return the person as the colleague's phone dialled them.

    Somebody without a user id may be dialled with the ninth digit that WhatsApp's own id lacks.
    """
    wa_id = person.wa_id
    if person.user_id or not wa_id or len(wa_id) != 12 or chance.random() < 0.5:
        return person
    return Person(person.name, f"{wa_id[:4]}9{wa_id[4:]}", None, person.username)


def _content(line: Line, serial: int) -> Json:
    if line.kind == "text":
        return make_text(line.text)
    return make_media(line.kind, serial, line.text, line.filename)


def _wrap(elements: Sequence[_Element], chance: random.Random) -> Iterator[bytes]:
    """Put elements into envelopes: mostly one each, sometimes a few, once a great batch."""
    great = len(elements) // 3, len(elements) // 3 + 30
    place = 0
    while place < len(elements):
        if place == great[0]:
            size = great[1] - great[0]
        else:
            size = 1 if chance.random() < 0.8 else chance.randint(2, 5)
            if place < great[0]:
                size = min(size, great[0] - place)
        yield envelop(elements[place : place + size])
        place += size


def envelop(elements: Sequence[_Element]) -> bytes:
    """Return one webhook of several elements: an entry for each account, a change for each kind."""
    entries: dict[str, dict[tuple[str, str], list[_Element]]] = {}
    numbers: dict[str, BusinessNumber] = {}
    for each in elements:
        numbers[each.number.phone_number_id] = each.number
        key = each.number.phone_number_id, each.role
        entries.setdefault(each.number.waba_id, {}).setdefault(key, []).append(each)
    return encode(
        [
            make_entry(
                numbers[next(iter(changes))[0]],
                [
                    _change(role, numbers[number_id], members)
                    for (number_id, role), members in changes.items()
                ],
            )
            for changes in entries.values()
        ]
    )


def _change(role: str, number: BusinessNumber, members: Sequence[_Element]) -> Json:
    people = list(dict.fromkeys(each.person for each in members))
    bodies = [each.body for each in members]
    if role == "message":
        return messages_change(number, people, bodies)
    if role == "echo":
        dialled = {each["to"] for each in bodies if "to" in each}
        return echoes_change(number, _as_dialled(people, dialled), bodies)
    told = [each.person for each in members if each.body["status"] != "failed"]
    return statuses_change(number, list(dict.fromkeys(told)), bodies)


def _as_dialled(people: Sequence[Person], dialled: set[str]) -> list[Person]:
    """Return the people of echoes: somebody without a user id as the phone that was dialled."""
    known = [each for each in people if each.user_id]
    others = dialled - {each.wa_id for each in known}
    return known + [Person(wa_id=each) for each in sorted(others)]


def _repeat(webhooks: list[bytes], elements: Sequence[_Element], chance: random.Random) -> int:
    """Send some webhooks twice, and some elements again in other company. Returns how many."""
    again = 0
    for body in chance.sample(webhooks, 6):
        webhooks.insert(chance.randrange(len(webhooks)), body)
        again += body.count(b'"id":"wamid.') - body.count(b'"context":{')
    for _ in range(3):
        company = sorted(chance.sample(elements, 3), key=lambda each: each.due)
        webhooks.insert(chance.randrange(len(webhooks) // 2, len(webhooks)), envelop(company))
        again += len(company)
    return again


def _oddities(elements: Sequence[_Element], number: BusinessNumber, base: datetime) -> list[bytes]:
    """Return webhooks that nobody understands yet, each with one such element."""
    person = next(each.person for each in elements if each.role == "message")
    odd: dict[str, Any] = {"shape": "sphere"}
    strange = write_message(person, Said(make_wamid(person, 9_999), base, "hologram", odd))
    return [
        make_webhook(number, messages_change(number, [person], [strange])),
        make_webhook(number, make_change(number, "galaxy_updates", galaxies=[{"id": "M31"}])),
    ]
