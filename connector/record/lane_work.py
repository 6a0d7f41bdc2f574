"""What a batch puts on lanes: new records, and records that have to be written anew."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from connector.ledger.contacts import Person
from connector.ledger.lanes import Wanted, want, want_again
from connector.ledger.markers import carrier_marker
from connector.ledger.messages import MessageRow
from connector.model.record import RecordKind
from connector.record.batch import Item
from connector.record.routing import Route, Rules, shows

LIVE: Final = 0
BACKFILL: Final = 10
BLOCKED: Final = "blocked"
TOO_OLD: Final = "too_old"

_Records = dict[tuple[str, RecordKind, str], Wanted]


class LaneWork:
    """Collects what is wanted, each record once, and puts it on the lanes."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._new: _Records = {}
        self._again: _Records = {}

    @property
    def destinations(self) -> set[str]:
        """Return where there is something to do now."""
        return {w.destination for w in (*self._new.values(), *self._again.values()) if not w.skip}

    def add_new(self, row: MessageRow, item: Item, person: Person) -> str | None:
        """Want a message that has just arrived, and its contact; return why not, if not.

        A message that is never to be written still gets its row, so that it is accounted for.
        """
        skip = self._reason_to_skip(row, item, person)
        for route in self._routes(row):
            _add(self._new, self._carrier(route, row, item, skip=skip, new=True))
            if skip is None:
                _add(self._new, _contact(route, person, priority=_priority(item)))
        return skip

    def add_changed(self, row: MessageRow, item: Item, parts: set[str]) -> None:
        """Want a message anew of which ``parts`` (``content``, ``status``) have changed."""
        for route in self._routes(row):
            if parts != {"status"} or "status" in route.message_uses:
                _add(self._again, self._carrier(route, row, item))

    def add_learnt(self, person: Person) -> None:
        """Want a contact anew where what was learnt of it shows; one that is in no CRM stays so."""
        for route in self._rules.routes:
            if shows(person.changed, route.contact_uses):
                _add(self._again, _contact(route, person, priority=BACKFILL))

    def put(self, connection: Connection, *, now: datetime) -> None:
        """Put everything on the lanes."""
        want(connection, _in_order(self._new), now=now)
        rest = {key: wanted for key, wanted in self._again.items() if key not in self._new}
        want_again(connection, _in_order(rest), now=now)

    def _routes(self, row: MessageRow) -> list[Route]:
        return [route for route in self._rules.routes if route.takes(row.number)]

    def _reason_to_skip(self, row: MessageRow, item: Item, person: Person) -> str | None:
        if self._rules.block.holds(person.aliases):
            return BLOCKED
        if not item.backfill and item.received_at - row.sent_at > self._rules.max_event_age:
            return TOO_OLD
        return None

    def _carrier(
        self,
        route: Route,
        row: MessageRow,
        item: Item,
        *,
        skip: str | None = None,
        new: bool = False,
    ) -> Wanted:
        """Return the record that carries a message in a destination."""
        conversation = route.granularity == "conversation"
        return Wanted(
            destination=route.destination,
            contact_id=row.contact_id,
            record=route.granularity,
            source_id=row.conversation if conversation else str(row.id),
            marker=carrier_marker(
                self._rules.keyed_hash,
                route.destination,
                route.granularity,
                wamid=row.wamid,
                conversation=row.conversation,
            ),
            position=int(row.sent_at.timestamp() * 1000),
            priority=_priority(item),
            renew=conversation or not new,
            skip=skip,
        )


def _contact(route: Route, person: Person, *, priority: int) -> Wanted:
    return Wanted(
        destination=route.destination,
        contact_id=person.stored_id,
        record="contact",
        source_id=str(person.stored_id),
        marker=person.key,
        position=0,
        priority=priority,
        renew=shows(person.changed, route.contact_uses),
    )


def _priority(item: Item) -> int:
    return BACKFILL if item.backfill else LIVE


def _add(records: _Records, wanted: Wanted) -> None:
    """Add a record; one that is wanted twice is wanted in the more pressing way."""
    key = (wanted.destination, wanted.record, wanted.source_id)
    other = records.get(key)
    if other is not None:
        wanted = Wanted(
            destination=wanted.destination,
            contact_id=wanted.contact_id,
            record=wanted.record,
            source_id=wanted.source_id,
            marker=wanted.marker,
            position=min(wanted.position, other.position),
            priority=min(wanted.priority, other.priority),
            renew=wanted.renew or other.renew,
            skip=wanted.skip if other.skip else None,
        )
    records[key] = wanted


def _in_order(records: _Records) -> list[Wanted]:
    """Return records with live traffic last: what is said of a lane last is what counts."""
    return sorted(records.values(), key=lambda wanted: -wanted.priority)
