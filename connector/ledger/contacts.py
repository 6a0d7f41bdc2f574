"""Contacts and their aliases, read and written for a whole batch in a handful of statements.

Who is who is decided between the two, by ``connector.record.resolve``. Several processes may meet
the same new person at once: aliases are unique, everything is locked and inserted in sorted order,
and whoever comes second raises ``RaceLostError``, undoes its part and looks again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from connector.errors import LedgerError
from connector.ledger.insertion import insert_new
from connector.ledger.schema import alias, contact
from connector.ledger.updates import update_rows
from connector.model.identity import Alias

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""``seen_at`` of an alias that is only the other spelling of one that was seen."""

_ATTRIBUTES: Final = (
    "phone",
    "username",
    "profile_name",
    "profile_seen_at",
    "book_name",
    "book_seen_at",
    "first_seen_at",
    "last_inbound_at",
    "last_outbound_at",
    "marketing_opt_out_at",
    "marketing_seen_at",
    "referral",
)
_ATTRIBUTES_SET: Final = frozenset(_ATTRIBUTES)


class RaceLostError(LedgerError):
    """Another process stored one of these contacts or aliases first; look again."""


@dataclass(slots=True, eq=False)
class Person:
    """A contact with its aliases, as the ledger has it and as it becomes."""

    key: str
    first_seen_at: datetime
    id: int | None = None
    """``None`` until it is stored."""
    aliases: dict[Alias, datetime] = field(default_factory=dict)
    """Each with the time of the newest event that showed it."""
    phone: str | None = None
    username: str | None = None
    profile_name: str | None = None
    profile_seen_at: datetime | None = None
    book_name: str | None = None
    book_seen_at: datetime | None = None
    last_inbound_at: datetime | None = None
    last_outbound_at: datetime | None = None
    marketing_opt_out_at: datetime | None = None
    marketing_seen_at: datetime | None = None
    referral: Mapping[str, Any] | None = None
    merged_into: "Person | None" = None
    changed: set[str] = field(default_factory=set)
    """Attributes that differ from what is stored; ``user_id`` and ``wa_id`` for its aliases."""

    def set(self, name: str, value: Any) -> None:
        """Give an attribute a value, noting whether that changes it."""
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.changed.add(name)

    def of_kind(self, kind: str) -> list[Alias]:
        """Return the aliases of one kind."""
        return [known for known in self.aliases if known.kind == kind]

    @property
    def stored_id(self) -> int:
        """The id of a contact that is stored."""
        if self.id is None:
            raise ValueError("this contact is not stored yet")
        return self.id

    @property
    def lasting(self) -> "Person":
        """The contact this one was merged into, or itself."""
        person = self
        while person.merged_into is not None:
            person = person.merged_into
        return person


@dataclass(slots=True)
class Known:
    """What the ledger holds on a set of aliases, locked until the transaction ends."""

    people: dict[int, Person] = field(default_factory=dict)
    """By id."""
    owners: dict[Alias, Person] = field(default_factory=dict)
    stored: dict[Alias, tuple[int, datetime]] = field(default_factory=dict)
    """Each alias with its contact and ``seen_at`` as they stand in the ledger."""


def find_contacts(connection: Connection, aliases: Collection[Alias]) -> Known:
    """Return the owners of these aliases, with all of their other aliases too."""
    return load_people(connection, _owner_ids(connection, aliases))


def load_people(connection: Connection, ids: Collection[int]) -> Known:
    """Return contacts with all of their aliases, locked until the transaction ends."""
    known = Known()
    if not ids:
        return known
    rows = connection.execute(
        select(contact.c.id, contact.c.key, *(contact.c[name] for name in _ATTRIBUTES))
        .where(contact.c.id.in_(ids))
        .order_by(contact.c.id)
        .with_for_update(key_share=True)
    )
    for row in rows:
        known.people[row.id] = Person(
            id=row.id, key=row.key, **{name: getattr(row, name) for name in _ATTRIBUTES}
        )
    owned = connection.execute(
        select(alias.c.scope, alias.c.kind, alias.c.value, alias.c.contact_id, alias.c.seen_at)
        .where(alias.c.contact_id.in_(ids))
        .order_by(alias.c.scope, alias.c.kind, alias.c.value)
    )
    for scope, kind, value, contact_id, seen_at in owned:
        name = Alias(scope, kind, value)
        known.owners[name] = known.people[contact_id]
        known.stored[name] = (contact_id, seen_at)
        known.people[contact_id].aliases[name] = seen_at
    return known


def _owner_ids(connection: Connection, aliases: Collection[Alias]) -> set[int]:
    values: dict[tuple[str, str], list[str]] = {}
    for name in sorted(aliases):
        values.setdefault((name.scope, name.kind), []).append(name.value)
    ids: set[int] = set()
    for (scope, kind), listed in values.items():
        ids.update(
            connection.execute(
                select(alias.c.contact_id).where(
                    alias.c.scope == scope, alias.c.kind == kind, alias.c.value.in_(listed)
                )
            ).scalars()
        )
    return ids


def store_contacts(connection: Connection, people: Sequence[Person], known: Known) -> None:
    """Write down people and their aliases as they have become; new ones get their ``id``.

    ``people`` holds everybody that was touched, those that were merged into others included.
    """
    lasting = [person for person in people if person.merged_into is None]
    _insert_contacts(connection, [person for person in lasting if person.id is None])
    _store_aliases(connection, lasting, known)
    changed = sorted(
        (person for person in lasting if person.changed & _ATTRIBUTES_SET),
        key=lambda person: person.stored_id,
    )
    update_rows(
        connection,
        contact,
        [
            {"id": person.id, **{name: getattr(person, name) for name in _ATTRIBUTES}}
            for person in changed
        ],
    )


def _insert_contacts(connection: Connection, people: Sequence[Person]) -> None:
    rows = [
        {"key": person.key, **{name: getattr(person, name) for name in _ATTRIBUTES}}
        for person in sorted(people, key=lambda person: person.key)
    ]
    made = insert_new(connection, contact, rows, returning=[contact.c.id, contact.c.key])
    if len(made) < len(rows):
        raise RaceLostError("another process stored one of these contacts first")
    ids = {row.key: row.id for row in made}
    for person in people:
        person.id = ids[person.key]


def _store_aliases(connection: Connection, people: Iterable[Person], known: Known) -> None:
    new: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    owners = {name: person for person in people for name in person.aliases}
    for name in sorted(owners):
        person = owners[name]
        seen_at = person.aliases[name]
        stored = known.stored.get(name)
        if stored == (person.id, seen_at):
            continue
        (new if stored is None else moved).append(
            {
                "scope": name.scope,
                "kind": name.kind,
                "value": name.value,
                "contact_id": person.id,
                "seen_at": seen_at,
            }
        )
    if len(insert_new(connection, alias, new)) < len(new):
        raise RaceLostError("another process stored one of these aliases first")
    update_rows(connection, alias, moved, keys=("scope", "kind", "value"))
