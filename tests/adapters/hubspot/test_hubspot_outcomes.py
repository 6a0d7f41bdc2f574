"""What becomes of writes that HubSpot takes in part, refuses or loses."""

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
    Written,
)
from connector.model.record import Record
from tests.adapters.hubspot.cases import harm, run


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
