"""Activities and notes: our mark in them, doubt, links to deals, HTML that stays."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.crm.registry import Connection
from connector.errors import ConfigError, CrmAccessError
from connector.model.outcome import Rejected, Vanished, Written
from connector.model.record import CrmObject, Lookup, Record


@pytest.fixture(params=["activities", "notes"])
def either(request: pytest.FixtureRequest, start_company: Any) -> Iterator[Any]:
    """Yield companies whose messages are activities, and notes."""
    with start_company(messages=request.param) as crm:
        yield crm


def run(crm: Any, case: Callable[[Connection], Awaitable[None]], **options: Any) -> None:
    async def connected() -> None:
        at = crm.connect(**options)
        try:
            await case(at)
        finally:
            await at.aclose()

    asyncio.run(connected())


async def write(at: Connection, obj: CrmObject, record: Record) -> Any:
    [outcome] = await at.adapter.upsert(obj, [record])
    return outcome


def message(crm: Any, key: str, person: str, text: str = "hello", **more: Any) -> Record:
    return Record(
        key,
        {**crm.message_fields(text, person), **more},
        linked_crm_ids={"contact": person},
    )


def raw(crm: Any) -> list[dict[str, Any]]:
    """Return the records themselves."""
    name = crm.message.name
    found: list[dict[str, Any]] = crm.order("GET", f"/state?objects={name}")[name]
    return found


def test_the_mark_stays_through_updates_and_is_there_once(either: Any) -> None:
    crm = either

    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana")
        made = await write(at, crm.message, message(crm, "wv_1", ana))
        for text in ("hello, you", "hello, you there"):
            again = Record("wv_1", crm.message_fields(text, ana), made.crm_id)
            assert await write(at, crm.message, again) == made
        [seen] = crm.messages()
        assert (seen.key, seen.text) == (crm.mark("wv_1"), "hello, you there")
        [record] = raw(crm)
        assert str(record).count("⟦wa·") == 1

    run(crm, case)


def test_doubtful_creates_are_found_by_lists_alone(either: Any) -> None:
    """One page of what changed serves all of them, whoever they belong to."""
    crm = either

    async def case(at: Connection) -> None:
        people = [crm.add_contact(f"Ana {n}") for n in range(3)]
        made = [await write(at, crm.message, message(crm, f"wv_{p}", p)) for p in people]
        crm.forget_calls()
        since = datetime.now(UTC) - timedelta(minutes=2)
        lookups = [Lookup(key=f"wv_{p}", contact_crm_id=p, since=since) for p in people]
        lookups.append(Lookup(key="wv_other", contact_crm_id=people[0], since=since))
        found = await at.adapter.find(crm.message, lookups)
        assert list(found) == [*((each.crm_id,) for each in made), ()]
        assert crm.count_calls() == {f"GET {crm.message.name}.all": 1}

    run(crm, case)


def test_a_busy_company_is_asked_person_by_person(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ana, bia = crm.add_contact("Ana"), crm.add_contact("Bia")
        made = await write(at, crm.message, message(crm, "wv_1", ana))
        crm.crowd_activities(1_100, person=int(bia))
        crm.forget_calls()
        since = datetime.now(UTC) - timedelta(minutes=2)
        asked = [Lookup(key="wv_1", contact_crm_id=ana, since=since)]
        assert list(await at.adapter.find(crm.message, asked)) == [(made.crm_id,)]
        assert crm.count_calls() == {"GET activities.all": 2}

    run(crm, case)


def test_a_doubtful_entry_is_found_although_people_merged_its_person_away(either: Any) -> None:
    crm = either

    async def case(at: Connection) -> None:
        ana = await write(at, crm.contact, Record("wc_1", {"name": "Ana", "phones": "+5511999"}))
        made = await write(at, crm.message, message(crm, "wv_1", ana.crm_id))
        theirs = crm.add_contact("Ana Souza")
        crm.merge_contacts(theirs, ana.crm_id)
        asked = [Lookup(key="wv_1", contact_crm_id=ana.crm_id)]
        assert list(await at.adapter.find(crm.message, asked)) == [(made.crm_id,)]

    run(crm, case)


def test_a_second_copy_is_told_oldest_first(either: Any) -> None:
    crm = either

    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana")
        made = [await write(at, crm.message, message(crm, "wv_1", ana)) for _ in range(2)]
        found = await at.adapter.find(crm.message, [Lookup(key="wv_1", contact_crm_id=ana)])
        assert list(found) == [tuple(each.crm_id for each in made)]

    run(crm, case)


def test_a_long_subject_is_cut_so_that_the_mark_fits(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana")
        made = await write(at, crm.message, message(crm, "wv_1", ana, subject="long " * 80))
        assert isinstance(made, Written)
        [record] = raw(crm)
        assert record["subject"].endswith(f" ⟦wa·{crm.mark('wv_1')}⟧")
        assert len(record["subject"]) <= 255
        await write(at, crm.message, message(crm, "wv_2", ana, subject=""))
        assert raw(crm)[1]["subject"] == f"WhatsApp ⟦wa·{crm.mark('wv_2')}⟧"

    run(crm, case)


def test_what_is_read_back_is_what_the_mapping_wrote(either: Any) -> None:
    crm = either
    carrier = "subject" if crm.message.name == "activities" else "content"

    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana")
        record = message(crm, "wv_1", ana)
        made = await write(at, crm.message, record)
        read = await at.adapter.read(crm.message, [made.crm_id, "999"], [carrier])
        assert read == {made.crm_id: {carrier: record.fields[carrier]}}
        page = await at.adapter.list(crm.message, datetime.now(UTC) - timedelta(hours=1), None)
        [listed] = page.records
        assert (listed.crm_id, listed.key) == (made.crm_id, crm.mark("wv_1"))
        assert listed.fields[carrier] == record.fields[carrier]
        assert listed.changed_at is not None

    run(crm, case)


def test_an_entry_that_people_deleted_has_vanished(either: Any) -> None:
    crm = either

    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana")
        made = await write(at, crm.message, message(crm, "wv_1", ana))
        crm.order("POST", "/delete", {"type": crm.message.name, "id": int(made.crm_id)})
        again = Record("wv_1", crm.message_fields("more", ana), made.crm_id)
        assert await write(at, crm.message, again) == Vanished()

    run(crm, case)


def test_times_are_told_in_utc(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana")
        moment = datetime.fromisoformat("2026-11-24T23:30:00-03:00")
        await write(at, crm.message, message(crm, "wv_1", ana, due_date=moment, due_time=moment))
        [record] = raw(crm)
        assert (record["due_date"], record["due_time"]) == ("2026-11-25", "02:30:00")

    run(crm, case)


def test_a_type_that_the_company_lacks_is_rejected_with_its_field(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana")
        outcome = await write(at, crm.message, message(crm, "wv_1", ana, type="telepathy"))
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.field) == ("400", "type")
        assert "telepathy" not in outcome.detail
        assert raw(crm) == []

    run(crm, case)


def test_the_newest_open_deal_comes_last_and_can_be_linked(either: Any) -> None:
    crm = either

    async def case(at: Connection) -> None:
        ana, bia = crm.add_contact("Ana"), crm.add_contact("Bia")
        times = ["2026-03-01T10:00:00Z", "2026-01-01T10:00:00Z", "2026-05-01T10:00:00Z"]
        old, older, won = (
            crm.add("deals", title=f"Deal {n}", person_id=int(ana), add_time=at_, status=status)
            for n, (at_, status) in enumerate(zip(times, ["open", "open", "won"], strict=True))
        )
        deal = CrmObject("deals", "deal")
        found = await at.adapter.find(
            deal, [Lookup(contact_crm_id=ana), Lookup(contact_crm_id=bia)]
        )
        assert list(found) == [(str(older), str(old)), ()]
        assert won not in found[0]
        record = Record(
            "wv_1",
            crm.message_fields("hello", ana),
            linked_crm_ids={"contact": ana, "deal": found[0][-1]},
        )
        await write(at, crm.message, record)
        [seen] = raw(crm)
        assert seen["deal_id"] == old

    run(crm, case)


def test_a_company_with_many_deals_is_asked_person_by_person(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ana = crm.add_contact("Ana")
        mine = crm.add("deals", title="Mine", person_id=int(ana))
        crm.crowd_deals(600)
        crm.forget_calls()
        found = await at.adapter.find(CrmObject("deals", "deal"), [Lookup(contact_crm_id=ana)])
        assert list(found) == [(str(mine),)]
        assert crm.count_calls() == {"GET deals.all": 2}

    run(crm, case)


def test_tickets_are_refused_with_the_remedy(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ticket = CrmObject("tickets", "ticket")
        with pytest.raises(CrmAccessError, match="no tickets") as caught:
            await at.adapter.find(ticket, [Lookup(contact_crm_id="1")])
        assert "associate" in str(caught.value.remedy)

    run(crm, case)


def test_kinds_of_records_that_pipedrive_lacks_are_a_mistake_of_the_mapping(crm: Any) -> None:
    crm.contact = CrmObject("contacts", "contact", "WhatsApp key")
    crm.message = CrmObject("communications", "message")
    with pytest.raises(ConfigError) as caught:
        crm.connect()
    assert [each.key for each in caught.value.problems] == ["contact.object", "message.object"]
