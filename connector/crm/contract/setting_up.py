"""The contract on schema, account, set-up and erasure."""

# ruff: noqa: S101, D102 - asserts are what tests are made of, and a test's name is its sentence

import pytest

from connector.crm.contract.material import (
    by_phone,
    describe,
    message_to,
    person,
    phone,
    run,
    write,
)
from connector.crm.contract.sandbox import SandboxCrm
from connector.crm.registry import Connection
from connector.errors import CrmAccessError
from connector.model.outcome import NotSent, Written


class SettingUpCases:
    """What is done rarely."""

    def test_the_schema_tells_types_options_and_what_is_read_only(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            options: list[object] = []
            for obj in (crm.contact, crm.message):
                fields = await at.adapter.describe(obj)
                assert all(name == field.name and field.label for name, field in fields.items())
                assert any(not field.writable for field in fields.values())
                options += [field.options for field in fields.values() if field.options]
                if obj.key is not None:
                    assert fields[obj.key].writable
            assert options
            contact = await at.adapter.describe(crm.contact)
            for name in crm.contact_fields("Ana", phone(1)):
                assert contact[name].writable

        run(crm, case)

    def test_the_account_says_who_we_are(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            account = await at.adapter.account()
            assert account.id
            assert account.name
            assert account.missing_scopes == ()

        run(crm, case)

    def test_setup_tells_first_then_does_it_and_does_it_once(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            crm.undo_setup()
            told = await at.adapter.setup(apply=False)
            assert [each.state for each in told]
            assert {each.state for each in told} == {"wanted"}
            assert list(await at.adapter.setup(apply=False)) == list(told)
            done = await at.adapter.setup(apply=True)
            assert [(each.what, each.state) for each in done] == [
                (each.what, "created") for each in told
            ]
            again = await at.adapter.setup(apply=True)
            assert {each.state for each in again} == {"present"}
            await describe(at, crm)
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, Written)

        run(crm, case)

    def test_without_its_set_up_the_destination_pauses(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            crm.undo_setup()
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, NotSent)
            assert isinstance(outcome.cause, CrmAccessError)
            assert outcome.cause.reason == "setup"
            with pytest.raises(CrmAccessError):
                await at.adapter.account()
            await at.adapter.setup(apply=True)
            await at.adapter.account()
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, Written)

        run(crm, case)

    def test_erasing_twice_is_fine(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            contacts = await write(at, crm.contact, [person(crm, n) for n in range(3)])
            ids = [each.crm_id for each in contacts if isinstance(each, Written)]
            [text] = await write(at, crm.message, [message_to(crm, contacts[2], 1)])
            assert isinstance(text, Written)
            for _ in range(2):
                await at.adapter.erase(crm.message, [text.crm_id])
                await at.adapter.erase(crm.contact, ids[:2])
            await at.adapter.erase(crm.contact, [])
            assert [each.crm_id for each in crm.contacts()] == ids[2:]
            assert crm.messages() == []

        run(crm, case)

    def test_every_call_draws_from_a_budget(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            await write(at, crm.contact, [person(crm, 1)])
            await at.adapter.find(crm.contact, [by_phone(phone(1))])
            states = at.budgets.left().values()
            assert sum((each.limit or 0) - (each.left or 0) for each in states if each.limit) > 0

        run(crm, case)
