"""Persons, activities, notes and deals as the specification and the field notes say."""

from typing import Any

import pytest


def test_nothing_about_a_person_is_unique(pipedrive: Any) -> None:
    assert [pipedrive.person("Ana", "+5511987654321") for _ in range(2)] == [1, 2]
    assert pipedrive.state()["counts"]["persons"] == 2


def test_a_person_is_shown_as_v2_shows_one(pipedrive: Any) -> None:
    code = pipedrive.field()
    number = pipedrive.person("Ana Souza", "(11) 98765-4321", "5555", custom_fields={code: "wc_1"})
    shown = pipedrive.data("GET", f"v2/persons/{number}")
    assert (shown["name"], shown["first_name"], shown["last_name"]) == ("Ana Souza", "Ana", "Souza")
    assert shown["phones"] == [
        {"value": "(11) 98765-4321", "primary": True, "label": "work"},
        {"value": "5555", "primary": False, "label": "work"},
    ]
    assert shown["custom_fields"] == {code: "wc_1"}
    assert shown["add_time"] == shown["update_time"] == "2026-11-24T11:00:00Z"
    assert shown["is_deleted"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"phones": [{"value": "1"}]},
        {"name": "Ana", "phone": [{"value": "1"}]},
        {"name": "Ana", "phones": "1"},
        {"name": "Ana", "phones": [{"label": "work"}]},
        {
            "name": "Ana",
            "phones": [{"value": "1", "primary": True}, {"value": "2", "primary": True}],
        },
        {"name": "Ana", "phones": [{"value": "1", "primary": 1}]},
        {"name": "Ana", "owner_id": "7"},
        {"name": "Ana", "owner_id": 999},
        {"name": "Ana", "visible_to": 2},
        {"name": "Ana", "visible_to": True},
        {"name": "Ana", "label_ids": [99]},
        {"name": "Ana", "custom_fields": {"f" * 40: "x"}},
        {"name": "x" * 256},
        {"name": "Ana", "first_name": "Ana"},
        [],
    ],
)
def test_a_body_that_v2_does_not_take_is_refused_whole(pipedrive: Any, body: Any) -> None:
    assert pipedrive.refuse("POST", "v2/persons", body) == 400


def test_an_update_replaces_lists_whole_and_leaves_the_rest(pipedrive: Any) -> None:
    number = pipedrive.person("Ana", "1111111", "2222222")
    pipedrive.clock.now += 60
    changed = pipedrive.data("PATCH", f"v2/persons/{number}", {"phones": [{"value": "3333333"}]})
    assert [each["value"] for each in changed["phones"]] == ["3333333"]
    assert changed["name"] == "Ana"
    assert changed["update_time"] == "2026-11-24T11:01:00Z"
    assert changed["add_time"] == "2026-11-24T11:00:00Z"
    assert pipedrive.refuse("PUT", f"v2/persons/{number}", {"name": "Bia"}) == 404


@pytest.mark.parametrize(("setting", "read"), [("404", 404), ("410", 410), ("flag", 200)])
def test_what_was_deleted_answers_as_the_settings_say(
    pipedrive: Any, setting: str, read: int
) -> None:
    pipedrive.company.settings.deleted_person = setting
    number = pipedrive.person()
    assert pipedrive.data("DELETE", f"v2/persons/{number}") == {"id": number}
    answer = pipedrive.call("GET", f"/api/v2/persons/{number}")
    assert answer.status_code == read
    if setting == "flag":
        assert answer.json()["data"]["is_deleted"] is True
    assert pipedrive.refuse("PATCH", f"v2/persons/{number}", {"name": "Bia"}) in {404, 410}
    assert pipedrive.data("GET", "v2/persons") == []


def test_values_of_custom_fields_are_typed(pipedrive: Any) -> None:
    options = [{"label": "Hot"}, {"label": "Cold"}]
    fits: dict[str, Any] = {
        "double": 1.5,
        "date": "2026-11-24",
        "enum": 10,
        "set": [11, 10],
        "monetary": {"value": 1, "currency": "BRL"},
        "time": {"value": "10:00", "timezone_name": "UTC"},
        "user": 7,
    }
    unfit = {
        "double": "1.5",
        "date": "24/11/2026",
        "enum": "Hot",
        "set": [],
        "monetary": 1,
        "time": "10:00",
        "user": "7",
    }
    for kind, value in fits.items():
        more = {"options": options} if kind in {"enum", "set"} else {}
        code = pipedrive.field(kind, kind, **more)
        number = pipedrive.person("Ana", custom_fields={code: value})
        shown = pipedrive.data("GET", f"v2/persons/{number}")["custom_fields"][code]
        assert shown == ({**value, "value": "10:00:00"} if kind == "time" else value)
        body = {"name": "Ana", "custom_fields": {code: unfit[kind]}}
        assert pipedrive.refuse("POST", "v2/persons", body) == 400


def test_two_fields_may_have_one_name_and_have_two_codes(pipedrive: Any) -> None:
    codes = {pipedrive.field("CPF"), pipedrive.field("CPF")}
    assert len(codes) == 2
    assert all(len(code) == 40 for code in codes)
    shown = pipedrive.data("GET", "v2/personFields?limit=500")
    assert {each["field_code"] for each in shown if each["is_custom_field"]} == codes


def test_an_activity_belongs_to_its_primary_participant(pipedrive: Any) -> None:
    ana, bia = pipedrive.person("Ana"), pipedrive.person("Bia")
    body = {
        "subject": "WhatsApp",
        "type": "call",
        "done": True,
        "due_date": "2026-11-24",
        "due_time": "14:05",
        "participants": [{"person_id": ana, "primary": True}, {"person_id": bia}],
    }
    made = pipedrive.data("POST", "v2/activities", body)
    assert (made["person_id"], made["due_time"], made["done"]) == (ana, "14:05:00", True)
    assert [each["id"] for each in pipedrive.data("GET", f"v2/activities?person_id={ana}")] == [1]
    assert pipedrive.data("GET", f"v2/activities?person_id={bia}") == []


@pytest.mark.parametrize(
    "body",
    [
        {"person_id": 1},
        {"type": "whatsapp"},
        {"done": 1},
        {"due_date": "24/11/2026"},
        {"due_time": "2pm"},
        {"participants": [{"person_id": 999}]},
        {"participants": [{"person_id": "1"}]},
        {"deal_id": 999},
        {"subject": "x" * 256},
        {"note": "x" * 65_536},
        {"custom_fields": {}},
    ],
)
def test_an_activity_that_v2_does_not_take_is_refused(pipedrive: Any, body: Any) -> None:
    assert pipedrive.refuse("POST", "v2/activities", {"subject": "Call", **body}) == 400


def test_a_type_gets_its_key_from_its_name(pipedrive: Any) -> None:
    body = {"name": "WhatsApp", "icon_key": "bubble"}
    assert pipedrive.data("POST", "v1/activityTypes", body)["key_string"] == "whatsapp"
    assert pipedrive.refuse("POST", "v1/activityTypes", body) == 400
    assert pipedrive.refuse("POST", "v1/activityTypes", {**body, "icon_key": "whatsapp"}) == 400
    pipedrive.data("POST", "v2/activities", {"subject": "x", "type": "whatsapp"})


def test_notes_and_activities_lose_comments_attributes_and_strange_tags(pipedrive: Any) -> None:
    ana = pipedrive.person()
    html = '<p style="x">a<br><b>b</b> <small>c</small><!-- wa:1 --><script>d</script></p>'
    kept = "<p>a<br><b>b</b> c</p>"
    activity = pipedrive.data("POST", "v2/activities", {"subject": "x", "note": html})
    note = pipedrive.data("POST", "v1/notes", {"content": html, "person_id": ana})
    assert activity["note"] == note["content"] == kept


def test_a_note_needs_a_content_and_a_parent(pipedrive: Any) -> None:
    ana = pipedrive.person()
    assert pipedrive.refuse("POST", "v1/notes", {"content": "x"}) == 400
    assert pipedrive.refuse("POST", "v1/notes", {"person_id": ana}) == 400
    assert pipedrive.refuse("POST", "v1/notes", {"content": "x", "person_id": 999}) == 404
    body = {"content": "x", "person_id": ana, "pinned_to_person_flag": True}
    body["add_time"] = "2026-11-24T10:00:00Z"
    assert pipedrive.refuse("POST", "v1/notes", body) == 400
    body |= {"add_time": "2026-11-24 10:00:00", "pinned_to_person_flag": 1}
    made = pipedrive.data("POST", "v1/notes", body)
    assert (made["add_time"], made["active_flag"]) == ("2026-11-24 10:00:00", True)
    assert pipedrive.data("DELETE", f"v1/notes/{made['id']}") is True
    assert pipedrive.refuse("PUT", f"v1/notes/{made['id']}", {"content": "y"}) == 404


def test_a_merge_removes_the_one_in_the_address(pipedrive: Any) -> None:
    code, other = pipedrive.field(), pipedrive.field("Other")
    loser = pipedrive.person("Loser", "111", "222", custom_fields={code: "wc_1", other: "theirs"})
    kept = pipedrive.person("Kept", "222", custom_fields={other: "mine"})
    participants = [{"person_id": loser, "primary": True}]
    pipedrive.data("POST", "v2/activities", {"subject": "x", "participants": participants})
    pipedrive.data("POST", "v1/notes", {"content": "x", "person_id": loser})

    answer = pipedrive.data("PUT", f"v1/persons/{loser}/merge", {"merge_with_id": kept})

    assert (answer["id"], answer["merge_what_id"]) == (kept, loser)
    shown = pipedrive.data("GET", f"v2/persons/{kept}")
    assert shown["name"] == "Kept"
    assert [each["value"] for each in shown["phones"]] == ["222", "111"]
    assert shown["custom_fields"] == {code: "wc_1", other: "mine"}
    assert pipedrive.refuse("GET", f"v2/persons/{loser}") == 404
    assert pipedrive.data("GET", f"v2/persons?ids={loser},{kept}")[0]["id"] == kept
    assert len(pipedrive.data("GET", f"v2/activities?person_id={kept}")) == 1
    assert len(pipedrive.data("GET", f"v1/notes?person_id={kept}")) == 1
    assert pipedrive.refuse("PUT", f"v1/persons/{kept}/merge", {"merge_with_id": kept}) == 400


def test_deals_are_told_apart_by_status(pipedrive: Any) -> None:
    ana = pipedrive.person()
    for status in ("open", "won"):
        pipedrive.data("POST", "v2/deals", {"title": status, "person_id": ana, "status": status})
    found = pipedrive.data("GET", f"v2/deals?person_id={ana}&status=open")
    assert [each["title"] for each in found] == ["open"]
    assert pipedrive.refuse("GET", "v2/deals?status=pending") == 400
