"""The contract on reading back: by id, after merges, and all of what changed."""

# ruff: noqa: S101, D102 - asserts are what tests are made of, and a test's name is its sentence

from datetime import UTC, datetime, timedelta

from connector.crm.contract.material import MANY, key, person, run, write
from connector.crm.contract.sandbox import SandboxCrm
from connector.crm.registry import Connection
from connector.model.outcome import Written


class ReadingCases:
    """What the CRM holds."""

    def test_fields_are_read_by_the_id_that_was_asked(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            outcomes = await write(at, crm.contact, [person(crm, n) for n in range(3)])
            ids = [each.crm_id for each in outcomes if isinstance(each, Written)]
            names = list(crm.contact_fields(""))
            found = await at.adapter.read(crm.contact, ids, names)
            assert [crm.read_name(found[each]) for each in ids] == ["Ana 0", "Ana 1", "Ana 2"]
            assert not any("crm_id" in each for each in found.values())

        run(crm, case)

    def test_an_id_that_is_not_there_is_left_out(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            outcomes = await write(at, crm.contact, [person(crm, 1), person(crm, 2)])
            ids = [each.crm_id for each in outcomes if isinstance(each, Written)]
            crm.delete_contact(ids[0])
            names = list(crm.contact_fields(""))
            assert list(await at.adapter.read(crm.contact, ids, names)) == [ids[1]]
            assert await at.adapter.read(crm.contact, [ids[0]], names) == {}
            assert await at.adapter.read(crm.contact, [], names) == {}

        run(crm, case)

    def test_a_merged_id_leads_to_the_record_that_is_left(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            outcomes = await write(at, crm.contact, [person(crm, 1), person(crm, 2)])
            ids = [each.crm_id for each in outcomes if isinstance(each, Written)]
            left = crm.merge_contacts(ids[0], ids[1])
            found = await at.adapter.read(crm.contact, ids, list(crm.contact_fields("")))
            for asked in ids:
                assert found[asked].get("crm_id", asked) == left
            update = person(crm, 2, name="Both", crm_id=ids[1])
            assert await write(at, crm.contact, [update]) == [Written(left)]
            assert [each.name for each in crm.contacts()] == ["Both"]

        run(crm, case)

    def test_a_sweep_lists_everything_since_then_page_by_page(self, crm: SandboxCrm) -> None:
        async def case(at: Connection) -> None:
            since = datetime.now(UTC) - timedelta(minutes=1)
            outcomes = await write(at, crm.contact, [person(crm, n) for n in range(MANY)])
            crm.index()
            listed: dict[str, str | None] = {}
            cursor, pages = None, 0
            while True:
                page = await at.adapter.list(crm.contact, since, cursor)
                listed |= {each.crm_id: each.key for each in page.records}
                cursor, pages = page.cursor, pages + 1
                if cursor is None:
                    break
                assert pages < MANY
            assert listed == {
                each.crm_id: key(n) for n, each in enumerate(outcomes) if isinstance(each, Written)
            }
            later = datetime.now(UTC) + timedelta(minutes=1)
            assert (await at.adapter.list(crm.contact, later, None)).records == []

        run(crm, case)
