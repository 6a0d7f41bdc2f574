"""Fields by the labels that people see, and values of every type."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.crm.registry import Connection
from connector.mapping.load import load_mapping
from connector.mapping.validate import validate_mapping
from connector.model.outcome import Rejected, Written
from connector.model.record import Record

MOMENT = datetime(2026, 11, 24, 23, 5, 7, tzinfo=UTC)


def run(crm: Any, case: Callable[[Connection], Awaitable[None]], **options: Any) -> None:
    async def connected() -> None:
        at = crm.connect(**options)
        try:
            await case(at)
        finally:
            await at.aclose()

    asyncio.run(connected())


async def write(at: Connection, crm: Any, fields: dict[str, Any]) -> Any:
    [outcome] = await at.adapter.upsert(crm.contact, [Record("wc_1", {"name": "Ana", **fields})])
    return outcome


def code_of_field(crm: Any, name: str) -> list[str]:
    answer = crm.api("GET", "/api/v2/personFields?limit=500").json()["data"]
    return [each["field_code"] for each in answer if each["field_name"] == name]


@pytest.mark.parametrize(
    ("kind", "value", "held", "read"),
    [
        ("varchar", "lead", "lead", "lead"),
        ("varchar", MOMENT, "2026-11-24T23:05:07Z", "2026-11-24T23:05:07Z"),
        ("varchar", 12, "12", "12"),
        ("text", "a\nb", "a\nb", "a\nb"),
        ("double", 2.5, 2.5, 2.5),
        ("double", "7", 7, 7),
        ("date", MOMENT, "2026-11-24", "2026-11-24"),
        ("enum", "Cold", 11, "Cold"),
        ("enum", "hot", 10, "Hot"),
        ("enum", "11", 11, "Cold"),
        ("set", ["Cold", "Hot"], [11, 10], "Cold;Hot"),
        ("set", "Cold;Hot", [11, 10], "Cold;Hot"),
        ("user", 7, 7, 7),
        ("time", MOMENT, {"value": "23:05:07", "timezone_name": "UTC"}, "23:05:07"),
        ("monetary", {"value": 9, "currency": "BRL"}, {"value": 9, "currency": "BRL"}, 9),
    ],
)
def test_values_reach_a_custom_field_by_its_label_and_come_back(
    crm: Any, kind: str, value: Any, held: Any, read: Any
) -> None:
    options = ["Hot", "Cold"] if kind in {"enum", "set"} else None
    crm.order("POST", "/field", {"name": "Lead source", "type": kind, "options": options})

    async def case(at: Connection) -> None:
        outcome = await write(at, crm, {"Lead source": value})
        assert isinstance(outcome, Written)
        [person] = crm.persons()
        assert person["custom"]["Lead source"] == held
        found = await at.adapter.read(crm.contact, [outcome.crm_id], ["Lead source"])
        assert found == {outcome.crm_id: {"Lead source": read}}

    run(crm, case)


@pytest.mark.parametrize(
    ("kind", "value"), [("double", "many"), ("enum", "Lukewarm"), ("monetary", 9), ("set", ["No"])]
)
def test_a_value_that_cannot_fit_is_rejected_before_it_is_sent(
    crm: Any, kind: str, value: Any
) -> None:
    options = ["Hot", "Cold"] if kind in {"enum", "set"} else None
    crm.order("POST", "/field", {"name": "Lead source", "type": kind, "options": options})

    async def case(at: Connection) -> None:
        outcome = await write(at, crm, {"Lead source": value})
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.field) == ("unfit_value", "Lead source")
        assert str(value) not in outcome.detail
        assert "POST persons.all" not in crm.count_calls()

    run(crm, case)


def test_a_label_that_two_fields_share_means_neither_of_them(crm: Any) -> None:
    for _ in range(2):
        crm.order("POST", "/field", {"name": "CPF"})
    first, second = code_of_field(crm, "CPF")

    async def case(at: Connection) -> None:
        fields = await at.adapter.describe(crm.contact)
        assert "CPF" not in fields
        assert {f"CPF ({first})", f"CPF ({second})"} <= fields.keys()
        outcome = await write(at, crm, {"CPF": "123"})
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.field) == ("ambiguous_field", "CPF")
        assert isinstance(await write(at, crm, {first: "123"}), Written)

    run(crm, case)


def test_a_mapping_that_names_it_is_told_so_by_the_check(crm: Any, tmp_path: Path) -> None:
    for _ in range(2):
        crm.order("POST", "/field", {"name": "Source"})
    file = tmp_path / "mine.toml"
    file.write_text('extends = "pipedrive"\n[contact.fields]\nSource = "WhatsApp"\n')
    mapping = load_mapping("mine.toml", folder=tmp_path, adapter="pipedrive")

    async def case(at: Connection) -> None:
        problems = validate_mapping(
            mapping,
            contact_schema=await at.adapter.describe(crm.contact),
            message_schema=await at.adapter.describe(crm.message),
        )
        assert [(each.key, each.line) for each in problems] == [("contact.fields.Source", 3)]

    run(crm, case)


def test_a_field_named_like_one_of_pipedrives_own_does_not_hide_it(crm: Any) -> None:
    crm.order("POST", "/field", {"name": "name"})

    async def case(at: Connection) -> None:
        await write(at, crm, {})
        [person] = crm.persons()
        assert (person["name"], person["custom"]["name"]) == ("Ana", None)

    run(crm, case)


def test_owners_are_named_by_e_mail(crm: Any) -> None:
    async def case(at: Connection) -> None:
        assert isinstance(await write(at, crm, {"owner_id": "Suporte@example.com"}), Written)
        await write(at, crm, {"owner_id": "suporte@example.com"})
        assert {each["owner_id"] for each in crm.persons()} == {8}
        assert crm.count_calls()["GET users.all"] == 1
        outcome = await write(at, crm, {"owner_id": "ghost@example.com"})
        assert isinstance(outcome, Rejected)
        assert outcome.field == "owner_id"
        assert "ghost" not in outcome.detail

    run(crm, case)


def test_labels_of_persons_are_named_as_people_see_them(crm: Any) -> None:
    async def case(at: Connection) -> None:
        await write(at, crm, {"label_ids": "Hot lead;Customer"})
        assert crm.persons()[0]["label_ids"] == [2, 1]

    run(crm, case)


def test_a_field_that_was_deleted_is_gone_from_the_schema(crm: Any) -> None:
    crm.order("POST", "/field", {"name": "Lead source"})

    async def case(at: Connection) -> None:
        assert "Lead source" in await at.adapter.describe(crm.contact)
        crm.order("DELETE", "/field", {"name": "Lead source"})
        outcome = await write(at, crm, {"Lead source": "x"})
        assert isinstance(outcome, Rejected)
        assert outcome.field == "Lead source"
        assert "Lead source" not in await at.adapter.describe(crm.contact)

    run(crm, case)
