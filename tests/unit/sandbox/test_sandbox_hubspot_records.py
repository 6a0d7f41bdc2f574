"""The calls on records, against the field notes (sections 5 and 6)."""

from typing import Any

import pytest


def contact(key: str, trace: str | None = None, **properties: str) -> dict[str, Any]:
    """Return an input of a contact upsert."""
    made: dict[str, Any] = {"id": key, "idProperty": "wa_contact_key", "properties": properties}
    return made if trace is None else made | {"objectWriteTraceId": trace}


def message(**properties: str) -> dict[str, str]:
    """Return the properties that a communication needs, and others."""
    return {
        "hs_timestamp": "2026-11-24T10:00:00.000Z",
        "hs_communication_channel_type": "WHATS_APP",
        "hs_communication_logged_from": "CRM",
        "hs_communication_body": "<p>Olá</p>",
        **properties,
    }


def link_to(record: str, number: int = 81) -> dict[str, Any]:
    """Return an inline association."""
    return {
        "to": {"id": record},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}],
    }


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


def test_only_a_unique_property_can_identify(keyed: Any) -> None:
    body = {"id": "Ana", "idProperty": "firstname", "properties": {}}

    error = keyed.upsert("contacts", [body], 400)

    assert "Unable to perform update/upsert by non-unique 0-1 property" in error["message"]


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


def test_a_message_is_made_with_its_links_in_one_call(keyed: Any) -> None:
    ana = keyed.make_contact(firstname="Ana")
    one = {
        "objectWriteTraceId": "t1",
        "properties": message(hubspot_owner_id="77"),
        "associations": [link_to(ana)],
    }

    made = keyed.post("communications/batch/create", {"inputs": [one]}, 201)["results"][0]

    state = keyed.get("/_sandbox/state")
    assert state["communications"][0]["id"] == made["id"]
    assert state["communications"][0]["links"] == {"contacts": [ana]}
    assert state["contacts"][0]["links"] == {"communications": [made["id"]]}


@pytest.mark.parametrize(
    "missing",
    ["hs_timestamp", "hs_communication_channel_type", "hs_communication_logged_from"],
)
def test_a_message_needs_its_three_properties(keyed: Any, missing: str) -> None:
    properties = message()
    del properties[missing]
    one = {"properties": properties, "associations": []}

    error = keyed.post("communications/batch/create", {"inputs": [one]}, 400)

    assert error["context"] == {"properties": [missing]}


def test_a_message_is_logged_from_the_crm_and_nothing_else(keyed: Any) -> None:
    one = {"properties": message(hs_communication_logged_from="APP"), "associations": []}

    keyed.post("communications/batch/create", {"inputs": [one]}, 400)


def test_an_upsert_cannot_link(keyed: Any) -> None:
    one = {
        "id": "m1",
        "idProperty": "wa_message_key",
        "properties": message(),
        "associations": [],
    }

    keyed.upsert("communications", [one], 400)


def test_a_link_to_nobody_leaves_no_orphan(keyed: Any) -> None:
    good = {"objectWriteTraceId": "t1", "properties": message(), "associations": []}
    bad = {"objectWriteTraceId": "t2", "properties": message(), "associations": [link_to("1")]}

    answer = keyed.post("communications/batch/create", {"inputs": [good, bad]}, 207)

    assert [each["objectWriteTraceId"] for each in answer["results"]] == ["t1"]
    assert answer["errors"][0]["context"]["objectWriteTraceId"] == ["t2"]
    assert keyed.portal.store.counts() == {"communications": 1}


def test_a_link_of_another_kind_is_refused(keyed: Any) -> None:
    ana = keyed.make_contact()
    one = {"properties": message(), "associations": [link_to(ana, 202)]}

    keyed.post("communications/batch/create", {"inputs": [one]}, 400)


def test_the_full_form_is_asked_for_as_the_specification_says(keyed: Any) -> None:
    keyed.post("communications/batch/create", {"inputs": [{"properties": message()}]}, 400)
    keyed.portal.settings.full_form = False
    keyed.post("communications/batch/create", {"inputs": [{"properties": message()}]}, 201)


def test_times_are_read_in_both_spellings_and_shown_in_one(keyed: Any) -> None:
    one = {"id": "m1", "idProperty": "wa_message_key", "properties": message()}
    two = {
        "id": "m2",
        "idProperty": "wa_message_key",
        "properties": message(hs_timestamp="1795514400000"),
    }

    answer = keyed.upsert("communications", [one, two])

    shown = {each["properties"]["hs_timestamp"] for each in answer["results"]}
    assert shown == {"2026-11-24T10:00:00.000Z"}


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
