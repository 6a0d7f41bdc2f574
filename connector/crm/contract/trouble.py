"""The contract on trouble: who has to wait, and what may have been applied."""

# ruff: noqa: S101, D102 - asserts are what tests are made of, and a test's name is its sentence

from datetime import timedelta

import pytest

from connector.crm.contract.material import (
    QUICK,
    by_phone,
    describe,
    key,
    message_to,
    person,
    phone,
    run,
    run_unconnected,
    write,
)
from connector.crm.contract.sandbox import SandboxCrm
from connector.crm.registry import Connection
from connector.errors import CrmAccessError, CrmInDoubtError, CrmThrottledError, CrmUnavailableError
from connector.model.outcome import InDoubt, NotSent, Written
from connector.model.record import Lookup


class TroubleCases:
    """What goes wrong on the way."""

    def test_wrong_credentials_pause(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            with pytest.raises(CrmAccessError) as caught:
                await at.adapter.account()
            assert caught.value.reason == "auth"

        run(crm, case, credentials="wrong")

    def test_a_missing_permission_is_named(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            missing = (await at.adapter.account()).missing_scopes
            assert missing
            await at.adapter.describe(crm.contact)
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, NotSent)
            assert isinstance(outcome.cause, CrmAccessError)
            assert any(each in str(outcome.cause) for each in missing)
            assert crm.contacts() == []

        run(crm, case, credentials="lacking")

    def test_a_token_refused_in_the_middle_pauses(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            await describe(at, crm)
            crm.harm("unauthorized", "write", crm.contact)
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, NotSent)
            assert isinstance(outcome.cause, CrmAccessError)
            assert crm.contacts() == []

        run(crm, case)

    def test_throttling_says_for_how_long(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            await describe(at, crm)
            crm.harm("throttled", "write", crm.contact)
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, NotSent)
            assert isinstance(outcome.cause, CrmThrottledError)
            assert outcome.cause.cooldown > timedelta(0)
            crm.harm("throttled", "find", crm.contact)
            with pytest.raises(CrmThrottledError):
                await at.adapter.find(crm.contact, [by_phone(phone(1))])
            assert crm.contacts() == []

        run(crm, case)

    def test_an_outage_leaves_a_write_in_doubt(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            await describe(at, crm)
            crm.harm("unavailable", "write", crm.contact)
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, InDoubt)
            assert isinstance(outcome.cause, CrmInDoubtError)

        run(crm, case)

    def test_an_outage_during_a_read_is_no_answer(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            [contact] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(contact, Written)
            names = list(crm.contact_fields(""))
            crm.harm("unavailable", "read", crm.contact)
            with pytest.raises(CrmUnavailableError):
                await at.adapter.read(crm.contact, [contact.crm_id], names)
            crm.harm("unavailable", "find", crm.contact)
            with pytest.raises(CrmUnavailableError):
                await at.adapter.find(crm.contact, [by_phone(phone(1))])

        run(crm, case)

    def test_a_contact_whose_answer_was_lost_is_in_doubt_and_not_doubled(
        self, crm: SandboxCrm
    ) -> None:
        async def case(at: Connection) -> None:
            await describe(at, crm)
            crm.harm("lost_answer", "write", crm.contact)
            [outcome] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(outcome, InDoubt)
            [seen] = crm.contacts()
            if crm.contact.name in at.adapter.limits.repeatable:
                again = await write(at, crm.contact, [person(crm, 1)])
                assert again == [Written(seen.crm_id)]
            else:
                found = await at.adapter.find(crm.contact, [Lookup(key=key(1))])
                assert list(found) == [(seen.crm_id,)]
            assert len(crm.contacts()) == 1

        run(crm, case, request_timeout=QUICK)

    def test_a_message_whose_answer_was_lost_is_in_doubt_and_not_doubled(
        self, crm: SandboxCrm
    ) -> None:
        async def case(at: Connection) -> None:
            [contact] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(contact, Written)
            await describe(at, crm)
            crm.harm("lost_answer", "write", crm.message)
            text = message_to(crm, contact, 1)
            [outcome] = await write(at, crm.message, [text])
            assert isinstance(outcome, InDoubt)
            if crm.message.name in at.adapter.limits.repeatable:
                [again] = await write(at, crm.message, [text])
                assert isinstance(again, Written)
                [seen] = crm.messages()
                assert seen.crm_id == again.crm_id
                assert seen.contact_ids == {contact.crm_id}
            else:
                lookup = Lookup(key=key(1), contact_crm_id=contact.crm_id)
                [seen] = crm.messages()
                assert list(await at.adapter.find(crm.message, [lookup])) == [(seen.crm_id,)]

        run(crm, case, request_timeout=QUICK)

    def test_where_nobody_listens_nothing_has_left(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            with pytest.raises(CrmUnavailableError) as caught:
                await at.adapter.account()
            assert not caught.value.started

        run_unconnected(crm, case)
