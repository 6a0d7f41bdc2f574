"""What the dashboard shows and orders, of a ledger: the runtime's side of ``web.dashboard``."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from connector.config.models import Config
from connector.crm.phones import read_phones
from connector.ledger.alarms import Alarm, past_alarms
from connector.ledger.dead_letters import (
    DeadLetter,
    Filter,
    count_dead_letters,
    discard_dead_letters,
    list_dead_letters,
    retry_dead_letters,
)
from connector.ledger.history import recent_runs
from connector.ledger.ledger import Ledger
from connector.ledger.minutes import Minutes, load_minutes
from connector.ledger.reviews import count_open_reviews, open_reviews
from connector.ledger.runs import Run
from connector.ledger.stories import find_story, message_story
from connector.ledger.threads import Entry, newest_messages
from connector.runtime.explanation import hash_wamid, tell_story
from connector.runtime.letters import letter_json
from connector.runtime.places import Places
from connector.runtime.resumption import resume_destination
from connector.runtime.reviews import find_review, resolve_review, review_json
from connector.runtime.status import advise
from connector.runtime.times import rfc3339

PAGE: Final = 50
"""Rows on a page."""
_MESSAGES: Final = 40
"""Messages that a contact's page shows."""


@dataclass(frozen=True, slots=True)
class LedgerDesk:
    """The desk of one installation."""

    config: Config
    ledger: Ledger
    take_status: Callable[[], Awaitable[Mapping[str, Any]]]

    async def status(self) -> Mapping[str, Any]:
        """Return what ``status --json`` shows."""
        return await self.take_status()

    def advise(self, name: str, destination: Mapping[str, Any]) -> tuple[str, str]:
        """Return a destination's state in words, and what to do."""
        advice = advise(name, destination)
        return advice.words, advice.next

    async def minutes(self, since: datetime) -> Minutes:
        """Return what happened in each minute."""
        return await self.ledger.read(load_minutes, since=since)

    async def past_alarms(self) -> Sequence[Alarm]:
        """Return the alerts that are over, the newest first."""
        return await self.ledger.read(past_alarms, limit=PAGE)

    async def runs(self, *, before: int | None) -> Sequence[Run]:
        """Return what was carried out, the newest first."""
        return await self.ledger.read(recent_runs, limit=PAGE, before=before)

    async def letters(self, which: Filter) -> Mapping[str, Any]:
        """Return the oldest dead letters, and how many there are."""

        def take(connection: Connection) -> dict[str, Any]:
            letters = list_dead_letters(connection, which, limit=PAGE)
            total = len(letters)
            if total == PAGE:
                total = count_dead_letters(connection, which)
            return {"total": total, "items": [_letter(letter) for letter in letters]}

        return await self.ledger.read(take)

    async def retry(self, which: Filter, *, by: str) -> int:
        """Give dead letters another try; return how many."""

        def change(connection: Connection) -> int:
            now = self.ledger.now(connection)
            return retry_dead_letters(connection, which, actor=by, now=now)

        return await self.ledger.write(change)

    async def discard(self, which: Filter, *, reason: str, by: str) -> int:
        """Give dead letters up; return how many."""

        def change(connection: Connection) -> int:
            now = self.ledger.now(connection)
            return discard_dead_letters(connection, which, reason=reason, actor=by, now=now)

        return await self.ledger.write(change)

    async def reviews(self) -> Mapping[str, Any]:
        """Return the oldest open reviews, and how many there are."""

        def take(connection: Connection) -> dict[str, Any]:
            reviews = open_reviews(connection, limit=PAGE)
            places = Places.of(connection, self.config)
            return {
                "total": count_open_reviews(connection),
                "items": [review_json(each, places) for each in reviews],
            }

        return await self.ledger.read(take)

    async def resolve(self, review: int, decision: str, *, by: str) -> None:
        """Carry out a decision on a review."""
        await asyncio.to_thread(self._resolve, review, decision, by)

    def _resolve(self, review: int, decision: str, by: str) -> None:
        resolve_review(self.ledger, find_review(self.ledger, review), decision, by=by)

    async def resume(self, name: str, *, by: str) -> None:
        """End a destination's pause now."""
        await asyncio.to_thread(resume_destination, self.ledger, name, by=by)

    async def find(self, given: str) -> str | None:
        """Return the path of the page about whatever an id or phone names.

        A phone may lack its country: it is then read as one of a country of our numbers.
        """
        countries = {number.country for number in self.config.whatsapp.numbers}
        phones = {phone for each in sorted(countries) for phone in read_phones(given, each)}
        self.ledger.keyed_hash("")  # reads the key once, before a transaction needs it
        return await self.ledger.read(self._find, [given, *sorted(phones)])

    def _find(self, connection: Connection, names: Sequence[str]) -> str | None:
        for name in names:
            story = find_story(
                connection, name, wamid_hash=lambda wamid: hash_wamid(self.ledger, wamid)
            )
            if story is not None and story.message is not None:
                return f"/messages/{story.message.id}"
            if story is not None:
                return f"/contacts/{story.contact.key}"
        return None

    async def message(self, message_id: int) -> Mapping[str, Any] | None:
        """Return the explanation of one message."""

        def take(connection: Connection) -> dict[str, Any] | None:
            story = message_story(connection, message_id)
            if story is None:
                return None
            return tell_story(connection, story, given=str(message_id), config=self.config)

        return await self.ledger.read(take)

    async def contact(self, key: str) -> Mapping[str, Any] | None:
        """Return the explanation of a contact, with its newest messages."""

        def take(connection: Connection) -> dict[str, Any] | None:
            story = find_story(connection, key, wamid_hash=lambda _: "")
            if story is None or story.contact.key != key:
                return None
            told = tell_story(connection, story, given=key, config=self.config)
            messages = newest_messages(connection, story.contact.id, limit=_MESSAGES)
            return told | {"messages": [_entry_json(each) for each in messages]}

        return await self.ledger.read(take)


def _letter(letter: DeadLetter) -> dict[str, Any]:
    """Return a dead letter with the page that tells its story; a conversation's is its contact."""
    page = (
        f"/messages/{letter.source_id}"
        if letter.record == "message"
        else f"/contacts/{letter.contact}"
    )
    return letter_json(letter) | {"path": page}


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "number": entry.number,
        "direction": entry.direction,
        "type": entry.kind,
        "sent_at": rfc3339(entry.sent_at),
        "fates": {
            name: {"state": fate.state, "code": fate.code}
            for name, fate in sorted(entry.fates.items())
        },
    }
