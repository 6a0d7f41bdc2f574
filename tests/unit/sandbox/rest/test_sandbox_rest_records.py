"""How a sandbox REST CRM keeps records, in each way that a mapping's ``once`` knows."""

from typing import Any

import pytest


def test_a_put_under_a_reference_makes_one_record_and_replaces_it(crm: Any) -> None:
    first = crm.call("PUT", "/v1/contacts/by-ref/k1", {"name": "Ana", "city": "Recife"})
    again = crm.call("PUT", "/v1/contacts/by-ref/k1", {"name": "Bia"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["data"]["id"] == first.json()["data"]["id"]
    assert again.json()["data"]["external_ref"] == "k1"
    assert again.json()["data"]["name"] == "Bia"
    assert "city" not in again.json()["data"]
    assert crm.state()["counts"]["contacts"] == 1


@pytest.mark.parametrize("ref", ["wamid.HBg=", "a" * 65, "a%20b"])
def test_a_reference_is_short_and_plain(crm: Any, ref: str) -> None:
    assert crm.refuse("PUT", f"contacts/by-ref/{ref}", {"name": "A"}) == (400, "BAD_REFERENCE")


def test_a_put_that_is_refused_leaves_the_record_as_it_was(crm: Any) -> None:
    crm.data("PUT", "contacts/by-ref/k1", {"name": "Ana"})

    assert crm.refuse("PUT", "contacts/by-ref/k1", {"name": 5}) == (422, "INVALID")


def test_the_same_post_with_the_same_key_is_done_once(crm: Any) -> None:
    body = {"name": "Ana"}
    first = crm.call("POST", "/v1/contacts", body, key="once")
    crm.clock.now += 86_399
    again = crm.call("POST", "/v1/contacts", body, key="once")

    assert again.json() == first.json()
    assert again.status_code == 201
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert crm.state()["counts"]["contacts"] == 1


def test_another_body_with_the_same_key_is_refused(crm: Any) -> None:
    crm.data("POST", "contacts", {"name": "Ana"}, key="once")

    mismatch = crm.refuse("POST", "contacts", {"name": "Bia"}, key="once")
    assert mismatch == (422, "IDEMPOTENCY_MISMATCH")


def test_a_key_is_forgotten_in_time(crm: Any) -> None:
    crm.data("POST", "contacts", {"name": "Ana"}, key="once")
    crm.clock.now += 86_401
    crm.data("POST", "contacts", {"name": "Ana"}, key="once")

    assert crm.state()["counts"]["contacts"] == 2


def test_a_refusal_is_not_remembered_by_its_key(crm: Any) -> None:
    assert crm.refuse("POST", "contacts", {}, key="once") == (422, "REQUIRED")

    crm.data("POST", "contacts", {"name": "Ana"}, key="once")
    assert crm.refuse("POST", "contacts", {}, key="a b") == (400, "BAD_IDEMPOTENCY_KEY")


def test_without_key_every_post_makes_a_record(crm: Any) -> None:
    assert crm.contact(external_ref="k1") != crm.contact(external_ref="k1")


def test_a_reference_may_be_unique(crm: Any) -> None:
    there = crm.contact(external_ref="k1")
    crm.account.settings.unique_refs = True

    answer = crm.call("POST", "/v1/contacts", {"name": "Bia", "external_ref": "k1"})

    assert answer.status_code == 409
    assert answer.json() == {"error": {"code": "EXISTS"}, "existing_id": there}
    assert crm.state()["counts"]["contacts"] == 1


def test_a_batch_answers_each_and_one_that_is_wrong_spoils_no_other(crm: Any) -> None:
    crm.data("PUT", "contacts/by-ref/k1", {"name": "Ana"})
    records = [
        {"external_ref": "k1", "name": 5},
        {"external_ref": "k2", "name": "Bia"},
        {"name": "Caio"},
        "nothing",
    ]

    answers = crm.data("PUT", "contacts/batch", {"records": records})

    codes = [each["code"] for each in answers]
    assert codes == ["INVALID", "SUCCESS", "BAD_REFERENCE", "BAD_REFERENCE"]
    assert answers[0]["details"] is None
    kept = {each["external_ref"]: each["name"] for each in crm.records()["contacts"]}
    assert kept == {"k1": "Ana", "k2": "Bia"}


@pytest.mark.parametrize("body", [None, {}, {"records": "x"}, {"records": [{}] * 101}])
def test_a_batch_is_a_list_and_not_too_long(crm: Any, body: Any) -> None:
    assert crm.refuse("PUT", "contacts/batch", body) == (400, "BAD_BATCH")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (["x"], 400, "NOT_AN_OBJECT"),
        (None, 400, "NOT_AN_OBJECT"),
        ({"phone": "1"}, 422, "REQUIRED"),
        ({"name": 1}, 422, "INVALID"),
        ({"name": "Ana", "external_ref": 1}, 422, "INVALID"),
        ({"name": "Ana", "id": 4}, 422, "READ_ONLY"),
        ({"name": "Ana", "updated_at": "now"}, 422, "READ_ONLY"),
        ({"name": "x" * 65_536}, 422, "TOO_LONG"),
    ],
)
def test_what_is_not_a_contact_is_refused(crm: Any, body: Any, status: int, code: str) -> None:
    assert crm.refuse("POST", "contacts", body) == (status, code)


def test_what_is_not_json_is_refused(crm: Any) -> None:
    assert crm.refuse("POST", "contacts", content=b"{") == (400, "NOT_JSON")


def test_there_are_two_kinds_of_records(crm: Any) -> None:
    assert crm.refuse("GET", "deals") == (404, "NO_SUCH_COLLECTION")
    assert crm.refuse("POST", "deals", {"name": "x"}) == (404, "NO_SUCH_COLLECTION")


def test_a_change_is_of_what_it_names(crm: Any) -> None:
    number = crm.contact(city="Recife")
    crm.clock.now += 60

    changed = crm.data("PATCH", f"contacts/{number}", {"name": "Bia"})

    assert (changed["name"], changed["city"]) == ("Bia", "Recife")
    assert changed["updated_at"] > changed["created_at"]
    assert crm.data("GET", f"contacts/{number}") == changed


def test_a_message_belongs_to_a_contact_that_is_there(crm: Any) -> None:
    number = crm.contact()

    assert crm.refuse("POST", "messages", {"text": "x"}) == (422, "REQUIRED")
    assert crm.refuse("POST", "messages", {"contact_id": "x"}) == (422, "INVALID")
    assert crm.refuse("POST", "messages", {"contact_id": 9}) == (404, "NO_SUCH_CONTACT")
    message = crm.message(number)
    assert crm.data("GET", f"messages/{message}")["contact_id"] == number


def test_with_a_contact_go_its_messages(crm: Any) -> None:
    ana, bia = crm.contact(), crm.contact()
    lost, kept = crm.message(ana), crm.message(bia)

    assert crm.call("DELETE", f"/v1/contacts/{ana}").status_code == 204

    assert crm.refuse("GET", f"contacts/{ana}") == (404, "NOT_FOUND")
    assert crm.refuse("PATCH", f"messages/{lost}", {"text": "x"}) == (404, "NOT_FOUND")
    assert crm.refuse("DELETE", f"contacts/{ana}") == (404, "NOT_FOUND")
    assert crm.refuse("POST", "messages", {"contact_id": ana}) == (404, "NO_SUCH_CONTACT")
    assert crm.ids("messages") == [kept]


def test_a_reference_is_free_again_when_its_record_is_gone(crm: Any) -> None:
    first = crm.data("PUT", "contacts/by-ref/k1", {"name": "Ana"})["id"]
    crm.call("DELETE", f"/v1/contacts/{first}")

    assert crm.data("PUT", "contacts/by-ref/k1", {"name": "Ana"})["id"] > first


def test_an_id_that_was_merged_away_leads_on(crm: Any) -> None:
    ana, bia, caio = crm.contact(city="Recife"), crm.contact(name="Bia"), crm.contact(name="Caio")
    message = crm.message(ana)

    crm.order("merge", removed=ana, survivor=bia)
    crm.order("merge", removed=bia, survivor=caio)

    left = crm.data("GET", f"contacts/{ana}")
    assert (left["id"], left["name"], left["city"]) == (caio, "Caio", "Recife")
    assert crm.data("GET", f"messages/{message}")["contact_id"] == caio
    assert crm.data("PATCH", f"contacts/{bia}", {"city": "Natal"})["id"] == caio
    later = crm.message(ana)
    assert crm.data("GET", f"messages/{later}")["contact_id"] == caio


def test_records_outlive_the_process_in_a_file(tmp_path: Any, crm: Any) -> None:
    account = type(crm.account)(str(tmp_path / "crm.db"), clock=crm.clock)
    account.access.grant("a-token")
    caller = type(crm)(account, crm.clock)
    first = caller.contact()
    account.store.close()

    account = type(crm.account)(str(tmp_path / "crm.db"), clock=crm.clock)
    account.access.grant("a-token")
    caller = type(crm)(account, crm.clock)

    assert caller.ids("contacts") == [first]
    assert caller.contact() == first + 1
    account.store.close()
