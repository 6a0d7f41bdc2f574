"""Who an event is about: one contact for one person, whatever identifies them. Pure.

The user id decides, then the phone, in any spelling of the same subscriber. Two contacts become
one when an event carries both their identifiers and nothing contradicts. A phone whose contact has
another user id is a recycled number: somebody else has it now, or the same person under a new id.
Nothing is merged then; the phone goes to whoever was seen with it last, and a person decides.

The result does not depend on the order of the events, up to which contact keeps its key.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.ledger.contacts import NEVER, Known, Person
from connector.model.identity import Alias, AliasKind, canonical_phone, subscriber_spellings
from connector.model.message import Direction


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person as one event shows them."""

    at: datetime
    user_ids: tuple[str, ...] = ()
    wa_ids: tuple[str, ...] = ()
    former_user_ids: tuple[str, ...] = ()
    """What WhatsApp says the same person was known by until now."""
    former_wa_ids: tuple[str, ...] = ()
    parent_user_id: str | None = None
    username: str | None = None
    profile_name: str | None = None
    referral: Mapping[str, Any] | None = None
    book_name: str | None = None
    in_book: bool | None = None
    """Whether the business phone's address book has the person; ``None`` if it was not said."""
    marketing: bool | None = None
    """Whether the person wants marketing; ``None`` if it was not said."""
    direction: Direction | None = None
    """Of the message that was exchanged, if one was."""


@dataclass(slots=True)
class Resolution:
    """What the sightings of a batch come to."""

    people: list[Person] = field(default_factory=list)
    """The person of each sighting, in order; ``lasting`` is the contact to use."""
    touched: list[Person] = field(default_factory=list)
    """Everybody who was met or made, once."""
    merged: list[tuple[Person, Person]] = field(default_factory=list)
    """Pairs of stored contacts (survivor, loser)."""
    recycled: list[tuple[Person, Person]] = field(default_factory=list)
    """Pairs of (who has the phone now, who else was seen with it)."""


def aliases_of(sighting: Sighting, *, scope: str) -> list[Alias]:
    """Return every alias that has to be known before a sighting can be resolved."""
    user_ids = (*sighting.user_ids, *sighting.former_user_ids)
    found = [Alias(scope, "user_id", user_id) for user_id in user_ids]
    for wa_id in (*sighting.wa_ids, *sighting.former_wa_ids):
        found += [Alias(scope, "wa_id", spelling) for spelling in subscriber_spellings(wa_id)]
    if sighting.parent_user_id is not None:
        found.append(Alias(scope, "parent_user_id", sighting.parent_user_id))
    return found


def resolve(
    sightings: Iterable[Sighting], known: Known, *, scope: str, key_of: Callable[[Alias], str]
) -> Resolution:
    """Decide, sighting by sighting, to use, make, merge or keep apart.

    ``known`` covers ``aliases_of`` all sightings; its people are changed in place. ``key_of`` makes
    the key of a new contact from its first alias. Every sighting has a user id or a phone.
    """
    resolver = _Resolver(known, scope, key_of)
    resolution = resolver.resolution
    resolution.people = [resolver.settle(sighting) for sighting in sightings]
    resolution.touched = list(resolver.touched)
    return resolution


def unite(known: Known) -> Resolution:
    """Make one person of all that are known, because somebody said so: the oldest stays."""
    resolver = _Resolver(known, scope="", key_of=lambda first: first.value)
    people = list(known.people.values())
    resolver.join(people)
    resolver.resolution.touched = people
    return resolver.resolution


class _Resolver:
    def __init__(self, known: Known, scope: str, key_of: Callable[[Alias], str]) -> None:
        self.resolution = Resolution()
        self.touched: dict[Person, None] = {}
        self._owners = dict(known.owners)
        self._scope = scope
        self._key_of = key_of

    def settle(self, sighting: Sighting) -> Person:
        """Return the one person of a sighting, changed by what it says."""
        by_user = self._aliases("user_id", sighting.user_ids)
        by_phone = self._aliases("wa_id", sighting.wa_ids)
        once_by_user = self._aliases("user_id", sighting.former_user_ids)
        once_by_phone = self._aliases("wa_id", sighting.former_wa_ids)
        person, rivals = self._find([*by_user, *once_by_user], [*once_by_phone, *by_phone])
        if person is None:
            person = self._make([*by_user, *by_phone][0], at=sighting.at)
        self.touched.setdefault(person)
        for name in by_user:
            self._own(person, name, sighting.at)
        for name in once_by_user:
            self._own(person, name, NEVER)
        for name in once_by_phone:
            if self._phone_owner(name.value) is None:
                self._learn_phone(person, name, NEVER)
        for name in by_phone:
            self._learn_phone(person, name, sighting.at)
        if sighting.parent_user_id is not None:
            name = Alias(self._scope, "parent_user_id", sighting.parent_user_id)
            if self._owners.get(name) in {None, person}:
                self._own(person, name, sighting.at)
        for rival in rivals:
            self._note_recycled(person, rival, by_phone)
        _learn(person, sighting)
        return person

    def _aliases(self, kind: AliasKind, values: Sequence[str]) -> list[Alias]:
        return [Alias(self._scope, kind, value) for value in values]

    def _find(
        self, by_user: Sequence[Alias], by_phone: Sequence[Alias]
    ) -> tuple[Person | None, list[Person]]:
        """Return whose these aliases are, made one if need be, and who can not be the same."""
        rivals: list[Person] = []
        person = self.join(self._owners_of(by_user))
        for name in by_phone:
            owner = self._phone_owner(name.value)
            if owner is None or owner is person:
                continue
            if _contradicts(owner, person, by_user):
                rivals.append(owner)
            else:
                person = self.join([owner] if person is None else [person, owner])
        return person, rivals

    def _owners_of(self, names: Iterable[Alias]) -> list[Person]:
        owners = (self._owners.get(name) for name in names)
        return list(dict.fromkeys(owner for owner in owners if owner is not None))

    def _phone_owner(self, wa_id: str) -> Person | None:
        """Return who has a phone: as it was written, else in the subscriber's other spelling."""
        owner = self._owners.get(Alias(self._scope, "wa_id", wa_id))
        if owner is not None:
            return owner
        others = [Alias(self._scope, "wa_id", other) for other in subscriber_spellings(wa_id)]
        return next(iter(self._owners_of(others)), None)

    def _make(self, first: Alias, *, at: datetime) -> Person:
        if first.kind == "wa_id":
            first = first._replace(value=subscriber_spellings(first.value)[0])
        return Person(key=self._key_of(first), first_seen_at=at)

    def join(self, people: Sequence[Person]) -> Person | None:
        """Make one person of several: the oldest contact stays."""
        if not people:
            return None
        survivor, *losers = sorted(people, key=lambda person: (person.id is None, person.id or 0))
        for loser in losers:
            _absorb(survivor, loser)
            self._owners.update(dict.fromkeys(loser.aliases, survivor))
            loser.aliases = {}
            loser.merged_into = survivor
            self.touched.setdefault(loser)
            if survivor.id is not None and loser.id is not None:
                self.resolution.merged.append((survivor, loser))
        return survivor

    def _own(self, person: Person, name: Alias, at: datetime) -> None:
        """Let a person have an alias, seen at least as lately as this."""
        seen_at = person.aliases.get(name)
        if seen_at is None or at > seen_at:
            person.aliases[name] = at
        if seen_at is None:
            self._owners[name] = person
            person.changed.add(name.kind)

    def _learn_phone(self, person: Person, name: Alias, at: datetime) -> None:
        """Let a person have a phone, unless somebody was seen with it later."""
        owner = self._owners.get(name)
        if owner is not None and owner is not person:
            if owner.aliases[name] >= at:
                if person.phone is None:
                    person.set("phone", canonical_phone(name.value))
                return
            self._take(owner, name)
        self._own(person, name, at)
        for spelling in subscriber_spellings(name.value):
            other = name._replace(value=spelling)
            owner = self._owners.get(other)
            if owner is None:
                self._own(person, other, NEVER)
            elif owner is not person and owner.aliases[other] == NEVER:
                self._take(owner, other)
                self._own(person, other, NEVER)
        _choose_phone(person)

    def _take(self, owner: Person, name: Alias) -> None:
        del owner.aliases[name]
        owner.changed.add("wa_id")
        self.touched.setdefault(owner)
        _choose_phone(owner)

    def _note_recycled(self, person: Person, rival: Person, by_phone: Sequence[Alias]) -> None:
        holds = any(self._owners[name] is person for name in by_phone)
        pair = (person, rival) if holds else (rival, person)
        self.resolution.recycled.append(pair)


def _contradicts(owner: Person, person: Person | None, user_ids: Sequence[Alias]) -> bool:
    """Say whether the owner of a phone is known under user ids that are not this person's."""
    theirs = owner.of_kind("user_id")
    ours = list(user_ids) + (person.of_kind("user_id") if person is not None else [])
    return bool(theirs) and bool(ours) and not set(theirs) & set(ours)


def _choose_phone(person: Person) -> None:
    """Show a person with the phone that was seen last; with the last known, if none is theirs."""
    phones = [(person.aliases[name], name.value) for name in person.of_kind("wa_id")]
    if phones:
        person.set("phone", canonical_phone(max(phones)[1]))


def _learn(person: Person, sighting: Sighting) -> None:
    at = sighting.at
    if at < person.first_seen_at:
        person.set("first_seen_at", at)
    if sighting.direction is not None:
        name = "last_inbound_at" if sighting.direction == "in" else "last_outbound_at"
        last: datetime | None = getattr(person, name)
        if last is None or at > last:
            person.set(name, at)
    if sighting.profile_name is not None or sighting.username is not None:
        _learn_profile(person, sighting.profile_name, sighting.username, at)
    if sighting.referral:
        at_text = at.isoformat(timespec="milliseconds")
        _learn_referral(person, {**sighting.referral, "at": at_text})
    if sighting.in_book is not None:
        _learn_book_name(person, sighting.book_name if sighting.in_book else None, at)
    if sighting.marketing is not None:
        _learn_wish(person, None if sighting.marketing else at, at)


def _learn_profile(
    person: Person, profile_name: str | None, username: str | None, at: datetime
) -> None:
    """Take the newest name and username; one that is older only where there is none."""
    seen_at = person.profile_seen_at
    for name, value in (("profile_name", profile_name), ("username", username)):
        current: str | None = getattr(person, name)
        if value is None or value == current:
            continue
        if current is None or seen_at is None or (at, value) > (seen_at, current):
            person.set(name, value)
    if seen_at is None or at > seen_at:
        person.set("profile_seen_at", at)


def _learn_book_name(person: Person, name: str | None, at: datetime) -> None:
    """Take the newest entry of the address book, which may be that there is none any more."""
    seen_at = person.book_seen_at
    if seen_at is None or (at, name or "") > (seen_at, person.book_name or ""):
        person.set("book_name", name)
        person.set("book_seen_at", at)


def _learn_wish(person: Person, opted_out_at: datetime | None, at: datetime) -> None:
    """Take the newest wish about marketing; of two at the same time, the one to stop."""
    seen_at = person.marketing_seen_at
    if seen_at is None or (at, opted_out_at is not None) > (
        seen_at,
        person.marketing_opt_out_at is not None,
    ):
        person.set("marketing_opt_out_at", opted_out_at)
        person.set("marketing_seen_at", at)


def _learn_referral(person: Person, referral: Mapping[str, Any]) -> None:
    """Keep the first touch: the ad that brought the person here."""
    if person.referral is None or referral["at"] < person.referral.get("at", ""):
        person.set("referral", referral)


def _absorb(survivor: Person, loser: Person) -> None:
    """Add what one contact knows to another."""
    for name, seen_at in loser.aliases.items():
        survivor.aliases[name] = max(seen_at, survivor.aliases.get(name, NEVER))
        survivor.changed.add(name.kind)
    if survivor.phone is None and loser.phone is not None:
        survivor.set("phone", loser.phone)
    _choose_phone(survivor)
    if loser.profile_seen_at is not None:
        _learn_profile(survivor, loser.profile_name, loser.username, loser.profile_seen_at)
    if loser.book_seen_at is not None:
        _learn_book_name(survivor, loser.book_name, loser.book_seen_at)
    if loser.marketing_seen_at is not None:
        _learn_wish(survivor, loser.marketing_opt_out_at, loser.marketing_seen_at)
    if loser.first_seen_at < survivor.first_seen_at:
        survivor.set("first_seen_at", loser.first_seen_at)
    for when in ("last_inbound_at", "last_outbound_at"):
        ours, theirs = getattr(survivor, when), getattr(loser, when)
        if theirs is not None and (ours is None or theirs > ours):
            survivor.set(when, theirs)
    if loser.referral:
        _learn_referral(survivor, loser.referral)
