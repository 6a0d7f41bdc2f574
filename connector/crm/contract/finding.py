"""The contract on look-ups: by key, by phone, verified, oldest first."""

# ruff: noqa: S101, D102 - asserts are what tests are made of, and a test's name is its sentence

from datetime import UTC, datetime, timedelta

from connector.crm.contract.material import by_phone, key, message_to, person, phone, run, write
from connector.crm.contract.sandbox import SandboxCrm
from connector.crm.registry import Connection
from connector.model.identity import lookup_spellings
from connector.model.outcome import Written
from connector.model.record import Lookup


class FindingCases:
    """Which records are meant."""

    def test_a_contact_that_carries_our_key_is_the_only_hit(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            ours = crm.add_contact("Ours", "+5531977776666", key=key(1))
            crm.add_contact("Another", "+5531988887777")
            crm.index()
            by_both = Lookup(key=key(1), phones=lookup_spellings("+5531988887777"), country="BR")
            assert list(await at.adapter.find(crm.contact, [by_both])) == [(ours,)]
            assert list(await at.adapter.find(crm.contact, [Lookup(key=key(1))])) == [(ours,)]

        run(crm, case)

    def test_a_phone_finds_its_contact_however_people_wrote_it(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            written = ["+55 31 98888-7777", "(11) 98765-4321", "021 9777-6666", "+5585999998888"]
            ids = [crm.add_contact(f"Person {n}", phone) for n, phone in enumerate(written)]
            crm.index()
            phones = ["+5531988887777", "+5511987654321", "+5521997776666", "+5585999998888"]
            found = await at.adapter.find(crm.contact, [by_phone(each) for each in phones])
            assert list(found) == [(each,) for each in ids]

        run(crm, case)

    def test_a_phone_that_only_looks_alike_is_no_hit(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            crm.add_contact("Portugal", "+351 31988887777")
            crm.add_contact("Landline", "(31) 3888-7777")
            crm.add_contact("Neighbour", "(31) 98888-7778")
            crm.index()
            found = await at.adapter.find(crm.contact, [by_phone("+5531988887777")])
            assert list(found) == [()]

        run(crm, case)

    def test_several_hits_come_oldest_first(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            ids = [crm.add_contact(f"Copy {n}", "+5531988887777") for n in range(4)]
            crm.index()
            found = await at.adapter.find(crm.contact, [by_phone("+5531988887777")])
            assert list(found) == [tuple(ids)]

        run(crm, case)

    def test_every_lookup_gets_its_own_answer_in_order(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            ids = {n: crm.add_contact(f"Person {n}", phone(n)) for n in range(0, 120, 2)}
            crm.index()
            lookups = [by_phone(phone(n)) for n in range(120)]
            found: list[tuple[str, ...]] = []
            size = at.adapter.limits.find
            for start in range(0, len(lookups), size):
                part = lookups[start : start + size]
                found += await at.adapter.find(crm.contact, part)
            assert found == [(ids[n],) if n in ids else () for n in range(120)]
            assert list(await at.adapter.find(crm.contact, [])) == []

        run(crm, case)

    def test_a_doubtful_message_is_found_by_its_key(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            [contact] = await write(at, crm.contact, [person(crm, 1)])
            assert isinstance(contact, Written)
            texts = [message_to(crm, contact, n) for n in range(3)]
            outcomes = await write(at, crm.message, texts)
            since = datetime.now(UTC) - timedelta(minutes=2)
            lookups = [
                Lookup(key=each, contact_crm_id=contact.crm_id, since=since)
                for each in (key(1), key(99), key(0))
            ]
            found = await at.adapter.find(crm.message, lookups)
            ids = [each.crm_id for each in outcomes if isinstance(each, Written)]
            assert list(found) == [(ids[1],), (), (ids[0],)]

        run(crm, case)
