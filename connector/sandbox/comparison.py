"""Holds what a CRM has against what was sent: the oracle's verdict.

It reads the sandbox's own memory and matches people by phone, else by name, and messages by their
place on the timeline and their words. Nothing of the connector is asked.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from itertools import pairwise
from typing import Any, NamedTuple

from connector.sandbox.traffic import ExpectedContact, ExpectedMessage

Json = Mapping[str, Any]

_SPEAKER = re.compile(r"(?:\d\d:\d\d )?<b>[^<]*</b>:")
"""How a message begins in a text that holds several."""


@dataclass(slots=True, repr=False)
class Verdict:
    """How the CRM differs from what was sent."""

    crm_ids: list[str | None] = field(default_factory=list)
    """The CRM contact of each expected one, in order; ``None`` where there is not exactly one."""
    missing_contacts: list[ExpectedContact] = field(default_factory=list)
    doubled_contacts: list[ExpectedContact] = field(default_factory=list)
    missing: list[ExpectedMessage] = field(default_factory=list)
    doubled: list[ExpectedMessage] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    """CRM ids of messages that nobody sent, or that stand with the wrong contact."""
    orphans: list[str] = field(default_factory=list)
    """CRM ids of messages on no contact's timeline."""
    leaked: list[ExpectedMessage] = field(default_factory=list)
    """Messages that reached the CRM with a part that must not leave."""
    disordered: list[ExpectedContact] = field(default_factory=list)
    """Contacts whose messages were created in another order than they were sent.

    Told apart from the rest: a late webhook makes this without anything being wrong.
    """

    @property
    def perfect(self) -> bool:
        """Whether everything is there once and nothing else is. Order is not judged."""
        return not any(
            (
                self.missing_contacts,
                self.doubled_contacts,
                self.missing,
                self.doubled,
                self.unexpected,
                self.orphans,
                self.leaked,
            )
        )

    def __repr__(self) -> str:
        return (
            f"{len(self.missing)} missing, {len(self.doubled)} doubled,"
            f" {len(self.unexpected)} unexpected, {len(self.orphans)} orphaned,"
            f" {len(self.leaked)} leaked messages; {len(self.missing_contacts)} missing,"
            f" {len(self.doubled_contacts)} doubled contacts"
        )


def compare_hubspot(expected: Sequence[ExpectedContact], state: Json) -> Verdict:
    """Judge the state of a sandbox HubSpot, ``GET /_sandbox/state``: one record for each message.

    Contacts and communications that were there before the traffic count as unexpected only where
    they stand on the timeline of an expected contact, or of none.
    """
    verdict = Verdict()
    by_phone, by_name = _index_contacts(state["contacts"])
    people = _find_people(verdict, expected, by_phone, by_name)
    timelines: dict[str, list[Json]] = defaultdict(list)
    for each in state["communications"]:
        ends = each["links"].get("contacts", ())
        if not ends:
            verdict.orphans.append(each["id"])
        for end in ends:
            timelines[end].append(each)
    for person, found in people:
        entries = [
            _Entry(
                each["id"],
                _milliseconds(each["properties"]["hs_timestamp"]),
                read_body(each["properties"].get("hs_communication_body", "")),
            )
            for number in found
            for each in timelines[number]
        ]
        _judge(verdict, person, entries)
    return verdict


def compare_rest(expected: Sequence[ExpectedContact], state: Json) -> Verdict:
    """Judge the state of a sandbox REST CRM, as its shipped mapping writes into it.

    A message has a ``sent_at``, and its words as plain text.
    """
    verdict = Verdict()
    by_phone: dict[str, list[str]] = defaultdict(list)
    by_name: dict[str, list[str]] = defaultdict(list)
    for each in state["contacts"]:
        by_phone[_digits(each.get("phone"))].append(str(each["id"]))
        by_name[each["name"]].append(str(each["id"]))
    timelines: dict[str, list[_Entry]] = defaultdict(list)
    for each in state["messages"]:
        words = " ".join(each.get("text", "").split())
        entry = _Entry(str(each["id"]), _milliseconds(each["sent_at"]), words)
        timelines[str(each["contact_id"])].append(entry)
    for person, found in _find_people(verdict, expected, by_phone, by_name):
        _judge(verdict, person, [each for number in found for each in timelines[number]])
    return verdict


def compare_pipedrive(expected: Sequence[ExpectedContact], state: Json) -> Verdict:
    """Judge the state of a sandbox Pipedrive: activities and notes of a message or of many.

    A text is taken apart where somebody begins to speak; each such part is one message at the
    most, and each message is in one part.
    """
    verdict = Verdict()
    by_phone: dict[str, list[str]] = defaultdict(list)
    by_name: dict[str, list[str]] = defaultdict(list)
    for each in state["persons"]:
        for phone in {_digits(entry["value"]) for entry in each["phones"]}:
            by_phone[phone].append(str(each["id"]))
        by_name[each["name"]].append(str(each["id"]))
    people = _find_people(verdict, expected, by_phone, by_name)
    timelines: dict[str, dict[int, str]] = defaultdict(dict)
    for each in (*state["activities"], *state["notes"]):
        if each["person_id"] is None:
            verdict.orphans.append(str(each["id"]))
            continue
        body = each.get("note") or each.get("content") or ""
        timelines[str(each["person_id"])][each["id"]] = body
    for person, found in people:
        entries = {number: body for owner in found for number, body in timelines[owner].items()}
        _judge_words(verdict, person, entries)
    return verdict


def _find_people(
    verdict: Verdict,
    expected: Sequence[ExpectedContact],
    by_phone: Mapping[str, list[str]],
    by_name: Mapping[str, list[str]],
) -> list[tuple[ExpectedContact, list[str]]]:
    """Return each expected person with the ids of all CRM contacts that may be this one."""
    people = []
    for person in expected:
        key = person.phone
        found = by_phone.get(_digits(key), []) if key else by_name.get(person.name, [])
        if not found:
            verdict.missing_contacts.append(person)
        elif len(found) > 1:
            verdict.doubled_contacts.append(person)
        verdict.crm_ids.append(found[0] if len(found) == 1 else None)
        people.append((person, found))
    return people


def _judge_words(verdict: Verdict, person: ExpectedContact, entries: Mapping[int, str]) -> None:
    """Find each message among what was spoken; the longest first, whose words fit the fewest."""
    spoken = {
        (number, place): words
        for number, body in entries.items()
        for place, words in enumerate(read_speeches(body))
    }
    found: dict[str, tuple[int, int]] = {}
    for message in sorted(person.messages, key=lambda each: -len("".join(each.visible))):
        place = next((at for at, words in spoken.items() if _says(words, message)), None)
        if place is None:
            verdict.missing.append(message)
            continue
        found[message.wamid] = place
        words = spoken.pop(place)
        if any(secret in words for secret in message.hidden):
            verdict.leaked.append(message)
    for (number, _), words in spoken.items():
        again = next((m for m in person.messages if m.visible and _says(words, m)), None)
        if again is not None:
            verdict.doubled.append(again)
        else:
            verdict.unexpected.append(str(number))
    places = [found[each.wamid] for each in person.messages if each.wamid in found]
    if places != sorted(places):
        verdict.disordered.append(person)


def read_speeches(html: str) -> list[str]:
    """Return the words of each message in an HTML body, or the whole where nobody is named."""
    starts = [match.start() for match in _SPEAKER.finditer(html)]
    parts = [html[start:end] for start, end in pairwise([*starts, len(html)])]
    return [read_body(part) for part in parts or [html]]


def _index_contacts(
    contacts: Iterable[Json],
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    by_phone: dict[str, list[str]] = defaultdict(list)
    by_name: dict[str, list[str]] = defaultdict(list)
    for each in contacts:
        values = each["properties"]
        phones = {
            values.get(f"hs_searchable_calculated_international_{word}_number")
            for word in ("phone", "mobile")
        }
        for phone in filter(None, phones):
            by_phone[_digits(phone)].append(each["id"])
        name = " ".join(values[part] for part in ("firstname", "lastname") if values.get(part))
        by_name[name].append(each["id"])
    return by_phone, by_name


class _Entry(NamedTuple):
    """One message on a timeline: when it was sent, in epoch milliseconds, and its words."""

    id: str
    moment: int
    body: str


def _judge(verdict: Verdict, person: ExpectedContact, entries: Sequence[_Entry]) -> None:
    at: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for each in entries:
        at[each.moment].append((each.id, each.body))
    used: set[str] = set()
    places: list[int] = []
    for message in person.messages:
        moment = round(message.sent_at.timestamp() * 1000)
        bodies = [(number, body) for number, body in at[moment] if _says(body, message)]
        used |= {number for number, _ in bodies}
        if not bodies:
            verdict.missing.append(message)
        elif len(bodies) > 1:
            verdict.doubled.append(message)
        if any(secret in body for secret in message.hidden for _, body in bodies):
            verdict.leaked.append(message)
        places += [int(number) for number, _ in bodies[:1]]
    if places != sorted(places):
        verdict.disordered.append(person)
    verdict.unexpected += [each.id for each in entries if each.id not in used]


def read_body(html: str) -> str:
    """Return the words of an HTML body, blanks made one."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def _says(body: str, message: ExpectedMessage) -> bool:
    return all(" ".join(part.split()) in body for part in message.visible)


def _digits(phone: str | None) -> str:
    """Return the digits of an E.164 phone; a Brazilian mobile's always with its ninth digit."""
    digits = re.sub(r"\D", "", phone or "")
    if re.fullmatch(r"55\d{2}[6-9]\d{7}", digits):
        return f"{digits[:4]}9{digits[4:]}"
    return digits


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
