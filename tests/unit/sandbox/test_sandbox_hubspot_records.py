"""What the sandbox HubSpot makes of writes and reads of records."""

from typing import Any

import pytest

from tests.unit.sandbox.hubspot_inputs import contact, link_to, message


def test_an_upsert_makes_a_record_once_and_then_changes_it(keyed: Any) -> None:
    first = keyed.upsert("contacts", [contact("k1", "t1", firstname="Ana")])["results"][0]
    again = keyed.upsert("contacts", [contact("k1", "t1", firstname="Ana M.")])["results"][0]

    assert (first["new"], again["new"]) == (True, False)
    assert again["id"] == first["id"]
    assert again["objectWriteTraceId"] == "t1"
    assert again["properties"]["firstname"] == "Ana M."
    assert keyed.portal.store.counts() == {"contacts": 1}


def test_an_upsert_sets_the_key_it_was_asked_by(keyed: Any) -> None:
    made = keyed.upsert("contacts", [contact("k1", firstname="Ana")])["results"][0]

    assert made["properties"]["wa_contact_key"] == "k1"


def test_results_do_not_come_in_the_order_of_the_inputs(keyed: Any) -> None:
    inputs = [contact(f"k{place}", f"t{place}") for place in range(50)]

    traces = [each["objectWriteTraceId"] for each in keyed.upsert("contacts", inputs)["results"]]

    assert sorted(traces) == sorted(f"t{place}" for place in range(50))
    assert traces != [f"t{place}" for place in range(50)]


def test_only_a_unique_property_can_identify(keyed: Any) -> None:
    body = {"id": "Ana", "idProperty": "firstname", "properties": {}}

    error = keyed.upsert("contacts", [body], 400)

    assert "Unable to perform update/upsert by non-unique 0-1 property" in error["message"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("createdate", "2026-11-24T10:00:00Z", "READ_ONLY_VALUE"),
        ("hs_object_id", "7", "READ_ONLY_VALUE"),
        ("hs_unique_creation_key", "mine", "READ_ONLY_VALUE"),
        ("hs_searchable_calculated_phone_number", "11", "READ_ONLY_VALUE"),
        ("lifecyclestage", "stranger", "INVALID_OPTION"),
        ("hubspot_owner_id", "7", "INVALID_OPTION"),
        ("firstname", "x" * 65_537, "PROPERTY_VALUE_TOO_LONG"),
    ],
)
def test_a_value_that_cannot_be_taken_is_named(
    keyed: Any, name: str, value: str, code: str
) -> None:
    error = keyed.upsert("contacts", [contact("k1", **{name: value})], 400)

    assert [(each["code"], each["context"]) for each in error["errors"]] == [
        (code, {"propertyName": [name]})
    ]


def test_one_record_can_be_read_changed_and_archived(keyed: Any) -> None:
    keyed.upsert("contacts", [contact("k1", firstname="Ana")])
    path = "/crm/objects/2026-09/contacts/k1?idProperty=wa_contact_key"

    changed = keyed.call("PATCH", path, {"properties": {"firstname": "Ana M."}})
    read = keyed.get(f"{path}&properties=firstname")
    gone = keyed.call("DELETE", path)

    assert changed.status_code == 200
    assert read["properties"]["firstname"] == "Ana M."
    assert gone.status_code == 204
    assert keyed.call("GET", path).status_code == 404
    assert keyed.call("PATCH", path, {"properties": {}}).status_code == 404


def test_an_archived_record_frees_its_key_and_its_links(keyed: Any) -> None:
    first = keyed.upsert("contacts", [contact("k1")])["results"][0]["id"]
    one = {"properties": message(), "associations": [link_to(first)]}
    keyed.post("communications/batch/create", {"inputs": [one]}, 201)

    keyed.post("contacts/batch/archive", {"inputs": [{"id": first}, {"id": "99"}]}, 204)
    second = keyed.upsert("contacts", [contact("k1")])["results"][0]

    assert second["new"]
    assert second["id"] != first
    assert keyed.get("/_sandbox/state")["communications"][0]["links"] == {}


def test_an_empty_text_clears_a_value_and_frees_a_key(keyed: Any) -> None:
    ana = keyed.upsert("contacts", [contact("k1", firstname="Ana")])["results"][0]["id"]
    change = {"id": ana, "properties": {"firstname": "", "wa_contact_key": ""}}

    keyed.post("contacts/batch/update", {"inputs": [change]})

    assert keyed.get(f"contacts/{ana}?properties=firstname")["properties"]["firstname"] is None
    assert keyed.upsert("contacts", [contact("k1")])["results"][0]["new"]


def test_a_lifecycle_stage_only_moves_forward_unless_it_is_cleared_first(keyed: Any) -> None:
    ana = keyed.make_contact(lifecyclestage="customer")

    def move(stage: str) -> str | None:
        change = {"id": ana, "properties": {"lifecyclestage": stage}}
        keyed.post("contacts/batch/update", {"inputs": [change]})
        read = keyed.get(f"contacts/{ana}?properties=lifecyclestage")
        stands: str | None = read["properties"]["lifecyclestage"]
        return stands

    assert move("lead") == "customer"
    assert move("evangelist") == "evangelist"
    assert move("") is None
    assert move("lead") == "lead"


def test_a_portal_may_require_a_property_of_new_records(keyed: Any) -> None:
    keyed.portal.settings.required_properties = {"contacts": ("company",)}

    whole = keyed.upsert("contacts", [contact("k1")], 400)
    part = keyed.upsert("contacts", [contact("k1", "t1")], 207)
    keyed.upsert("contacts", [contact("k1", company="Ateliê")])
    keyed.upsert("contacts", [contact("k1", firstname="Ana")])

    assert whole["errors"][0]["code"] == "MISSING_REQUIRED_PROPERTY"
    assert part["errors"][0]["errors"][0]["code"] == "MISSING_REQUIRED_PROPERTY"


def test_text_comes_back_as_it_was_written(keyed: Any) -> None:
    text = "Olá 😀\nlinha <b>2</b> \u202e \"aspas\" 'simples' \\ \t fim"
    ana = keyed.make_contact(firstname=text)

    assert keyed.get(f"contacts/{ana}?properties=firstname")["properties"]["firstname"] == text


def test_half_a_surrogate_pair_is_refused(keyed: Any) -> None:
    body = (
        '{"properties": {"firstname": "\\ud800", "wa_contact_key": "\\ud800"}, "associations": []}'
    )
    headers = {"Content-Type": "application/json"}

    answer = keyed.call("POST", "/crm/objects/2026-09/contacts", content=body, headers=headers)

    assert answer.status_code == 400


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', "[" * 100_000])
def test_a_body_that_is_no_object_is_refused(keyed: Any, text: str) -> None:
    headers = {"Content-Type": "application/json"}
    path = "/crm/objects/2026-09/contacts/batch/read"

    assert keyed.call("POST", path, content=text, headers=headers).status_code == 400


def test_other_versions_and_unknown_calls_are_not_found(keyed: Any) -> None:
    assert keyed.call("GET", "/crm/v3/objects/contacts").status_code == 404
    assert keyed.call("POST", "/crm/objects/2026-09/contacts/batch/fly", {}).status_code == 404


def test_object_types_go_by_three_names(keyed: Any) -> None:
    ana = keyed.make_contact()

    assert keyed.get(f"0-1/{ana}")["id"] == keyed.get(f"contact/{ana}")["id"] == ana
    assert keyed.call("GET", "/crm/objects/2026-09/unicorns").status_code == 400


def test_a_list_goes_on_after_its_cursor(keyed: Any) -> None:
    made = [keyed.make_contact() for _ in range(5)]

    first = keyed.get("contacts?limit=3")
    after = first["paging"]["next"]["after"]
    second = keyed.get(f"contacts?limit=3&after={after}")

    assert [each["id"] for each in first["results"] + second["results"]] == made
    assert "paging" not in second
