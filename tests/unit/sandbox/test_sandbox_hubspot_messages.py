"""Messages in the sandbox HubSpot, made with their links in one call."""

from typing import Any

import pytest

from tests.unit.sandbox.hubspot_inputs import link_to, message


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
