"""One contact for one person, whatever identifies them and in whatever order it comes."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ledger.contacts import Known, Person
from connector.model.identity import Alias
from connector.record.resolve import Resolution, Sighting, aliases_of, resolve

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
NINE, EIGHT = "5511987654321", "551187654321"
"""One Brazilian mobile, with and without the ninth digit."""


def see(
    user_id: str | None = None, wa_id: str | None = None, *, at: int = 0, **more: Any
) -> Sighting:
    return Sighting(
        at=START + timedelta(minutes=at),
        user_ids=(user_id,) if user_id else (),
        wa_ids=(wa_id,) if wa_id else (),
        **more,
    )


class Store:
    """Keeps people between batches as the ledger does, without a database."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        self.recycled: list[tuple[Person, Person]] = []
        self.merged: list[tuple[Person, Person]] = []
        self._next_id = 1

    def take(self, *sightings: Sighting) -> Resolution:
        known = Known()
        wanted = {name for s in sightings for name in aliases_of(s, scope="default")}
        for person in self.people:
            if wanted & person.aliases.keys():
                known.owners.update(dict.fromkeys(person.aliases, person))
        found = resolve(sightings, known, scope="default", key_of=lambda first: f"wc_{first.value}")
        for person in found.touched:
            person.changed.clear()
            if person.id is None:
                person.id, self._next_id = self._next_id, self._next_id + 1
                self.people.append(person)
        self.people = [person for person in self.people if person.merged_into is None]
        self.recycled += found.recycled
        self.merged += found.merged
        return found

    def partition(self) -> set[frozenset[str]]:
        """Return who is who: the aliases of each contact."""
        return {frozenset(name.value for name in person.aliases) for person in self.people}


def take_all(sightings: Iterable[Sighting]) -> Store:
    store = Store()
    for sighting in sightings:
        store.take(sighting)
    return store


def test_a_stranger_is_made_known_by_all_that_was_shown() -> None:
    store = take_all([see("BR.1", NINE, parent_user_id="BR.ENT.9")])

    assert store.partition() == {frozenset({"BR.1", NINE, EIGHT, "BR.ENT.9"})}
    (person,) = store.people
    assert (person.key, person.phone) == ("wc_BR.1", f"+{NINE}")


@pytest.mark.parametrize(
    "sightings",
    [
        [see("BR.1"), see("BR.1", NINE, at=1)],
        [see(None, NINE), see("BR.1", NINE, at=1)],
        [see(None, NINE), see("BR.1", EIGHT, at=1)],
        [see("BR.1"), see(None, NINE, at=1), see("BR.1", NINE, at=2)],
        [see(None, EIGHT), see(None, NINE, at=1), see("BR.1", NINE, at=2)],
    ],
)
def test_identifiers_seen_together_are_one_person(sightings: Sequence[Sighting]) -> None:
    assert take_all(sightings).partition() == {frozenset({"BR.1", NINE, EIGHT})}
    assert take_all(reversed(sightings)).partition() == {frozenset({"BR.1", NINE, EIGHT})}


def test_two_contacts_that_turn_out_to_be_one_keep_the_older() -> None:
    store = take_all([see("BR.1", at=0), see(None, NINE, at=1)])
    older, younger = store.people

    store.take(see("BR.1", NINE, at=2))

    assert store.merged == [(older, younger)]
    assert younger.lasting is older
    assert older.phone == f"+{NINE}"


def test_mexicos_two_spellings_are_one_subscriber_and_argentinas_are_not() -> None:
    mexico = take_all([see(None, "5215512345678"), see(None, "525512345678", at=1)])
    argentina = take_all([see(None, "5491123456789"), see(None, "541123456789", at=1)])

    assert [person.phone for person in mexico.people] == ["+525512345678"]
    assert len(argentina.people) == 2


def test_a_brazilian_landline_is_nobodys_other_spelling() -> None:
    store = take_all([see(None, "551134567890"), see(None, "5511934567890", at=1)])

    assert len(store.people) == 2


def test_a_number_under_a_new_user_id_is_another_contact_and_a_question() -> None:
    store = take_all([see("BR.1", NINE), see("BR.2", NINE, at=1)])

    first, second = store.people
    assert store.partition() == {frozenset({"BR.1"}), frozenset({"BR.2", NINE, EIGHT})}
    assert store.recycled == [(second, first)]
    assert store.merged == []
    assert first.phone == second.phone == f"+{NINE}"


def test_a_recycled_number_belongs_to_whoever_was_seen_with_it_last() -> None:
    store = take_all([see("BR.2", NINE, at=1), see("BR.1", NINE, at=0)])

    second, first = store.people
    assert store.partition() == {frozenset({"BR.1"}), frozenset({"BR.2", NINE, EIGHT})}
    assert store.recycled == [(second, first)]


def test_both_spellings_under_two_user_ids_are_two_people() -> None:
    sightings = [see("BR.1", NINE, at=0), see("BR.2", EIGHT, at=1)]
    expected = {frozenset({"BR.1", NINE}), frozenset({"BR.2", EIGHT})}

    assert take_all(sightings).partition() == expected
    assert take_all(reversed(sightings)).partition() == expected


def test_user_ids_said_to_be_one_persons_are_merged_in_spite_of_the_number() -> None:
    store = take_all([see("BR.1", NINE), see("BR.2", NINE, at=1)])

    store.take(see("BR.2", former_user_ids=("BR.1",), at=2))

    assert store.partition() == {frozenset({"BR.1", "BR.2", NINE, EIGHT})}


def test_a_parent_id_joins_nobody() -> None:
    store = take_all(
        [see("BR.1", parent_user_id="BR.ENT.9"), see("AR.2", parent_user_id="BR.ENT.9", at=1)]
    )

    assert len(store.people) == 2


def test_a_phone_that_is_not_shown_any_more_is_not_forgotten() -> None:
    store = take_all([see("BR.1", NINE), see("BR.1", at=1, username="ana")])

    (person,) = store.people
    assert (person.phone, person.username) == (f"+{NINE}", "ana")


def test_the_newest_phone_and_the_newest_name_win() -> None:
    sightings = [
        see("BR.1", NINE, at=0, profile_name="Ana"),
        see("BR.1", "5521999998888", at=2, profile_name="Ana Souza"),
        see("BR.1", at=1, profile_name="Aninha"),
    ]

    for order in (sightings, sightings[::-1]):
        (person,) = take_all(order).people
        assert (person.phone, person.profile_name) == ("+5521999998888", "Ana Souza")


def test_the_first_ad_stays() -> None:
    sightings = [
        see("BR.1", at=1, referral={"source_id": "later"}),
        see("BR.1", at=0, referral={"source_id": "first"}),
    ]

    for order in (sightings, sightings[::-1]):
        (person,) = take_all(order).people
        assert person.referral == {"source_id": "first", "at": "2026-11-24T10:00:00.000+00:00"}


def test_times_are_the_first_and_the_last_of_messages_only() -> None:
    store = take_all(
        [
            see("BR.1", at=5, direction="in"),
            see("BR.1", at=3, direction="out"),
            see("BR.1", at=4, direction="out"),
            see("BR.1", at=1),
            see("BR.1", at=9),
        ]
    )

    (person,) = store.people
    assert person.first_seen_at == START + timedelta(minutes=1)
    assert person.last_inbound_at == START + timedelta(minutes=5)
    assert person.last_outbound_at == START + timedelta(minutes=4)


PHONES = {
    "BR.1": (NINE, EIGHT),
    "US.2": ("16505551234",),
    "MX.3": ("525512345678", "5215512345678"),
}


@st.composite
def honest_sightings(draw: st.DrawFn) -> list[Sighting]:
    """Events of a few people who each keep their phone, each event showing some of their ids."""
    sightings = []
    for at in range(draw(st.integers(2, 9))):
        user_id = draw(st.sampled_from(sorted(PHONES)))
        wa_id = draw(st.sampled_from(PHONES[user_id]))
        shown = draw(st.sampled_from(["user id", "phone", "both"]))
        sightings.append(
            see(
                None if shown == "phone" else user_id,
                None if shown == "user id" else wa_id,
                at=at,
                profile_name=draw(st.sampled_from([None, f"Name {at}"])),
                direction=draw(st.sampled_from(["in", "out", None])),
            )
        )
    for user_id, phones in PHONES.items():
        sightings.append(see(user_id, phones[0], at=len(sightings)))
    return sightings


@st.composite
def quarrelling_sightings(draw: st.DrawFn) -> list[Sighting]:
    """Events that all show a user id, of people who take over each other's phones."""
    return [
        see(
            draw(st.sampled_from(["BR.1", "BR.2", "BR.3"])),
            draw(st.sampled_from([None, NINE, "5521999998888"])),
            at=at,
        )
        for at in range(draw(st.integers(2, 8)))
    ]


def picture(store: Store) -> set[tuple[Any, ...]]:
    return {
        (
            frozenset(name for name in person.aliases),
            person.phone if person.of_kind("wa_id") else None,
            person.profile_name,
            person.first_seen_at,
            person.last_inbound_at,
            person.last_outbound_at,
        )
        for person in store.people
    }


@settings(max_examples=300)
@given(honest_sightings() | quarrelling_sightings(), st.randoms(), st.integers(1, 4))
def test_any_order_and_any_batches_end_in_the_same_contacts(
    sightings: list[Sighting], random: Any, size: int
) -> None:
    shuffled = sightings + sightings[: len(sightings) // 2]
    random.shuffle(shuffled)
    batches = Store()
    for start in range(0, len(shuffled), size):
        batches.take(*shuffled[start : start + size])

    assert picture(batches) == picture(take_all(sightings))


def test_a_scope_keeps_portfolios_apart() -> None:
    known = Known()
    other = Person(key="wc_x", first_seen_at=START, id=1)
    name = Alias("other", "wa_id", NINE)
    other.aliases[name] = START
    known.owners[name] = other

    found = resolve([see(None, NINE)], known, scope="default", key_of=lambda _: "wc_y")

    assert found.people[0] is not other
