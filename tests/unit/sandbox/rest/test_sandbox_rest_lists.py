"""How a sandbox REST CRM is searched and listed, what people do in it, and what they see."""

from typing import Any

import httpx
import pytest

PHONE = "+5511987654321"


def test_a_search_by_phone_lags_behind_what_was_written(crm: Any) -> None:
    number = crm.contact(phone=PHONE)

    crm.clock.now += 0.9
    assert crm.ids("contacts?phone=%2B5511987654321") == []
    crm.clock.now += 0.2
    assert crm.ids("contacts?phone=%2B5511987654321") == [number]


def test_a_search_by_phone_finds_too_much(crm: Any) -> None:
    typed, other = crm.contact(phone="(11) 98765-4321"), crm.contact(phone="+4487654321")
    crm.contact(phone="+5511987654322")
    crm.contact()
    crm.clock.now += 2

    assert crm.ids("contacts?phone=5511987654321") == [typed, other]


def test_a_list_by_reference_or_contact_does_not_lag_unless_it_is_told_to(crm: Any) -> None:
    contact = crm.contact(external_ref="k1")
    message = crm.message(contact, external_ref="m1")
    assert crm.ids("contacts?external_ref=k1") == [contact]
    assert crm.ids(f"messages?contact_id={contact}") == [message]

    crm.account.settings.list_lag = 5
    assert crm.ids("messages?external_ref=m1") == []
    assert crm.ids(f"messages?contact_id={contact}") == []
    assert crm.ids("contacts") == [contact]
    crm.order("index")
    assert crm.ids("messages?external_ref=m1") == [message]


def test_filters_are_joined(crm: Any) -> None:
    ana, bia = crm.contact(), crm.contact()
    crm.message(ana, external_ref="m1")
    there = crm.message(bia, external_ref="m1")

    assert crm.ids(f"messages?external_ref=m1&contact_id={bia}") == [there]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("email=x", 400, "UNKNOWN_FILTER"),
        ("updated_since=yesterday", 400, "INVALID"),
        ("page=0", 422, "INVALID"),
        ("per_page=x", 422, "INVALID"),
        ("contact_id=x", 422, "INVALID"),
    ],
)
def test_a_wrong_query_is_refused(crm: Any, query: str, status: int, code: str) -> None:
    assert crm.refuse("GET", f"messages?{query}") == (status, code)


def test_the_next_page_is_an_address_in_a_header(crm: Any) -> None:
    made = [crm.contact() for _ in range(5)]
    path, seen, pages = "/v1/contacts?per_page=2", [], 0
    while path:
        answer = crm.call("GET", path)
        seen += [each["id"] for each in answer.json()["items"]]
        pages += 1
        path = answer.links["next"]["url"] if answer.links else ""

    assert seen == made
    assert pages == 3


def test_a_page_has_a_hundred_records_at_most(crm: Any) -> None:
    for _ in range(101):
        crm.contact()

    assert len(crm.ids("contacts")) == 100
    assert len(crm.ids("contacts?per_page=500")) == 100
    assert len(crm.ids("contacts?page=2")) == 1


def test_a_list_of_changes_begins_with_the_oldest(crm: Any) -> None:
    first, second = crm.contact(), crm.contact()
    crm.clock.now += 60
    crm.data("PATCH", f"contacts/{first}", {"city": "Natal"})

    assert crm.ids("contacts") == [second, first]
    changed = crm.data("GET", f"contacts/{first}")["updated_at"]
    assert crm.ids(f"contacts?updated_since={changed}") == [first]


def test_people_work_in_it_without_a_token(crm: Any) -> None:
    ana = crm.order("create", type="contacts", fields={"name": "Ana"}).json()["id"]
    bia = crm.order("create", type="contacts", fields={"name": "Bia"}).json()["id"]
    crm.clock.now += 1
    crm.order("edit", type="contacts", id=ana, fields={"name": "Ana M."})
    crm.order("delete", type="contacts", id=bia)

    assert [each["name"] for each in crm.records()["contacts"]] == ["Ana M."]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("create", {"type": "deals", "fields": {}}, 404),
        ("create", {"type": "contacts", "fields": {}}, 422),
        ("edit", {"type": "contacts", "id": 1, "fields": {}}, 404),
        ("delete", {"type": "contacts", "id": 1}, 404),
        ("merge", {"removed": 1, "survivor": 2}, 404),
        ("merge", {"removed": 1}, 400),
    ],
)
def test_a_wrong_order_is_refused(crm: Any, name: str, body: Any, status: int) -> None:
    assert crm.order(name, **body).status_code == status


def test_the_state_tells_counts_records_and_calls(crm: Any) -> None:
    contact = crm.contact(external_ref="k1")
    crm.message(contact)
    crm.data("PUT", "contacts/by-ref/k1", {"name": "Bia"})

    state = crm.state()

    assert state["counts"] == {"contacts": 1, "messages": 1}
    assert [each["external_ref"] for each in state["contacts"]] == ["k1"]
    bare = crm.call("GET", "/_sandbox/state?objects=messages").json()
    assert "contacts" not in bare
    assert len(bare["messages"]) == 1
    calls = crm.call("GET", "/_sandbox/calls").json()["calls"]
    assert [each["call"] for each in calls] == ["contacts.all", "messages.all", "contacts.put"]


def test_a_reset_forgets_records_keys_and_calls(crm: Any) -> None:
    crm.data("POST", "contacts", {"name": "Ana"}, key="once")

    crm.order("reset")
    assert crm.state()["counts"] == {"contacts": 0, "messages": 0}
    assert crm.call("GET", "/_sandbox/calls").json()["calls"] == []
    answer = crm.call("POST", "/v1/contacts", {"name": "Bia"}, key="once")
    assert answer.status_code == 201


def look(crm: Any, path: str = "/") -> httpx.Response:
    """Return the page that people see."""
    answer: httpx.Response = crm.call("GET", path, headers={})
    assert answer.status_code == 200
    return answer


def test_people_see_contacts_and_their_timelines_in_order(crm: Any) -> None:
    contact = crm.contact(name="Ana <b>", phone=PHONE)
    crm.message(contact, text="second", sent_at="2026-11-24T12:01:00Z", direction="inbound")
    crm.message(contact, text="first <i>", sent_at="2026-11-24T12:00:00Z", direction="outbound")
    crm.message(contact, text="undated", sent_at="some day")

    page = look(crm)

    assert "Ana &lt;b&gt;" in page.text
    assert "first &lt;i&gt;" in page.text
    assert page.text.index("undated") < page.text.index("first")
    assert page.text.index("first") < page.text.index("second")
    assert "24/11/2026 09:00" in page.text
    assert "script" not in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "1 contacts, 3 messages" in page.text
    assert look(crm, "/page.css").headers["Content-Type"].startswith("text/css")


def test_many_contacts_go_over_pages(crm: Any) -> None:
    made = [crm.contact(name=f"Contact {place}.") for place in range(51)]

    first = look(crm).text
    following = f"/?after={made[49]}"
    assert following in first
    assert "Contact 50." not in first
    second = look(crm, following).text
    assert "Contact 50." in second
    assert "Contact 49." not in second
    assert "?after=" not in second
    assert "Contact 0." in look(crm, "/?after=nonsense").text
