"""Lists see every write at once and nothing that is gone; searches lag."""

from typing import Any

import pytest


def pages(pipedrive: Any, path: str) -> list[list[int]]:
    """Return the ids of each page of a v2 list."""
    found = []
    cursor = ""
    while True:
        body = pipedrive.call("GET", f"/api/{path}{cursor}").json()
        found.append([each["id"] for each in body["data"]])
        following = body["additional_data"]["next_cursor"]
        if following is None:
            return found
        cursor = f"&cursor={following}"


def test_a_list_goes_on_where_the_cursor_says(pipedrive: Any) -> None:
    for number in range(5):
        pipedrive.person(f"Ana {number}")
    assert pages(pipedrive, "v2/persons?limit=2") == [[1, 2], [3, 4], [5]]
    path = "v2/persons?limit=2&sort_by=id&sort_direction=desc"
    assert pages(pipedrive, path) == [[5, 4], [3, 2], [1]]


def test_what_comes_while_a_list_is_read_does_not_shift_it(pipedrive: Any) -> None:
    for number in range(4):
        pipedrive.person(f"Ana {number}")
    path = "/api/v2/persons?limit=2&sort_by=id&sort_direction=desc"
    cursor = pipedrive.call("GET", path).json()["additional_data"]["next_cursor"]
    pipedrive.person("New")
    body = pipedrive.call("GET", f"{path}&cursor={cursor}").json()
    assert [each["id"] for each in body["data"]] == [2, 1]


def test_updated_since_counts_in_whole_seconds_and_is_inclusive(pipedrive: Any) -> None:
    first = pipedrive.person("First")
    pipedrive.clock.now += 10
    second = pipedrive.person("Second")

    def since(moment: str) -> list[int]:
        found = pipedrive.data("GET", f"v2/persons?updated_since={moment}")
        return [each["id"] for each in found]

    assert since("2026-11-24T11:00:00Z") == [first, second]
    assert since("2026-11-24T11:00:01Z") == [second]
    assert since("2026-11-24T11:00:10Z") == [second]
    assert since("2026-11-24T11:00:11Z") == []
    pipedrive.clock.now += 10
    pipedrive.data("PATCH", f"v2/persons/{first}", {"name": "Changed"})
    assert since("2026-11-24T11:00:11Z") == [first]
    pipedrive.data("DELETE", f"v2/persons/{first}")
    assert since("2026-11-24T11:00:11Z") == []


@pytest.mark.parametrize(
    "query",
    [
        "updated_since=2026-11-24T11:00:00.000Z",
        "updated_since=2026-11-24",
        "limit=501",
        "limit=0",
        "sort_by=name",
        "sort_direction=up",
        "cursor=nonsense",
        "ids=1,b",
        "api_token=x",
        "start=0",
    ],
)
def test_a_list_refuses_what_it_does_not_know(pipedrive: Any, query: str) -> None:
    assert pipedrive.refuse("GET", f"v2/persons?{query}") == 400


def test_a_cursor_belongs_to_its_order(pipedrive: Any) -> None:
    for number in range(3):
        pipedrive.person(f"Ana {number}")
    body = pipedrive.call("GET", "/api/v2/persons?limit=1").json()
    cursor = body["additional_data"]["next_cursor"]
    path = f"v2/persons?limit=1&sort_direction=desc&cursor={cursor}"
    assert pipedrive.refuse("GET", path) == 400


def test_a_list_by_ids_drops_the_missing_in_silence(pipedrive: Any) -> None:
    ids = [pipedrive.person(f"Ana {number}") for number in range(3)]
    pipedrive.data("DELETE", f"v2/persons/{ids[1]}")
    found = pipedrive.data("GET", f"v2/persons?ids={','.join(map(str, [*ids, 99]))}")
    assert [each["id"] for each in found] == [ids[0], ids[2]]
    many = ",".join(str(number) for number in range(101))
    assert pipedrive.refuse("GET", f"v2/persons?ids={many}") == 400


def test_a_list_shows_the_custom_fields_that_were_asked_for(pipedrive: Any) -> None:
    first, second = pipedrive.field("First"), pipedrive.field("Second")
    pipedrive.person("Ana", custom_fields={first: "1", second: "2"})
    [shown] = pipedrive.data("GET", f"v2/persons?custom_fields={first}")
    assert shown["custom_fields"] == {first: "1"}
    many = ",".join("f" * 40 for _ in range(16))
    assert pipedrive.refuse("GET", f"v2/persons?custom_fields={many}") == 400


def test_a_search_compares_digits_and_lags(pipedrive: Any) -> None:
    ana = pipedrive.person("Ana", "+55 (11) 98765-4321")

    def search(term: str) -> list[int]:
        found = pipedrive.data("GET", f"v2/persons/search?term={term}&fields=phone")
        return [each["item"]["id"] for each in found["items"]]

    assert search("87654321") == []
    pipedrive.clock.now += 3
    assert search("87654321") == [ana]
    assert search("8765-4321") == [ana]
    assert search("87654322") == []
    pipedrive.data("PATCH", f"v2/persons/{ana}", {"phones": [{"value": "5555-0000"}]})
    assert (search("87654321"), search("55550000")) == ([ana], [])
    pipedrive.clock.now += 3
    assert (search("87654321"), search("55550000")) == ([], [ana])
    pipedrive.data("DELETE", f"v2/persons/{ana}")
    assert search("55550000") == [ana]
    pipedrive.clock.now += 3
    assert search("55550000") == []


def test_a_custom_field_is_searched_by_its_exact_value(pipedrive: Any) -> None:
    code, number = pipedrive.field(), pipedrive.field("Date", "date")
    ana = pipedrive.person("Ana", custom_fields={code: "wc_1"})
    pipedrive.clock.now += 3

    def search(term: str) -> Any:
        return pipedrive.data(
            "GET", f"v2/itemSearch/field?term={term}&entity_type=person&field={code}&match=exact"
        )

    assert search("wc_1") == [{"id": ana, "name": "Ana"}]
    assert search("WC_1") == search("wc_") == []
    path = f"v2/itemSearch/field?term=2026&entity_type=person&field={number}"
    assert pipedrive.refuse("GET", path) == 400


def test_notes_are_listed_by_offset_and_an_empty_list_is_null(pipedrive: Any) -> None:
    ana = pipedrive.person()
    assert pipedrive.data("GET", f"v1/notes?person_id={ana}") is None
    for number in range(3):
        pipedrive.data("POST", "v1/notes", {"content": f"{number}", "person_id": ana})
        pipedrive.clock.now += 1
    body = pipedrive.call("GET", "/api/v1/notes?limit=2&sort=add_time DESC").json()
    assert [each["content"] for each in body["data"]] == ["2", "1"]
    assert body["additional_data"]["pagination"] == {
        "start": 0,
        "limit": 2,
        "more_items_in_collection": True,
        "next_start": 2,
    }
    body = pipedrive.call("GET", "/api/v1/notes?limit=2&start=2&sort=add_time DESC").json()
    assert [each["content"] for each in body["data"]] == ["0"]
    assert body["additional_data"]["pagination"]["more_items_in_collection"] is False
