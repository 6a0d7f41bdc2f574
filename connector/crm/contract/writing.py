"""The contract on writing: once each, in order, and the bad one alone refused."""

# ruff: noqa: S101, D102 - asserts are what tests are made of, and a test's name is its sentence

from connector.crm.contract.material import AWKWARD, MANY, key, message_to, person, run, write
from connector.crm.contract.sandbox import SandboxCrm
from connector.crm.registry import Connection
from connector.model.outcome import Rejected, Vanished, Written
from connector.model.record import Record


class WritingCases:
    """What becomes of records."""

    def test_a_new_contact_is_in_the_crm_with_our_key(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, Written)
            [seen] = crm.contacts()
            assert (seen.crm_id, seen.key, seen.name) == (outcome.crm_id, key(1), "Ana 1")

        run(crm, case)

    def test_a_record_with_an_id_is_changed_and_no_other_is_made(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            [first] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(first, Written)
            changed = person(crm, 1, name="Ana Maria", crm_id=first.crm_id)
            assert await write(at, crm.contact, [changed]) == [first]
            assert [each.name for each in crm.contacts()] == ["Ana Maria"]

        run(crm, case)

    def test_repeating_a_repeatable_write_makes_no_second_record(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            people = [person(crm, n) for n in range(3)]
            outcomes = await write(at, crm.contact, people)
            if crm.contact.name in at.adapter.limits.repeatable:
                assert await write(at, crm.contact, people) == outcomes
            texts = [message_to(crm, outcomes[0], n) for n in range(3)]
            outcomes = await write(at, crm.message, texts)
            if crm.message.name in at.adapter.limits.repeatable:
                assert await write(at, crm.message, texts) == outcomes
            assert len(crm.contacts()) == 3
            assert len(crm.messages()) == 3

        run(crm, case)

    def test_only_the_record_at_fault_is_rejected(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            fields, at_fault = crm.bad_fields()
            bad = Record(key(2), {**crm.contact_fields("Bad"), **fields})
            outcomes = await write(at, crm.contact, [person(crm, 1), bad, person(crm, 3)])
            assert isinstance(outcomes[0], Written)
            assert isinstance(outcomes[2], Written)
            rejected = outcomes[1]
            assert isinstance(rejected, Rejected)
            assert rejected.field in {at_fault, None}
            assert {each.name for each in crm.contacts()} == {"Ana 1", "Ana 3"}

        run(crm, case)

    def test_outcomes_come_in_the_order_of_the_records(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            people = [person(crm, n) for n in range(MANY)]
            outcomes = await write(at, crm.contact, people)
            seen = {each.key: each.crm_id for each in crm.contacts()}
            assert outcomes == [Written(seen[each.key]) for each in people]

        run(crm, case)

    def test_a_message_stands_with_its_contact(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            contacts = await write(at, crm.contact, [person(crm, 1), person(crm, 2)])
            texts = [message_to(crm, contacts[n % 2], n) for n in range(5)]
            outcomes = await write(at, crm.message, texts)
            seen = {each.crm_id: each for each in crm.messages()}
            assert len(seen) == 5
            for n, outcome in enumerate(outcomes):
                owner = contacts[n % 2]
                assert isinstance(outcome, Written)
                assert isinstance(owner, Written)
                assert seen[outcome.crm_id].contact_ids == {owner.crm_id}
                assert seen[outcome.crm_id].text == f"message {n}"

        run(crm, case)

    def test_texts_arrive_as_they_were_written(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            [contact] = await write(at, crm.contact, [person(crm, 1, name=AWKWARD)])
            text = f"{AWKWARD}\nsecond line"
            await write(at, crm.message, [message_to(crm, contact, 1, text=text)])
            assert [each.name for each in crm.contacts()] == [AWKWARD]
            assert [each.text for each in crm.messages()] == [text]

        run(crm, case)

    def test_a_contact_that_was_deleted_has_vanished(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            outcomes = await write(at, crm.contact, [person(crm, 1), person(crm, 2)])
            ids = [each.crm_id for each in outcomes if isinstance(each, Written)]
            crm.delete_contact(ids[0])
            again = [person(crm, n + 1, name="New", crm_id=ids[n]) for n in range(2)]
            assert await write(at, crm.contact, again) == [Vanished(), Written(ids[1])]
            assert [each.name for each in crm.contacts()] == ["New"]

        run(crm, case)

    def test_a_message_to_a_contact_that_was_deleted_has_vanished(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            contacts = await write(at, crm.contact, [person(crm, 1), person(crm, 2)])
            texts = [message_to(crm, contacts[n], n) for n in range(2)]
            assert isinstance(contacts[0], Written)
            crm.delete_contact(contacts[0].crm_id)
            outcomes = await write(at, crm.message, texts)
            assert outcomes[0] == Vanished()
            assert isinstance(outcomes[1], Written)

        run(crm, case)
