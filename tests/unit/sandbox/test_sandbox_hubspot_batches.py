"""What spoils a whole batch of the sandbox HubSpot, and what only one of its inputs."""

from typing import Any

import pytest

from tests.unit.sandbox.hubspot_inputs import contact


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"associations": []}, "unrecognized field"),
        ({"properties": {"firstname": 5}}, "not a text"),
        ({"properties": {"firstname": None}}, "not a text"),
        ({"properties": {"firstname": True}}, "not a text"),
        ({"id": 5}, "text"),
        ({"objectWriteTraceId": 5}, "text"),
    ],
)
def test_an_input_of_another_form_refuses_the_whole_batch(
    keyed: Any, change: dict[str, Any], complaint: str
) -> None:
    bad = contact("k2", "t2", firstname="Bia") | change

    error = keyed.upsert("contacts", [contact("k1", "t1"), bad], 400)

    assert error["category"] == "VALIDATION_ERROR"
    assert complaint in error["message"]
    assert keyed.portal.store.counts() == {}


def test_a_batch_takes_a_hundred_inputs_and_no_more(keyed: Any) -> None:
    keyed.upsert("contacts", [contact(f"k{place}") for place in range(100)])
    keyed.upsert("contacts", [contact(f"k{place}") for place in range(101)], 400)


def test_a_key_that_comes_twice_refuses_the_whole_batch(keyed: Any) -> None:
    keyed.upsert("contacts", [contact("k1", "t1"), contact("K1", "t2")], 400)

    assert keyed.portal.store.counts() == {}


def test_one_batch_uses_one_id_property(keyed: Any) -> None:
    other = {"id": "a@example.com", "idProperty": "email", "properties": {}}

    keyed.upsert("contacts", [contact("k1"), other], 400)


def test_an_unknown_property_without_trace_ids_refuses_the_whole_batch(keyed: Any) -> None:
    inputs = [contact("k1", firstname="Ana"), contact("k2", fistname="Bia")]

    error = keyed.upsert("contacts", inputs, 400)

    assert error["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    assert error["errors"][0]["context"] == {"propertyName": ["fistname"]}
    assert '"error":"PROPERTY_DOESNT_EXIST"' in error["message"]
    assert keyed.portal.store.counts() == {}


def test_with_trace_ids_only_the_record_at_fault_fails(keyed: Any) -> None:
    inputs = [contact("k1", "t1", firstname="Ana"), contact("k2", "t2", fistname="Bia")]

    answer = keyed.upsert("contacts", inputs, 207)

    assert [each["objectWriteTraceId"] for each in answer["results"]] == ["t1"]
    assert answer["numErrors"] == 1
    assert answer["errors"][0]["context"] == {"objectWriteTraceId": ["t2"]}
    assert "PROPERTY_DOESNT_EXIST" in answer["errors"][0]["message"]
    assert "errors" not in answer["errors"][0]


def test_trace_ids_that_repeat_count_as_none(keyed: Any) -> None:
    inputs = [contact("k1", "t", firstname="Ana"), contact("k2", "t", fistname="Bia")]

    keyed.upsert("contacts", inputs, 400)


def test_a_taken_unique_value_is_a_conflict_that_names_the_owner(keyed: Any) -> None:
    keyed.upsert("contacts", [contact("k1")])
    owner = keyed.get("/_sandbox/state")["contacts"][0]["id"]
    other = keyed.make_contact(firstname="Bia")
    change = {"id": other, "properties": {"wa_contact_key": "k1"}}

    whole = keyed.post("contacts/batch/update", {"inputs": [change]}, 409)
    traced = change | {"objectWriteTraceId": "t1"}
    part = keyed.post("contacts/batch/update", {"inputs": [traced]}, 207)

    assert whole["category"] == "CONFLICT"
    assert whole["message"] == f"Contact already exists. Existing ID: {owner}"
    assert part["errors"][0]["category"] == "CONFLICT"
    assert part["errors"][0]["context"] == {"objectWriteTraceId": ["t1"]}


def test_a_portal_may_word_a_clash_as_a_bad_value(keyed: Any) -> None:
    keyed.portal.settings.unique_clash_status = 400
    keyed.upsert("contacts", [contact("k1")])
    other = keyed.make_contact(firstname="Bia")
    change = {"id": other, "properties": {"wa_contact_key": "k1"}}

    error = keyed.post("contacts/batch/update", {"inputs": [change]}, 400)

    assert error["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"


def test_a_creation_cannot_take_a_value_that_another_input_of_the_batch_takes(keyed: Any) -> None:
    inputs: list[dict[str, Any]] = [
        {"properties": {"wa_contact_key": "k1"}, "associations": [], "objectWriteTraceId": trace}
        for trace in ("t1", "t2")
    ]

    answer = keyed.post("contacts/batch/create", {"inputs": inputs}, 207)

    assert len(answer["results"]) == 1
    assert answer["errors"][0]["category"] == "CONFLICT"


def test_an_update_of_what_is_not_there_names_its_id(keyed: Any) -> None:
    ana = keyed.make_contact()
    inputs = [
        {"id": ana, "objectWriteTraceId": "t1", "properties": {"firstname": "Ana M."}},
        {"id": "99", "objectWriteTraceId": "t2", "properties": {"firstname": "Nobody"}},
    ]

    answer = keyed.post("contacts/batch/update", {"inputs": inputs}, 207)

    assert [each["id"] for each in answer["results"]] == [ana]
    assert answer["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert answer["errors"][0]["context"] == {"ids": ["99"]}


def test_an_update_names_each_record_once(keyed: Any) -> None:
    ana = keyed.make_contact()
    change = {"id": ana, "properties": {"firstname": "Ana M."}}

    keyed.post("contacts/batch/update", {"inputs": [change, change]}, 400)


def test_a_batch_update_by_email_is_refused_but_one_by_one_it_works(keyed: Any) -> None:
    keyed.make_contact(email="ana@example.com")
    change = {"id": "ana@example.com", "idProperty": "email", "properties": {"city": "Rio"}}

    keyed.post("contacts/batch/update", {"inputs": [change]}, 400)
    path = "/crm/objects/2026-09/contacts/ana@example.com?idProperty=email"
    answer = keyed.call("PATCH", path, {"properties": {"city": "Rio"}})

    assert answer.status_code == 200


def test_a_batch_read_returns_what_is_there_and_lists_what_is_not(keyed: Any) -> None:
    keyed.upsert("contacts", [contact("k1", firstname="Ana")])
    body = {
        "idProperty": "wa_contact_key",
        "inputs": [{"id": "k1"}, {"id": "k2"}],
        "properties": ["firstname", "lastname", "no_such_property"],
        "propertiesWithHistory": [],
    }

    answer = keyed.post("contacts/batch/read", body, 207)

    properties = answer["results"][0]["properties"]
    assert properties["firstname"] == "Ana"
    assert properties["lastname"] is None
    assert "no_such_property" not in properties
    assert answer["errors"][0]["context"] == {"ids": ["k2"]}


def test_a_batch_read_takes_no_associations(keyed: Any) -> None:
    body = {
        "inputs": [{"id": "1"}],
        "properties": [],
        "propertiesWithHistory": [],
        "associations": ["deals"],
    }

    keyed.post("contacts/batch/read", body, 400)
