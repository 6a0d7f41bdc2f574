"""The transaction that takes a batch of events into the ledger and puts the work on lanes."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection

from connector.failpoints import failpoint
from connector.ledger.contacts import Person, RaceLostError
from connector.ledger.media import MediaFile, want_media
from connector.ledger.messages import MessageRow, find_messages, store_messages
from connector.ledger.notices import Notice, store_notices
from connector.ledger.webhooks import SettledWebhook, settle_webhooks
from connector.model.events import (
    EditEvent,
    Kept,
    LearnEvent,
    LinkEvent,
    MessageEvent,
    MessagePart,
    ReactionEvent,
    RevokeEvent,
    StatusEvent,
)
from connector.record.batch import Batch, Item, Leavings, is_second
from connector.record.fields import FIELDS
from connector.record.lane_work import TOO_OLD, LaneWork
from connector.record.meeting import meet, sight
from connector.record.merge import (
    add_arrival,
    add_edit,
    add_participant,
    add_reaction,
    add_revoke,
    add_status,
)
from connector.record.resolve import Resolution
from connector.record.routing import Rules

_TRIES: Final = 5


@dataclass(slots=True)
class RecordReport:
    """What became of elements."""

    webhooks: int = 0
    """Webhooks that are recorded whole by now."""
    elements: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By webhook field and result: ``new``, ``duplicate``, ``too_old``, ``unparsable`` ..."""
    lags: list[float] = field(default_factory=list)
    """Seconds from WhatsApp's own time to ours, of live messages that are new."""
    last_received: dict[str, datetime] = field(default_factory=dict)
    """When each number last received anything."""
    destinations: set[str] = field(default_factory=set)
    """Where work was put on lanes."""
    kept: dict[Leavings, list[Kept]] = field(default_factory=dict)
    """What turned out only here to become no event."""


def record(connection: Connection, batch: Batch, rules: Rules, *, now: datetime) -> RecordReport:
    """Record a batch. Recording the same again changes nothing.

    If another process stores one of these people or messages first, everything is undone and done
    again from what that process wrote.
    """
    for tries in range(_TRIES):
        try:
            with connection.begin_nested():
                return _Recording(connection, batch, rules, now=now, tries=tries).carry_out()
        except RaceLostError:
            if tries == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


class _Recording:
    def __init__(
        self, connection: Connection, batch: Batch, rules: Rules, *, now: datetime, tries: int
    ) -> None:
        self._connection = connection
        self._batch = batch
        self._rules = rules
        self._now = now
        self._variant = f"|{tries}" if tries > 1 else ""
        self._report = RecordReport()
        self._rows: dict[str, MessageRow] = {}
        self._people: dict[int, Person] = {}
        self._fresh: dict[MessageRow, Item] = {}
        self._again: dict[MessageRow, tuple[Item, set[str]]] = {}

    def carry_out(self) -> RecordReport:
        items = self._batch.items
        hashes = {item.wamid_hash for item in items if item.wamid_hash is not None}
        self._rows = find_messages(self._connection, hashes)
        items = [item for item in items if self._may_add(item)]
        sightings = [sight(item.event) for item in items]
        resolution = meet(
            self._connection,
            [sighting for sighting in sightings if sighting is not None],
            scope=self._rules.portfolio,
            keyed_hash=self._rules.keyed_hash,
            variant=self._variant,
            now=self._now,
        )
        failpoint("record.after_people")
        self._follow_merges(resolution)
        people = iter(resolution.people)
        for item, sighting in zip(items, sightings, strict=True):
            self._take_in(item, None if sighting is None else next(people).lasting)
        store_messages(self._connection, list(self._rows.values()))
        self._put_on_lanes(resolution)
        self._want_media()
        self._store_notices()
        self._settle()
        return self._report

    def _may_add(self, item: Item) -> bool:
        """Leave out what would bring an erased person back, and what is nobody's."""
        if item.wamid_hash is None:
            return True
        row = self._rows.get(item.wamid_hash)
        if row is not None and row.erased:
            self._count(item, "duplicate")
            return False
        if row is None and not item.event.person.known:
            field_ = item.event.field
            kept = Kept("unparsable", field_, f"{field_}/recipient")
            self._report.kept.setdefault(item.leavings, []).append(kept)
            return False
        return True

    def _take_in(self, item: Item, person: Person | None) -> None:
        """Take in one event whose person has been met."""
        if person is not None:
            self._people[person.stored_id] = person
        event = item.event
        if isinstance(event, LinkEvent | LearnEvent):
            self._count(item, "new" if person is not None and person.changed else "duplicate")
            return
        row = self._row(item, event, person)
        seen, failed = row.seen, row.status == "failed"
        changed = self._add(item, event, row, person)
        if row.seen and not seen:
            self._fresh[row] = item
            if not item.backfill:
                self._report.lags.append((item.received_at - event.at).total_seconds())
        elif changed and seen:
            # That a message was not delivered is said in its text, and taken back there.
            only_status = isinstance(event, StatusEvent) and not failed and row.status != "failed"
            part = "status" if only_status else "content"
            self._again.setdefault(row, (item, set()))[1].add(part)
        self._count(item, "new" if changed else "duplicate")

    def _add(self, item: Item, event: MessagePart, row: MessageRow, person: Person | None) -> bool:
        """Add an event to the message it is about; return whether it says anything new."""
        match event:
            case MessageEvent():
                contact_id = row.contact_id if person is None else person.stored_id
                return add_arrival(
                    row,
                    webhook_id=item.leavings.webhook_id,
                    wamid=event.wamid,
                    number=item.number.name,
                    contact_id=contact_id,
                    conversation=self._conversation(
                        row.conversation.partition(":")[0] if person is None else person.key,
                        item.number.name,
                        event.at,
                    ),
                    direction=event.direction,
                    kind=event.kind,
                    content=event.content,
                    sent_at=event.at,
                )
            case StatusEvent():
                return self._add_status(row, event, person)
            case EditEvent():
                return add_edit(row, event.content, at=event.at)
            case RevokeEvent():
                return add_revoke(row, at=event.at)
            case ReactionEvent():
                by = person.key if person is not None and event.in_group else None
                return add_reaction(row, event.emoji, direction=event.direction, by=by, at=event.at)

    def _row(self, item: Item, event: MessagePart, person: Person | None) -> MessageRow:
        """Return the message an event is about, seen or not."""
        hashed = item.wamid_hash or ""
        row = self._rows.get(hashed)
        if row is None:
            assert person is not None  # noqa: S101 - _may_add saw to it
            ours = isinstance(event, StatusEvent) or (
                isinstance(event, ReactionEvent) == (event.direction == "in")
            )
            row = self._rows[hashed] = MessageRow(
                wamid_hash=hashed,
                wamid=event.about,
                number=item.number.name,
                contact_id=person.stored_id,
                conversation=self._conversation(person.key, item.number.name, event.at),
                direction="out" if ours else "in",
                sent_at=event.at,
            )
        return row

    def _add_status(self, row: MessageRow, event: StatusEvent, person: Person | None) -> bool:
        changed = add_status(row, event.status, at=event.at, details=event.details)
        if event.participant is None:
            return changed
        others = (row.content or {}).get("participants", {})
        if not row.seen and person is not None and event.participant < min(others, default="~"):
            # A message to a group that nobody has seen has no contact of its own; so that the order
            # of its statuses does not matter, it is the first of the people by name.
            row.set("contact_id", person.stored_id)
        return add_participant(row, event.participant, event.status, at=event.at) or changed

    def _follow_merges(self, resolution: Resolution) -> None:
        """Let messages read before two contacts became one belong to the one."""
        moved = {loser.id: survivor.lasting.stored_id for survivor, loser in resolution.merged}
        for row in self._rows.values():
            row.contact_id = moved.get(row.contact_id, row.contact_id)

    def _conversation(self, who: str, number: str, at: datetime) -> str:
        """Return the key of a conversation, from the contact's key.

        Ids would be given to others after a backup was restored; the key comes from the person.
        """
        day = at.astimezone(self._rules.time_zone).date()
        return f"{who}:{number}:{day}"

    def _put_on_lanes(self, resolution: Resolution) -> None:
        lanes = LaneWork(self._rules)
        for row, item in self._fresh.items():
            person = self._people[row.contact_id]
            if lanes.add_new(row, item, person) == TOO_OLD:
                self._count(item, TOO_OLD)
        for row, (item, parts) in self._again.items():
            if row not in self._fresh:
                lanes.add_changed(row, item, parts)
        for person in resolution.touched:
            if person.merged_into is None:
                lanes.add_learnt(person)
        lanes.put(self._connection, now=self._now)
        self._report.destinations = lanes.destinations

    def _want_media(self) -> None:
        """Have the files of messages fetched that are new or were filled in."""
        rules, files = self._rules, []
        filled = [row for row, (_, parts) in self._again.items() if "content" in parts]
        for row in dict.fromkeys((*self._fresh, *filled)):
            described = (row.content or {}).get("media") or {}
            person = self._people.get(row.contact_id)
            blocked = person is not None and rules.block.holds(person.aliases)
            if row.id is not None and described.get("id") and not blocked:
                files.append(
                    MediaFile(
                        message_id=row.id,
                        media_id=described["id"],
                        mime_type=described.get("mime_type"),
                        sha256=described.get("sha256"),
                    )
                )
        state: Literal["wanted", "skipped"] = "wanted" if rules.fetch_media else "skipped"
        want_media(self._connection, files, state=state, now=self._now)

    def _store_notices(self) -> None:
        """Store what WhatsApp says of our own accounts."""
        notices = [
            Notice(
                field=notice.field,
                subject=notice.subject,
                word=notice.word,
                level=notice.level,
                at=notice.at or received_at,
                details=notice.details,
            )
            for notice, received_at in self._batch.notices
        ]
        store_notices(self._connection, notices, now=self._now)
        for notice in notices:
            self._report.elements[_label(notice.field), "new"] += 1

    def _settle(self) -> None:
        """Mark the webhooks that end here as recorded, with what became no event."""
        report = self._report
        settled = []
        for leavings in self._batch.ends:
            more = report.kept.get(leavings, [])
            settled.append(
                SettledWebhook(leavings.webhook_id, leavings.counts(more), leavings.error)
            )
            for kept in (*leavings.kept, *more):
                report.elements[_label(kept.field), kept.reason] += 1
        settle_webhooks(self._connection, settled, now=self._now)
        report.webhooks = len(settled)

    def _count(self, item: Item, result: str) -> None:
        if is_second(item.event):
            return
        self._report.elements[_label(item.event.field), result] += 1
        last = self._report.last_received
        name = item.number.name
        last[name] = max(item.received_at, last.get(name, item.received_at))


def _label(field_: str) -> str:
    """Return a webhook field as a metric's label: a closed list, whatever WhatsApp invents."""
    return field_ if field_ in FIELDS else "other"
