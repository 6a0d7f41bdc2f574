"""Links, merges and erasures, against the field notes (sections 4 and 5.5)."""

from typing import Any

import pytest

LINKS = "/crm/associations/2026-09/communications/contacts/batch"
REVERSE = "/crm/associations/2026-09/contacts/communications/batch"


def make_message(hubspot: Any) -> str:
    """Make a communication on no timeline."""
    properties = {
        "hs_timestamp": "2026-11-24T10:00:00.000Z",
        "hs_communication_channel_type": "WHATS_APP",
        "hs_communication_logged_from": "CRM",
    }
    body = {"properties": properties, "associations": []}
    made: str = hubspot.post("communications", body, 201)["id"]
    return made


def pair(start: str, end: str, number: int = 81) -> dict[str, Any]:
    """Return an input that links a communication to a contact."""
    return {
        "from": {"id": start},
        "to": {"id": end},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}],
    }


def test_a_link_can_be_made_twice_and_is_one(hubspot: Any) -> None:
    ana, said = hubspot.make_contact(), make_message(hubspot)
    body = {"inputs": [pair(said, ana)]}

    hubspot.post(f"{LINKS}/create", body, 201)
    again = hubspot.post(f"{LINKS}/create", body, 201)

    assert again["results"][0]["toObjectId"] == ana
    read = hubspot.post(f"{REVERSE}/read", {"inputs": [{"id": ana}]})
    assert read["results"] == [
        {
            "from": {"id": ana},
            "to": [
                {
                    "toObjectId": said,
                    "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": 82, "label": None}
                    ],
                }
            ],
        }
    ]


def test_default_links_need_no_number(hubspot: Any) -> None:
    ana, said = hubspot.make_contact(), make_message(hubspot)
    body = {"inputs": [{"from": {"id": said}, "to": {"id": ana}}]}

    hubspot.post(f"{LINKS}/associate/default", body, 201)
    bia = hubspot.make_contact()
    path = f"/crm/objects/2026-09/communications/{said}/associations/default/contacts/{bia}"
    answer = hubspot.call("PUT", path)

    assert answer.status_code == 200
    assert hubspot.get("/_sandbox/state")["communications"][0]["links"]["contacts"] == [ana, bia]


def test_a_link_of_a_wrong_number_is_refused(hubspot: Any) -> None:
    ana, said = hubspot.make_contact(), make_message(hubspot)

    hubspot.post(f"{LINKS}/create", {"inputs": [pair(said, ana, 85)]}, 400)
    hubspot.post(f"{LINKS}/create", {"inputs": [pair(said, ana, 202)]}, 400)


def test_links_to_what_is_not_there_fail_alone(hubspot: Any) -> None:
    ana, said = hubspot.make_contact(), make_message(hubspot)

    answer = hubspot.post(
        f"{LINKS}/create", {"inputs": [pair(said, ana), pair(said, "99"), pair("98", ana)]}, 207
    )

    assert len(answer["results"]) == 1
    contexts = [each["context"] for each in answer["errors"]]
    assert contexts == [
        {"fromObjectId": [said], "toObjectId": ["99"]},
        {"fromObjectId": ["98"], "toObjectId": [ana]},
    ]


def test_a_record_without_links_is_an_error_of_a_read(hubspot: Any) -> None:
    ana = hubspot.make_contact()

    answer = hubspot.post(f"{REVERSE}/read", {"inputs": [{"id": ana}]}, 207)

    assert answer["results"] == []
    assert answer["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert answer["errors"][0]["context"]["fromObjectId"] == [ana]


def test_many_links_come_in_pages(hubspot: Any) -> None:
    hubspot.portal.settings.association_page = 2
    ana = hubspot.make_contact()
    said = [make_message(hubspot) for _ in range(3)]
    hubspot.post(f"{LINKS}/create", {"inputs": [pair(each, ana) for each in said]}, 201)

    first = hubspot.post(f"{REVERSE}/read", {"inputs": [{"id": ana}]})["results"][0]
    after = first["paging"]["next"]["after"]
    body = {"inputs": [{"id": ana, "after": after}]}
    second = hubspot.post(f"{REVERSE}/read", body)["results"][0]

    assert [each["toObjectId"] for each in first["to"] + second["to"]] == said
    assert "paging" not in second


def test_links_can_be_removed(hubspot: Any) -> None:
    ana, said = hubspot.make_contact(), make_message(hubspot)
    hubspot.post(f"{LINKS}/create", {"inputs": [pair(said, ana)]}, 201)

    hubspot.post(f"{LINKS}/labels/archive", {"inputs": [pair(said, ana)]}, 204)
    assert hubspot.get("/_sandbox/state")["communications"][0]["links"] == {}
    hubspot.post(f"{LINKS}/create", {"inputs": [pair(said, ana)]}, 201)
    gone = {"from": {"id": said}, "to": [{"id": ana}]}
    hubspot.post(f"{LINKS}/archive", {"inputs": [gone]}, 204)

    state = hubspot.get("/_sandbox/state")
    assert state["communications"][0]["links"] == {}
    assert state["contacts"][0]["links"] == {}


@pytest.mark.parametrize(
    ("path", "inputs"),
    [
        (f"{LINKS}/create", [pair("1", "2")] * 2_001),
        (f"{REVERSE}/read", [{"id": "1"}] * 1_001),
        (
            f"{LINKS}/archive",
            [{"from": {"id": str(place)}, "to": [{"id": "1"}]} for place in range(101)],
        ),
    ],
)
def test_link_batches_have_limits_of_their_own(
    hubspot: Any, path: str, inputs: list[dict[str, Any]]
) -> None:
    hubspot.post(path, {"inputs": inputs}, 400)


def test_the_link_types_are_those_of_the_notes(hubspot: Any) -> None:
    def number(start: str, end: str) -> int:
        labels = hubspot.get(f"/crm/associations/2026-09/{start}/{end}/labels")
        found: int = labels["results"][0]["typeId"]
        return found

    assert number("communications", "contacts") == 81
    assert number("communications", "tickets") == 83
    assert number("communications", "deals") == 85
    assert number("contacts", "communications") == 82
    assert number("notes", "contacts") == 202
    assert number("notes", "deals") == 214
    assert number("notes", "tickets") == 228
    assert number("contacts", "deals") == 4
    assert number("contacts", "tickets") == 15


def test_logging_an_activity_touches_the_contact(hubspot: Any) -> None:
    ana, said = hubspot.make_contact(), make_message(hubspot)
    before = hubspot.get(f"contacts/{ana}")["updatedAt"]
    hubspot.clock.now += 60

    hubspot.post(f"{LINKS}/create", {"inputs": [pair(said, ana)]}, 201)

    assert hubspot.get(f"contacts/{ana}")["updatedAt"] > before


def merge(hubspot: Any, primary: str, secondary: str) -> Any:
    """Merge two contacts through the API."""
    body = {"primaryObjectId": primary, "objectIdToMerge": secondary}
    return hubspot.post("contacts/merge", body)


def test_a_merge_makes_a_new_record_to_which_both_ids_lead(keyed: Any) -> None:
    ana = keyed.make_contact(firstname="Ana", wa_contact_key="k1")
    bia = keyed.make_contact(firstname="Bia", city="Rio", wa_contact_key="k2")
    said = make_message(keyed)
    keyed.post(f"{LINKS}/create", {"inputs": [pair(said, bia)]}, 201)

    merged = merge(keyed, ana, bia)

    assert merged["id"] not in {ana, bia}
    assert merged["properties"]["firstname"] == "Ana"
    assert merged["properties"]["city"] == "Rio"
    assert merged["properties"]["wa_contact_key"] == "k1"
    assert merged["properties"]["hs_merged_object_ids"] == f"{ana};{bia}"
    for old in (ana, bia):
        assert keyed.get(f"contacts/{old}")["id"] == merged["id"]
        change = {"id": old, "properties": {"city": "Niterói"}}
        updated = keyed.post("contacts/batch/update", {"inputs": [change]})
        assert updated["results"][0]["id"] == merged["id"]
    links = keyed.get("/_sandbox/state")["communications"][0]["links"]
    assert links == {"contacts": [merged["id"]]}


def test_the_losers_key_is_gone_so_that_an_upsert_by_it_makes_another_person(keyed: Any) -> None:
    ana = keyed.make_contact(wa_contact_key="k1")
    bia = keyed.make_contact(wa_contact_key="k2")
    merged = merge(keyed, ana, bia)

    def upsert(key: str) -> Any:
        one = {"id": key, "idProperty": "wa_contact_key", "properties": {"firstname": "X"}}
        return keyed.upsert("contacts", [one])["results"][0]

    assert upsert("k1")["id"] == merged["id"]
    assert upsert("k2")["new"]


def test_the_losers_key_does_not_go_to_a_winner_without_one(keyed: Any) -> None:
    ana = keyed.make_contact(firstname="Ana")
    bia = keyed.make_contact(wa_contact_key="k2", email="bia@example.com")

    merged = merge(keyed, ana, bia)

    assert "wa_contact_key" not in merged["properties"]
    assert merged["properties"]["email"] == "bia@example.com"
    assert keyed.portal.store.owners("contacts", "wa_contact_key", ["k2"]) == {}


def test_ids_lead_through_two_merges(hubspot: Any) -> None:
    first, second, third = (hubspot.make_contact() for _ in range(3))

    once = merge(hubspot, first, second)["id"]
    twice = merge(hubspot, once, third)

    for old in (first, second, third, once):
        assert hubspot.get(f"contacts/{old}")["id"] == twice["id"]
    merged = twice["properties"]["hs_merged_object_ids"].split(";")
    assert set(merged) == {first, second, third, once}


def test_two_ids_of_one_record_refuse_a_batch_update(hubspot: Any) -> None:
    ana, bia = hubspot.make_contact(), hubspot.make_contact()
    merge(hubspot, ana, bia)
    inputs = [{"id": each, "properties": {"city": "Rio"}} for each in (ana, bia)]

    hubspot.post("contacts/batch/update", {"inputs": inputs}, 400)


def test_a_portal_may_keep_the_primarys_id(keyed: Any) -> None:
    keyed.portal.settings.merge_keeps_primary_id = True
    ana = keyed.make_contact(firstname="Ana", wa_contact_key="k1")
    bia = keyed.make_contact(firstname="Bia", wa_contact_key="k2")

    merged = merge(keyed, ana, bia)

    assert merged["id"] == ana
    assert merged["properties"]["hs_merged_object_ids"] == bia
    assert keyed.get(f"contacts/{bia}")["id"] == ana
    assert keyed.portal.store.owners("contacts", "wa_contact_key", ["k1", "k2"]) == {"k1": int(ana)}


def test_only_two_live_records_of_a_kind_that_merges_can_be_merged(hubspot: Any) -> None:
    ana = hubspot.make_contact()
    said = [make_message(hubspot) for _ in range(2)]

    body = {"primaryObjectId": ana, "objectIdToMerge": "99"}
    hubspot.post("contacts/merge", body, 404)
    hubspot.post("contacts/merge", body | {"objectIdToMerge": ana}, 404)
    body = {"primaryObjectId": said[0], "objectIdToMerge": said[1]}
    hubspot.post("communications/merge", body, 400)


def test_a_gdpr_deletion_takes_the_activities_along(keyed: Any) -> None:
    ana = keyed.make_contact(firstname="Ana", wa_contact_key="k1")
    said = make_message(keyed)
    keyed.post(f"{LINKS}/create", {"inputs": [pair(said, ana)]}, 201)

    keyed.post("contacts/gdpr-delete", {"objectId": ana}, 204)

    assert keyed.portal.store.counts() == {}
    rows = keyed.portal.store.connection.execute("SELECT properties, old FROM object")
    assert set(rows) == {("{}", None)}
    keyed.get(f"contacts/{ana}", 404)
    one = {"id": "k1", "idProperty": "wa_contact_key", "properties": {}}
    assert keyed.upsert("contacts", [one])["results"][0]["new"]


def test_a_gdpr_deletion_by_email_takes_an_address_nobody_has(hubspot: Any) -> None:
    ana = hubspot.make_contact(email="ana@example.com")

    for address in ("ana@example.com", "nobody@example.com"):
        body = {"objectId": address, "idProperty": "email"}
        hubspot.post("contacts/gdpr-delete", body, 204)

    hubspot.get(f"contacts/{ana}", 404)
    hubspot.post("contacts/gdpr-delete", {"objectId": ana}, 404)
