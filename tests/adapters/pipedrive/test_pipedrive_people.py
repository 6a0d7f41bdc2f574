"""Who is who: adopting, doubt, phones beside those of people, and what is left of a merge."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.crm.registry import Connection
from connector.errors import CrmAccessError
from connector.model.identity import lookup_spellings
from connector.model.outcome import Vanished, Written
from connector.model.record import CrmObject, Lookup, Record

PHONE = "+5511987654321"


def run(crm: Any, case: Callable[[Connection], Awaitable[None]], **options: Any) -> None:
    async def connected() -> None:
        at = crm.connect(**options)
        try:
            await case(at)
        finally:
            await at.aclose()

    asyncio.run(connected())


def by_phone(phone: str, **more: Any) -> Lookup:
    return Lookup(phones=lookup_spellings(phone), country="BR", **more)


async def write(at: Connection, obj: CrmObject, record: Record) -> Any:
    [outcome] = await at.adapter.upsert(obj, [record])
    return outcome


def phones_of(crm: Any, number: str) -> list[tuple[str, bool]]:
    [person] = [each for each in crm.persons() if str(each["id"]) == number]
    return [(each["value"], each["primary"]) for each in person["phones"]]


def test_a_phone_is_put_beside_those_that_people_typed(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana", "(21) 3333-4444")
        await write(at, crm.contact, Record("wc_1", {"phones": PHONE}, ana))
        assert phones_of(crm, ana) == [("(21) 3333-4444", True), (PHONE, False)]
        crm.forget_calls()
        await write(at, crm.contact, Record("wc_1", {"phones": PHONE}, ana))
        assert crm.count_calls() == {"GET persons.one": 1}
        assert len(phones_of(crm, ana)) == 2

    run(crm, case)


def test_the_first_phone_of_a_person_is_the_primary_one(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana")
        await write(at, crm.contact, Record("wc_1", {"phones": PHONE}, ana))
        assert phones_of(crm, ana) == [(PHONE, True)]

    run(crm, case)


def test_adopting_writes_our_key_and_keeps_the_name(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana, from the fair", "11 98765-4321")
        assert list(await at.adapter.find(crm.contact, [by_phone(PHONE)])) == [(ana,)]
        outcome = await write(at, crm.contact, Record("wc_1", {crm.contact.key: "wc_1"}, ana))
        assert outcome == Written(ana)
        [seen] = crm.contacts()
        assert (seen.name, seen.key) == ("Ana, from the fair", "wc_1")

    run(crm, case)


def test_a_doubtful_create_is_found_although_no_search_sees_it(crm: Any) -> None:
    async def case(at: Connection) -> None:
        await write(at, crm.contact, Record("wc_1", {"name": "Ana", "phones": PHONE}))
        crm.forget_calls()
        since = datetime.now(UTC) - timedelta(minutes=2)
        lookups = [Lookup(key="wc_1", since=since), Lookup(key="wc_2", since=since)]
        [first, second] = await at.adapter.find(crm.contact, lookups)
        assert (len(first), second) == (1, ())
        assert crm.count_calls() == {"GET persons.all": 1}

    run(crm, case)


def test_two_copies_of_a_doubtful_create_are_both_told_oldest_first(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ids = tuple(crm.add_contact("Ana", key="wc_1") for _ in range(2))
        since = datetime.now(UTC) - timedelta(minutes=2)
        found = await at.adapter.find(crm.contact, [Lookup(key="wc_1", since=since)])
        assert list(found) == [ids]

    run(crm, case)


def test_a_search_in_a_large_company_is_verified_and_prefers_our_key(crm: Any) -> None:
    async def case(at: Connection) -> None:
        crm.crowd(600, last_id=90_000)
        stranger = crm.add_contact("Portugal", "+351 987654321")
        ours = crm.add_contact("Ours", "(11) 98765-4321", key="wc_1")
        other = crm.add_contact("Another", PHONE)
        crm.index()
        found = await at.adapter.find(
            crm.contact,
            [by_phone(PHONE), by_phone(PHONE, key="wc_1"), by_phone("+351987654321")],
        )
        assert list(found) == [(ours, other), (ours,), (stranger,)]
        assert "GET persons.search" in crm.count_calls()

    run(crm, case)


def test_somebody_who_was_deleted_since_the_index_was_read_is_no_hit(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana", PHONE)
        assert list(await at.adapter.find(crm.contact, [by_phone(PHONE)])) == [(ana,)]
        crm.delete_contact(ana)
        assert list(await at.adapter.find(crm.contact, [by_phone(PHONE)])) == [()]

    run(crm, case)


@pytest.mark.parametrize("answer", ["404", "410", "flag"])
def test_a_contact_that_people_merged_away_goes_on_under_who_is_left(
    start_company: Any, answer: str
) -> None:
    """The survivor had no key, so it carries ours after the merge: the key leads to it."""

    async def case(at: Connection) -> None:
        first = await write(at, crm.contact, Record("wc_1", {"name": "Ana", "phones": PHONE}))
        theirs = crm.add_contact("Ana Souza", "21 3333-4444")
        crm.merge_contacts(theirs, first.crm_id)
        update = Record("wc_1", {"emails": "ana@example.com"}, first.crm_id)
        assert await write(at, crm.contact, update) == Written(theirs)
        [person] = crm.persons()
        assert person["custom"] == {crm.contact.key: "wc_1"}
        assert person["emails"][0]["value"] == "ana@example.com"

    with start_company(merged_person=answer) as crm:
        run(crm, case)


def test_two_contacts_of_ours_that_people_merged_share_the_person_and_its_key(crm: Any) -> None:
    async def case(at: Connection) -> None:
        first = await write(at, crm.contact, Record("wc_1", {"name": "Ana"}))
        second = await write(at, crm.contact, Record("wc_2", {"name": "A.", "phones": PHONE}))
        crm.merge_contacts(first.crm_id, second.crm_id)
        update = Record("wc_2", {"name": "Ana B.", "phones": PHONE}, second.crm_id)
        assert await write(at, crm.contact, update) == Written(first.crm_id)
        [seen] = crm.contacts()
        assert (seen.name, seen.key) == ("Ana B.", "wc_1")

    run(crm, case)


def test_several_who_may_be_left_of_a_merge_are_nobody(crm: Any) -> None:
    async def case(at: Connection) -> None:
        first = await write(at, crm.contact, Record("wc_1", {"name": "Ana", "phones": PHONE}))
        crm.delete_contact(first.crm_id)
        for name in ("Ana", "Anna"):
            crm.add_contact(name, PHONE)
        update = Record("wc_1", {"name": "Ana", "phones": PHONE}, first.crm_id)
        assert await write(at, crm.contact, update) == Vanished()

    run(crm, case)


def test_a_message_to_a_merged_person_goes_to_who_is_left(crm: Any) -> None:
    async def case(at: Connection) -> None:
        first = await write(at, crm.contact, Record("wc_1", {"name": "Ana", "phones": PHONE}))
        theirs = crm.add_contact("Ana Souza")
        crm.merge_contacts(theirs, first.crm_id)
        message = Record(
            "wv_1",
            crm.message_fields("hello", first.crm_id),
            linked_crm_ids={"contact": first.crm_id},
        )
        assert isinstance(await write(at, crm.message, message), Written)
        [seen] = crm.messages()
        assert seen.contact_ids == {theirs}

    run(crm, case)


def test_an_id_that_is_none_of_pipedrives_is_a_record_that_is_not_there(crm: Any) -> None:
    """An operator may have chosen it for a contact that is ambiguous."""

    async def case(at: Connection) -> None:
        for odd in ("abc", "12a", "٣", "9" * 30):
            assert await write(at, crm.contact, Record("wc_1", {"name": "A"}, odd)) == Vanished()
            assert await at.adapter.read(crm.contact, [odd], ["name"]) == {}
            fields = crm.message_fields("hello", odd)
            message = Record("wv_1", fields, linked_crm_ids={"contact": odd})
            assert await write(at, crm.message, message) == Vanished()
            lookup = Lookup(key="wv_1", contact_crm_id=odd)
            assert list(await at.adapter.find(crm.message, [lookup])) == [()]
            deal = CrmObject("deals", "deal")
            assert list(await at.adapter.find(deal, [Lookup(contact_crm_id=odd)])) == [()]
            await at.adapter.erase(crm.contact, [odd])
        assert crm.contacts() == crm.messages() == []

    run(crm, case)


def test_a_key_field_that_shares_its_label_pauses_with_the_reason(crm: Any) -> None:
    async def case(at: Connection) -> None:
        crm.order("POST", "/field", {"name": crm.contact.key})
        with pytest.raises(CrmAccessError, match="several person fields") as caught:
            await at.adapter.upsert(crm.contact, [Record("wc_1", {"name": "Ana"})])
        assert caught.value.reason == "setup"
        assert "rename all but one" in str(caught.value.remedy)
        [change] = [each for each in await at.adapter.setup(apply=True) if "field" in each.what]
        assert change.state == "refused"
        assert crm.contacts() == []

    run(crm, case)


def test_a_key_field_that_was_made_anew_is_learnt_without_a_restart(crm: Any) -> None:
    async def case(at: Connection) -> None:
        await write(at, crm.contact, Record("wc_1", {"name": "Ana"}))
        crm.order("DELETE", "/field", {"name": crm.contact.key})
        crm.order("POST", "/field", {"name": crm.contact.key})
        await at.adapter.describe(crm.contact)
        made = await write(at, crm.contact, Record("wc_2", {"name": "Bia"}))
        assert [each.key for each in crm.contacts()] == [None, "wc_2"]
        found = await at.adapter.find(crm.contact, [Lookup(key="wc_2"), Lookup(key="wc_1")])
        assert list(found) == [(made.crm_id,), ()]

    run(crm, case)
