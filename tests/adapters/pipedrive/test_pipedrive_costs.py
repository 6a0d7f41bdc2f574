"""What a sync costs in calls and tokens, counted by the sandbox, and how fast it goes."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.config.units import Rate
from connector.crm.batch import send_in_batches
from connector.crm.registry import Connection
from connector.model.identity import lookup_spellings
from connector.model.outcome import Outcome, Written
from connector.model.record import CrmObject, Lookup, Record
from connector.sandbox.call_log import Call, busiest

NEW, KNOWN = 20, 80


def key(number: int) -> str:
    return f"wc_{number:026d}"


def phone(number: int) -> str:
    return f"+55119{70000000 + number}"


def lookup(number: int) -> Lookup:
    return Lookup(key=key(number), phones=lookup_spellings(phone(number)), country="BR")


async def write(at: Connection, obj: CrmObject, records: Sequence[Record]) -> list[Outcome]:
    return await send_in_batches(
        records,
        at.adapter.limits.upsert[obj.name],
        lambda some: at.adapter.upsert(obj, some),
        concurrency=at.adapter.limits.concurrency,
    )


async def deliver(at: Connection, crm: Any, known: Sequence[str], entries: Sequence[int]) -> None:
    """Do what a worker does that starts: learn the schema, then synchronise."""
    await at.adapter.describe(crm.contact)
    await at.adapter.describe(crm.message)
    await synchronise(at, crm, known, entries)


async def synchronise(
    at: Connection, crm: Any, known: Sequence[str], entries: Sequence[int]
) -> None:
    """Do what the worker does with new contacts and ``entries`` records of each contact."""
    found = await at.adapter.find(crm.contact, [lookup(n) for n in range(NEW)])
    assert list(found) == [()] * NEW
    people = [Record(key(n), {"name": f"Ana {n}", "phones": phone(n)}) for n in range(NEW)]
    made = await write(at, crm.contact, people)
    ids = [*known, *(each.crm_id for each in made if isinstance(each, Written))]
    records = [
        Record(
            f"wv_{person}_{entry}",
            crm.message_fields("ten messages", crm_id),
            linked_crm_ids={"contact": crm_id},
        )
        for person, crm_id in enumerate(ids)
        for entry in entries
    ]
    outcomes = await write(at, crm.message, records)
    assert all(isinstance(each, Written) for each in outcomes)
    assert len(crm.messages()) == (NEW + KNOWN) * len(entries)


def run(crm: Any, case: Any, **options: Any) -> None:
    async def connected() -> None:
        at = crm.connect(**{"request_timeout": 60, **options})
        try:
            await case(at)
        finally:
            await at.aclose()

    asyncio.run(connected())


def known_people(crm: Any) -> list[str]:
    return [crm.add_contact(f"Bia {n}", phone(1000 + n), key=key(1000 + n)) for n in range(KNOWN)]


def test_a_thousand_messages_in_a_hundred_conversations_with_the_index_read(crm: Any) -> None:
    """At most 140 calls and 800 tokens; reading the schema and the index included."""
    known = known_people(crm)
    run(crm, lambda at: deliver(at, crm, known, [0]))
    counts = crm.count_calls()
    assert counts == {
        "GET personFields.all": 1,
        "GET activityTypes.all": 1,
        "GET persons.all": 1,
        "POST persons.all": NEW,
        "POST activities.all": NEW + KNOWN,
    }
    assert sum(counts.values()) <= 140
    assert crm.tokens() == 10 + 20 + 10 + 5 * NEW + 5 * (NEW + KNOWN) <= 800


def test_the_same_by_search_where_the_index_is_too_large_to_be_read(crm: Any) -> None:
    """At most 140 calls; with the three of a start, which happen once, still 1,050 tokens.

    Before that a start reads fields and activity types, and the newest person, whose id tells that
    reading everybody would cost more than searching.
    """
    known = known_people(crm)
    crm.crowd(600, last_id=60_000)
    crm.index()
    spent = crm.tokens()
    run(crm, lambda at: deliver(at, crm, known, [0]))
    counts = dict(crm.count_calls())
    start = {
        name: counts.pop(name)
        for name in ("GET personFields.all", "GET activityTypes.all", "GET persons.all")
    }
    assert start == dict.fromkeys(start, 1)
    assert counts == {
        "GET persons.search": NEW,
        "POST persons.all": NEW,
        "POST activities.all": NEW + KNOWN,
    }
    assert sum(counts.values()) <= 140
    assert crm.tokens() - spent <= 1_050


def test_the_same_by_search_again_without_a_start(crm: Any) -> None:
    """Whoever runs already knows fields, types and size: 140 calls and 1,000 tokens, whole."""
    known = known_people(crm)
    crm.crowd(600, last_id=60_000)
    crm.index()

    async def case(at: Connection) -> None:
        await at.adapter.describe(crm.contact)
        await at.adapter.describe(crm.message)
        assert list(await at.adapter.find(crm.contact, [lookup(NEW)])) == [()]
        crm.forget_calls()
        spent = crm.tokens()
        await synchronise(at, crm, known, [0])
        assert sum(crm.count_calls().values()) <= 140
        assert crm.tokens() - spent <= 1_000

    run(crm, case)


def test_a_thousand_activities_of_a_message_each_cost_at_most_1060_calls(crm: Any) -> None:
    """A call for each message; the 60 beside them go for people and schema."""
    known = known_people(crm)
    run(crm, lambda at: deliver(at, crm, known, range(10)))
    counts = crm.count_calls()
    assert counts["POST activities.all"] == 1_000
    assert sum(counts.values()) <= 1_060


def test_an_update_of_a_conversation_is_one_call(crm: Any) -> None:
    async def case(at: Connection) -> None:
        [contact] = await write(at, crm.contact, [Record(key(1), {"name": "Ana"})])
        assert isinstance(contact, Written)
        fields = crm.message_fields("one", contact.crm_id)
        first = Record("wv_1", fields, linked_crm_ids={"contact": contact.crm_id})
        [made] = await write(at, crm.message, [first])
        assert isinstance(made, Written)
        crm.forget_calls()
        spent = crm.tokens()
        again = Record("wv_1", crm.message_fields("one, two", contact.crm_id), made.crm_id)
        assert await write(at, crm.message, [again]) == [made]
        assert crm.count_calls() == {"PATCH activities.one": 1}
        assert crm.tokens() - spent == 5
        assert [each.text for each in crm.messages()] == ["one, two"]

    run(crm, case)


def test_our_own_count_of_tokens_is_pipedrives(start_company: Any) -> None:
    """Also where no header tells it."""

    async def case(at: Connection) -> None:
        known = known_people(crm)
        await deliver(at, crm, known, [0])
        await at.adapter.account()
        await at.adapter.read(crm.contact, known[:3], ["name"])
        await at.adapter.read(crm.contact, known[:30], ["name"])
        await at.adapter.list(crm.message, datetime.now(UTC) - timedelta(hours=1), None)
        await at.adapter.find(crm.contact, [Lookup(key=key(1), since=datetime.now(UTC))])
        await at.adapter.erase(crm.contact, known[:2])
        assert at.budgets.used_today("tokens") == crm.tokens()

    with start_company(daily_headers=False) as crm:
        run(crm, case)


def test_the_burst_window_is_never_exceeded(start_company: Any) -> None:
    """Not by our count, and not by Pipedrive's, which refuses nothing."""
    with start_company(burst_limit=20, latency=0.01) as crm:
        rate = Rate(requests=20, per=timedelta(seconds=2))

        async def case(at: Connection) -> None:
            people = [Record(key(n), {"name": f"Ana {n}"}) for n in range(45)]
            outcomes = await write(at, crm.contact, people)
            assert all(isinstance(each, Written) for each in outcomes)

        run(crm, case, rate=rate)
        calls = [Call(**each) for each in crm.calls()]
        assert {each.status for each in calls} == {200}
        assert busiest(calls, 2.0) <= 20


def test_the_index_is_read_once_and_then_only_what_changed(crm: Any) -> None:
    async def case(at: Connection) -> None:
        crm.crowd(1_200)
        asked = [lookup(n) for n in range(3)]
        assert list(await at.adapter.find(crm.contact, asked)) == [(), (), ()]
        assert crm.count_calls()["GET persons.all"] == 3
        crm.forget_calls()
        ours = crm.add_contact("Made by a person just now", phone(1))
        assert list(await at.adapter.find(crm.contact, asked)) == [(), (ours,), ()]
        counts = crm.count_calls()
        assert counts == {"GET persons.all": 1, "GET persons.one": 1}

    run(crm, case)


def test_single_look_ups_are_searched_until_reading_everybody_has_paid_off(crm: Any) -> None:
    """2,000 persons cost 40 tokens to read, a search 20: the third look-up reads them."""
    crm.crowd(2_000)

    async def case(at: Connection) -> None:
        for number in range(4):
            await at.adapter.find(crm.contact, [lookup(number)])

    run(crm, case)
    counts = crm.count_calls()
    assert counts["GET persons.search"] == 2
    assert counts["GET persons.all"] == 1 + 4 + 1
