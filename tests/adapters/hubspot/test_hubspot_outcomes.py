"""What becomes of records in the answers that HubSpot gives besides "done"."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from connector.clock import SystemClock
from connector.crm.contract.material import describe, key, message_to, person, write
from connector.crm.gate import GateClosedError, gate
from connector.crm.registry import Connection
from connector.errors import CrmThrottledError
from connector.model.outcome import (
    Failed,
    InDoubt,
    NotSent,
    Rejected,
    Vanished,
    Written,
)
from connector.model.record import CrmObject, Lookup, Record

Case = Callable[[Connection], Awaitable[None]]


def run(crm: Any, case: Case, **options: Any) -> None:
    async def play() -> None:
        connection = crm.connect(**options)
        try:
            await case(connection)
        finally:
            await connection.aclose()

    asyncio.run(play())


def harm(crm: Any, call: str, **fault: Any) -> None:
    crm.order("POST", "/faults", {"match": {"call": call}, **fault})


def test_an_input_that_the_answer_does_not_mention_is_in_doubt(crm: Any) -> None:
    async def case(at: Connection) -> None:
        harm(crm, "contacts.upsert", kind="omit_input")
        people = [person(crm, n) for n in range(10)]
        outcomes = await write(at, crm.contact, people)
        doubtful = [n for n, each in enumerate(outcomes) if isinstance(each, InDoubt)]
        assert len(doubtful) == 1
        seen = {each.key: each.crm_id for each in crm.contacts()}
        for n, each in enumerate(outcomes):
            assert n in doubtful or each == Written(seen[key(n)])
        again = await write(at, crm.contact, [people[n] for n in doubtful])
        assert again == [Written(seen[key(doubtful[0])])]
        assert len(crm.contacts()) == 10

    run(crm, case)


def test_a_contact_that_exists_by_email_is_adopted(crm: Any) -> None:
    async def case(at: Connection) -> None:
        order = {"type": "contacts", "properties": {"email": "ana@example.com"}}
        existing = str(crm.order("POST", "/create", order)["id"])
        fields = {**crm.contact_fields("Ana"), "email": "ana@example.com"}
        outcomes = await write(
            at, crm.contact, [person(crm, 1), Record(key(2), fields), person(crm, 3)]
        )
        assert outcomes[1] == Written(existing)
        seen = {each.crm_id: each for each in crm.contacts()}
        assert (seen[existing].key, seen[existing].name) == (key(2), "Ana")
        assert len(seen) == 3

    run(crm, case)


@pytest.mark.parametrize("status", [409, 400])
def test_where_another_record_holds_our_key_that_one_is_ours(
    start_portal: Any, status: int
) -> None:
    with start_portal(unique_clash_status=status) as crm:

        async def case(at: Connection) -> None:
            ours = crm.add_contact("Ours", key=key(1))
            stranger = crm.add_contact("Stranger", "+5531988887777")
            fields = {**crm.contact_fields("Ana"), "wa_contact_key": key(1)}
            adopted = Record(key(1), fields, stranger)
            other = person(crm, 2, crm_id=crm.add_contact("Other"))
            assert await write(at, crm.contact, [adopted, other]) == [
                Written(ours),
                Written(str(other.crm_id)),
            ]
            names = {each.crm_id: each.name for each in crm.contacts()}
            assert names[ours] == "Ana"
            assert names[stranger] == "Stranger"

        run(crm, case)


def test_a_clash_that_nothing_resolves_is_rejected(crm: Any) -> None:
    async def case(at: Connection) -> None:
        order = {"type": "contacts", "properties": {"email": "ana@example.com"}}
        crm.order("POST", "/create", order)
        mine = crm.add_contact("Mine", key=key(1))
        record = Record(key(1), {"email": "ana@example.com"}, mine)
        [outcome] = await write(at, crm.contact, [record])
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.status) == ("CONFLICT", 409)
        assert "ana" not in outcome.detail

    run(crm, case)


def test_a_property_that_is_gone_is_named(crm: Any) -> None:
    async def case(at: Connection) -> None:
        bad = Record(key(1), {**crm.contact_fields("Ana"), "no_such_property": "x"})
        outcomes = await write(at, crm.contact, [bad, person(crm, 2)])
        assert isinstance(outcomes[0], Rejected)
        assert (outcomes[0].code, outcomes[0].field) == (
            "PROPERTY_DOESNT_EXIST",
            "no_such_property",
        )
        assert isinstance(outcomes[1], Written)

    run(crm, case)


def test_a_property_that_the_portal_requires_is_named(start_portal: Any) -> None:
    with start_portal(required_properties={"contacts": ("company",)}) as crm:

        async def case(at: Connection) -> None:
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, Rejected)
            assert (outcome.code, outcome.field) == ("MISSING_REQUIRED_PROPERTY", "company")

        run(crm, case)


def test_two_updates_of_one_record_go_out_one_after_the_other(crm: Any) -> None:
    async def case(at: Connection) -> None:
        ids = [crm.add_contact(f"Old {n}", key=key(n)) for n in range(3)]
        left = crm.merge_contacts(ids[0], ids[1])
        updates = [person(crm, n, name=f"New {n}", crm_id=ids[n]) for n in (0, 1, 2)]
        twice = [*updates, person(crm, 2, name="Last", crm_id=ids[2])]
        outcomes = await write(at, crm.contact, twice)
        assert outcomes == [Written(left), Written(left), Written(ids[2]), Written(ids[2])]
        assert sorted(each.name for each in crm.contacts()) == ["Last", "New 1"]

    run(crm, case)


def test_records_that_are_written_but_not_linked_are_not_done(crm: Any) -> None:
    async def case(at: Connection) -> None:
        [contact] = await write(at, crm.contact, [person(crm, 1)])
        await describe(at, crm)
        texts = [message_to(crm, contact, n) for n in range(3)]
        harm(crm, "associations.create", kind="throttle")
        outcomes = await write(at, crm.message, texts)
        assert all(isinstance(each, NotSent) for each in outcomes)
        harm(crm, "associations.create", kind="error_before")
        outcomes = await write(at, crm.message, texts)
        assert all(isinstance(each, InDoubt) for each in outcomes)
        outcomes = await write(at, crm.message, texts)
        assert all(isinstance(each, Written) for each in outcomes)
        assert len(crm.messages()) == 3
        assert all(each.contact_ids for each in crm.messages())

    run(crm, case)


def test_linking_what_was_written_needs_no_gate(start_portal: Any) -> None:
    with start_portal(latency=0.3) as crm:

        async def case(at: Connection) -> None:
            [contact] = await write(at, crm.contact, [person(crm, 1)])
            await describe(at, crm)
            clock = SystemClock()
            with gate(clock.boot() + 0.25, clock):
                [outcome] = await write(at, crm.message, [message_to(crm, contact, 1)])
                assert isinstance(outcome, Written)
                [late] = await write(at, crm.message, [message_to(crm, contact, 2)])
                assert isinstance(late, NotSent)
                assert isinstance(late.cause, GateClosedError)
            assert len(crm.messages()) == 1

        run(crm, case)


def test_a_deal_that_is_gone_keeps_no_message_back(start_portal: Any) -> None:
    for knobs, expected in (({}, Written), ({"refuse_unique_on": ("communications",)}, Failed)):
        with start_portal(**knobs) as crm:

            async def case(at: Connection, crm: Any = crm, expected: type = expected) -> None:
                [contact] = await write(at, crm.contact, [person(crm, 1)])
                text = message_to(crm, contact, 1)
                links = {**text.linked_crm_ids, "deal": "424242"}
                [outcome] = await write(
                    at, crm.message, [Record(text.key, text.fields, linked_crm_ids=links)]
                )
                assert isinstance(outcome, expected)

            run(crm, case)


def test_a_busy_portal_is_left_alone_for_a_moment(crm: Any) -> None:
    async def case(at: Connection) -> None:
        harm(crm, "contacts.upsert", kind="status", status=423)
        [outcome] = await write(at, crm.contact, [person(crm, 1)])
        assert isinstance(outcome, NotSent)
        assert isinstance(outcome.cause, CrmThrottledError)
        assert outcome.cause.cooldown == timedelta(seconds=2)

    run(crm, case)


def test_a_look_up_that_fails_amid_a_batch_takes_only_its_record_along(crm: Any) -> None:
    async def case(at: Connection) -> None:
        crm.add_contact("Ours", key=key(1))
        stranger = crm.add_contact("Stranger")
        fields = {**crm.contact_fields("Ana"), "wa_contact_key": key(1)}
        other = person(crm, 2, crm_id=crm.add_contact("Other"))
        harm(crm, "contacts.read", kind="unavailable")
        outcomes = await write(at, crm.contact, [Record(key(1), fields, stranger), other])
        assert isinstance(outcomes[0], NotSent)
        assert outcomes[1] == Written(str(other.crm_id))

    run(crm, case)


def test_owners_are_named_by_email_and_asked_for_once(crm: Any) -> None:
    async def case(at: Connection) -> None:
        def owned(number: int, owner: str) -> Record:
            fields = {**crm.contact_fields("Ana"), "hubspot_owner_id": owner}
            return Record(key(number), fields)

        people = [owned(n, "Vendas@example.com") for n in range(3)]
        people += [owned(3, "78"), owned(4, "nobody@example.com")]
        outcomes = await write(at, crm.contact, people)
        assert [type(each) for each in outcomes] == [Written] * 4 + [Rejected]
        assert isinstance(outcomes[4], Rejected)
        assert (outcomes[4].code, outcomes[4].field) == ("OWNER_NOT_FOUND", "hubspot_owner_id")
        assert "nobody" not in outcomes[4].detail
        await write(at, crm.contact, people)
        asked = [each for each in crm.calls() if "owners" in each["path"]]
        assert len(asked) == 2

    run(crm, case)
    state = crm.order("GET", "/state?objects=contacts")["contacts"]
    owners = [each["properties"]["hubspot_owner_id"] for each in state]
    assert sorted(owners) == ["77", "77", "77", "78"]


def test_a_body_that_is_too_long_is_cut_and_its_mark_kept(start_portal: Any) -> None:
    with start_portal(messages="notes", message_key=None) as crm:

        async def case(at: Connection) -> None:
            [contact] = await write(at, crm.contact, [person(crm, 1)])
            text = message_to(crm, contact, 1, text="<&>" * 40_000)
            [outcome] = await write(at, crm.message, [text])
            assert isinstance(outcome, Written)
            [seen] = crm.messages()
            assert seen.key == key(1)
            assert seen.text.startswith("<&><&>")
            assert seen.text.endswith(" […]")

        run(crm, case)


def test_a_doubtful_message_is_found_among_many_pages_of_others(start_portal: Any) -> None:
    knobs = {"refuse_unique_on": ("communications",), "association_page": 7}
    with start_portal(**knobs) as crm:

        async def case(at: Connection) -> None:
            [contact] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(contact, Written)
            await describe(at, crm)
            texts = [message_to(crm, contact, n) for n in range(150)]
            outcomes = await write(at, crm.message, texts)
            lookups = [Lookup(key=key(n), contact_crm_id=contact.crm_id) for n in range(151)]
            found = await at.adapter.find(crm.message, lookups)
            expected = [(each.crm_id,) for each in outcomes if isinstance(each, Written)]
            assert list(found) == [*expected, ()]

        run(crm, case)


def test_a_doubtful_message_is_found_after_its_contact_was_merged(start_portal: Any) -> None:
    with start_portal(refuse_unique_on=("communications",)) as crm:

        async def case(at: Connection) -> None:
            contacts = await write(at, crm.contact, [person(crm, 1), person(crm, 2)])
            first, second = contacts
            assert isinstance(first, Written)
            assert isinstance(second, Written)
            await describe(at, crm)
            [message] = await write(at, crm.message, [message_to(crm, first, 1)])
            assert isinstance(message, Written)
            crm.merge_contacts(second.crm_id, first.crm_id)
            lookup = Lookup(key=key(1), contact_crm_id=first.crm_id)
            assert list(await at.adapter.find(crm.message, [lookup])) == [(message.crm_id,)]

        run(crm, case)


def test_a_message_that_people_deleted_has_vanished(crm: Any) -> None:
    async def case(at: Connection) -> None:
        [contact] = await write(at, crm.contact, [person(crm, 1)])
        text = message_to(crm, contact, 1)
        [message] = await write(at, crm.message, [text])
        assert isinstance(message, Written)
        crm.order("POST", "/delete", {"type": "communications", "id": int(message.crm_id)})
        changed = Record(text.key, text.fields, message.crm_id)
        assert await write(at, crm.message, [changed]) == [Vanished()]

    run(crm, case)


def test_a_contact_key_without_unique_values_pauses_for_good_reason(crm: Any) -> None:
    crm.undo_setup()
    crm.set_up(unique=False)

    async def case(at: Connection) -> None:
        [outcome] = await write(at, crm.contact, [person(crm, 1)])
        assert isinstance(outcome, NotSent)
        assert "unique" in str(outcome.cause)
        states = {each.what: each.state for each in await at.adapter.setup(apply=True)}
        assert states == {
            "property wa_contact_key on contacts": "refused",
            "property wa_message_key on communications": "present",
        }

    run(crm, case)


def test_setup_makes_a_plain_property_where_the_portal_refuses_a_unique_one(
    start_portal: Any,
) -> None:
    with start_portal(refuse_unique_on=("communications",)) as crm:
        crm.undo_setup()

        async def case(at: Connection) -> None:
            contact, message = await at.adapter.setup(apply=True)
            assert (contact.state, message.state) == ("created", "created")
            assert "looked up" in message.detail
            await describe(at, crm)
            assert at.adapter.limits.repeatable == {"contacts"}

        run(crm, case)


def test_setup_on_a_portal_that_refuses_says_why(start_portal: Any) -> None:
    with start_portal(refuse_unique_on=("contacts", "communications")) as crm:
        crm.undo_setup()

        async def case(at: Connection) -> None:
            contact, message = await at.adapter.setup(apply=True)
            assert (contact.state, message.state) == ("refused", "created")
            assert "VALIDATION_ERROR" in contact.detail

        run(crm, case)


def test_a_contact_without_a_key_in_the_mapping_pauses(crm: Any) -> None:
    crm.contact = CrmObject("contacts", "contact", None)

    async def case(at: Connection) -> None:
        [outcome] = await write(at, crm.contact, [person(crm, 1)])
        assert isinstance(outcome, NotSent)
        assert "no key" in str(outcome.cause)

    run(crm, case)
