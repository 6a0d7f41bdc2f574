"""Messages whose writing nobody answered for, found again."""

from typing import Any

from connector.crm.contract.material import describe, key, message_to, person, write
from connector.crm.registry import Connection
from connector.model.outcome import (
    NotSent,
    Vanished,
    Written,
)
from connector.model.record import Lookup, Record
from tests.adapters.hubspot.cases import harm, run


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
