"""What the adapter needs of a portal, and makes there."""

from typing import Any

from connector.crm.contract.material import describe, person, write
from connector.crm.registry import Connection
from connector.model.outcome import (
    NotSent,
)
from connector.model.record import CrmObject
from tests.adapters.hubspot.cases import run


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
