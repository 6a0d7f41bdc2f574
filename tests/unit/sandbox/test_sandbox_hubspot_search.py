"""Search, against the field notes (sections 3, 4 and 5.3)."""

from typing import Any

import pytest

PHONE = "hs_searchable_calculated_phone_number"
MOBILE = "hs_searchable_calculated_mobile_number"


def where(name: str, operator: str, *values: str) -> dict[str, Any]:
    """Return a filter."""
    made: dict[str, Any] = {"propertyName": name, "operator": operator}
    if operator in {"IN", "NOT_IN"}:
        return made | {"values": list(values)}
    if operator == "BETWEEN":
        return made | {"value": values[0], "highValue": values[1]}
    return made | ({"value": values[0]} if values else {})


def ids(answer: Any) -> list[str]:
    """Return the ids of the results."""
    return [each["id"] for each in answer["results"]]


@pytest.mark.parametrize(
    "phone", ["+5511999990001", "(11) 99999-0001", "11 99999 0001", "+55 (11) 99999-0001"]
)
def test_a_phone_is_found_by_area_code_and_local_number(hubspot: Any, phone: str) -> None:
    ana = hubspot.make_contact(phone=phone)

    assert ids(hubspot.search("contacts", [where(PHONE, "IN", "11999990001")])) == [ana]
    assert ids(hubspot.search("contacts", [where(PHONE, "IN", "5511999990001")])) == []


def test_phones_of_two_countries_can_share_their_national_number(hubspot: Any) -> None:
    here = hubspot.make_contact(phone="+5511999990001")
    there = hubspot.make_contact(phone="+8611999990001")

    answer = hubspot.search("contacts", [where(PHONE, "IN", "11999990001")])

    assert ids(answer) == [here, there]


def test_groups_are_alternatives_and_filters_of_one_group_are_not(hubspot: Any) -> None:
    ana = hubspot.make_contact(phone="+5511999990001", firstname="Ana")
    bia = hubspot.make_contact(mobilephone="+5511999990002", firstname="Bia")
    numbers = ("11999990001", "11999990002")

    either = hubspot.search(
        "contacts", [where(PHONE, "IN", *numbers)], [where(MOBILE, "IN", *numbers)]
    )
    both = hubspot.search(
        "contacts", [where(PHONE, "IN", *numbers), where("firstname", "EQ", "bia")]
    )

    assert ids(either) == [ana, bia]
    assert ids(both) == []


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (where("firstname", "EQ", "ANA"), ["Ana"]),
        (where("firstname", "NEQ", "Ana"), ["Bia", None]),
        (where("firstname", "IN", "ana", "bia"), ["Ana", "Bia"]),
        (where("firstname", "NOT_IN", "ana"), ["Bia", None]),
        (where("firstname", "HAS_PROPERTY"), ["Ana", "Bia"]),
        (where("firstname", "NOT_HAS_PROPERTY"), [None]),
        (where("company", "CONTAINS_TOKEN", "barro*"), ["Ana"]),
        (where("company", "NOT_CONTAINS_TOKEN", "barro"), ["Bia", None]),
        (where("createdate", "GT", "2020-01-01T00:00:00Z"), ["Ana", "Bia", None]),
        (where("createdate", "LT", "1577836800000"), []),
        (where("createdate", "LTE", "1577836800000"), []),
        (where("createdate", "BETWEEN", "1577836800000", "4102444800000"), ["Ana", "Bia", None]),
        (where("email", "EQ", "ANA@example.com"), ["Ana"]),
    ],
)
def test_every_operator_holds_as_documented(
    hubspot: Any, condition: dict[str, Any], found: list[str | None]
) -> None:
    hubspot.make_contact(firstname="Ana", company="Ateliê Barro Vivo", email="ana@example.com")
    hubspot.make_contact(firstname="Bia")
    hubspot.make_contact(city="Salvador")

    answer = hubspot.search("contacts", [condition], properties=["firstname"])

    assert [each["properties"]["firstname"] for each in answer["results"]] == found


def test_a_body_of_more_than_three_thousand_characters_is_refused(hubspot: Any) -> None:
    numbers = [f"1199999{place:04d}" for place in range(100)]
    groups = [where(PHONE, "IN", *numbers)], [where(MOBILE, "IN", *numbers)]

    hubspot.search("contacts", groups[0])
    hubspot.search("contacts", *groups, properties=["x" * 100], status=400)


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 201},
        {"limit": 0},
        {"limit": "10"},
        {"after": "10000"},
        {"after": "x"},
        {"sorts": ["createdate", "lastmodifieddate"]},
        {"filterGroups": [{"filters": []}]},
        {"filterGroups": [{"filters": [where("createdate", "GT", "1")]}] * 6},
        {"filterGroups": [{"filters": [where("createdate", "GT", "1")] * 7}]},
        {"filterGroups": [{"filters": [where("createdate", "GT", "1")] * 5}] * 4},
        {"filterGroups": [{"filters": [where("no_such_property", "EQ", "1")]}]},
        {"filterGroups": [{"filters": [where("firstname", "LIKE", "1")]}]},
        {"filterGroups": [{"filters": [where("firstname", "IN")]}]},
        {"filterGroups": [{"filters": [{"propertyName": "firstname", "operator": "EQ"}]}]},
        {"filterGroups": [{"filters": [where("x", "EQ", "1") | {"more": 1}]}]},
        {"unknown": 1},
    ],
)
def test_a_search_beyond_the_limits_is_refused(hubspot: Any, change: dict[str, Any]) -> None:
    hubspot.search("contacts", status=400, **change)


@pytest.mark.parametrize("key", ["filterGroups", "properties", "limit", "after", "sorts"])
def test_a_search_sends_the_full_form(hubspot: Any, key: str) -> None:
    whole = {"filterGroups": [], "properties": [], "limit": 1, "after": "0", "sorts": []}
    del whole[key]

    hubspot.post("contacts/search", whole, 400)
    hubspot.portal.settings.full_form = False
    hubspot.post("contacts/search", whole)


def test_an_in_filter_takes_a_hundred_values(hubspot: Any) -> None:
    hubspot.search("contacts", [where("city", "IN", *map(str, range(100)))])
    hubspot.search("contacts", [where("city", "IN", *map(str, range(101)))], status=400)


def test_pages_go_on_after_their_cursor_oldest_first(hubspot: Any) -> None:
    made = [hubspot.make_contact(firstname="Ana") for _ in range(5)]
    condition = [where("firstname", "EQ", "Ana")]

    first = hubspot.search("contacts", condition, limit=3)
    after = first["paging"]["next"]["after"]
    second = hubspot.search("contacts", condition, limit=3, after=after)

    assert first["total"] == second["total"] == 5
    assert ids(first) + ids(second) == made
    assert "paging" not in second


def test_results_can_be_sorted_by_one_property(hubspot: Any) -> None:
    for name in ("Bia", "Ana", "Caio"):
        hubspot.make_contact(firstname=name)
    sorts = [{"propertyName": "firstname", "direction": "DESCENDING"}]

    answer = hubspot.search("contacts", sorts=sorts, properties=["firstname"])

    assert [each["properties"]["firstname"] for each in answer["results"]] == ["Caio", "Bia", "Ana"]


def test_a_search_lags_behind_what_is_written(hubspot: Any) -> None:
    hubspot.portal.settings.index_lag = 5.0
    ana = hubspot.make_contact(phone="+5511999990001")
    condition = [where(PHONE, "EQ", "11999990001")]

    assert ids(hubspot.search("contacts", condition)) == []
    hubspot.clock.now += 5
    assert ids(hubspot.search("contacts", condition)) == [ana]

    change = {"id": ana, "properties": {"phone": "+5511999990002"}}
    hubspot.post("contacts/batch/update", {"inputs": [change]})
    assert ids(hubspot.search("contacts", condition)) == [ana]
    hubspot.clock.now += 5
    assert ids(hubspot.search("contacts", condition)) == []

    hubspot.post("contacts/batch/archive", {"inputs": [{"id": ana}]}, 204)
    assert ids(hubspot.search("contacts")) == [ana]
    hubspot.clock.now += 5
    assert ids(hubspot.search("contacts")) == []


def test_the_index_can_be_brought_up_to_date(hubspot: Any) -> None:
    hubspot.portal.settings.index_lag = 3600.0
    ana = hubspot.make_contact(firstname="Ana")

    hubspot.post("/_sandbox/index", {})

    assert ids(hubspot.search("contacts")) == [ana]


def test_a_sweep_finds_what_changed_since_a_time(hubspot: Any) -> None:
    old = hubspot.make_contact(firstname="Ana")
    hubspot.clock.now += 60
    since = "2026-11-24T11:00:30.000Z"
    new = hubspot.make_contact(firstname="Bia")
    condition = [where("lastmodifieddate", "GTE", since)]

    assert ids(hubspot.search("contacts", condition)) == [new]
    change = {"id": old, "properties": {"firstname": "Ana M."}}
    hubspot.post("contacts/batch/update", {"inputs": [change]})
    assert ids(hubspot.search("contacts", condition)) == [old, new]


def test_an_update_that_changes_nothing_leaves_the_time_of_change(hubspot: Any) -> None:
    ana = hubspot.make_contact(firstname="Ana")
    before = hubspot.get(f"contacts/{ana}")["updatedAt"]
    hubspot.clock.now += 60
    change = {"id": ana, "properties": {"firstname": "Ana"}}

    hubspot.post("contacts/batch/update", {"inputs": [change]})

    assert hubspot.get(f"contacts/{ana}")["updatedAt"] == before


def test_deals_of_a_contact_can_be_searched_for(hubspot: Any) -> None:
    ana = hubspot.make_contact()
    link = {
        "to": {"id": ana},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}],
    }
    made = [
        hubspot.post(
            "deals",
            {
                "properties": {"dealname": stage, "dealstage": stage, "pipeline": "default"},
                "associations": [link],
            },
            201,
        )["id"]
        for stage in ("closedwon", "contractsent")
    ]

    answer = hubspot.search(
        "deals", [where("associations.contact", "EQ", ana), where("hs_is_closed", "EQ", "false")]
    )

    assert ids(answer) == [made[1]]
