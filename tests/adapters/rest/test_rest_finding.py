"""What counts as nothing found, and pages of a search to their end."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.rest.patterns import matches, read_pattern
from connector.errors import (
    CrmAccessError,
)
from connector.model.record import Lookup
from tests.adapters.rest.answering import PEOPLE, Speak, mapping, run

EMPTY: list[Any] = [[], None, False, "", {}]
NONE = [
    httpx.Response(204),
    httpx.Response(404, json={}),
    httpx.Response(200),
    *(httpx.Response(200, json={"items": nothing}) for nothing in EMPTY),
    *(httpx.Response(200, json=nothing) for nothing in EMPTY if nothing != ""),
]


@pytest.mark.parametrize("response", NONE, ids=lambda each: f"{each.status_code} {each.text}")
def test_nothing_found_comes_in_many_forms(response: httpx.Response, speak: Speak) -> None:
    at = speak(mapping(), lambda _: response)

    found = run(at, lambda adapter: adapter.find(PEOPLE, [Lookup(key="wc_1")]))

    assert found == [()]


def test_an_answer_of_another_form_is_not_taken_for_nothing(speak: Speak) -> None:
    at = speak(mapping(), lambda _: httpx.Response(200, json={"people": [{"id": 1}]}))

    with pytest.raises(CrmAccessError, match="nothing at '/items'") as caught:
        run(at, lambda adapter: adapter.find(PEOPLE, [Lookup(key="wc_1")]))

    assert caught.value.reason == "setup"


def test_a_question_that_is_refused_pauses_for_the_mapping(speak: Speak) -> None:
    at = speak(mapping(), lambda _: httpx.Response(400, json={"code": "BAD_FILTER"}))

    with pytest.raises(CrmAccessError, match=r"contact\.lookup: the CRM answered 400 BAD_FILTER"):
        run(at, lambda adapter: adapter.find(PEOPLE, [Lookup(key="wc_1")]))


PEOPLE_OF_PAGES = [{"id": n, "phone": "+5531988887777"} for n in range(1, 8)]
"""Seven people with one phone, on pages of three."""


def paged(kind: str) -> Callable[[httpx.Request], httpx.Response]:
    """Return a server that pages in one way."""

    def answer(request: httpx.Request) -> httpx.Response:
        params = request.url.params
        start = {
            "page": (int(params.get("page", "1")) - 1) * 3,
            "offset": int(params.get("from", "0")),
        }.get(kind, int(params.get("at", "0")))
        part = PEOPLE_OF_PAGES[start : start + 3]
        more = start + 3 < len(PEOPLE_OF_PAGES)
        following = f"https://crm.example.com/api/people?at={start + 3}&token=hush"
        body: dict[str, Any] = {"items": part}
        headers = {}
        if kind == "cursor" and more:
            body["next"] = start + 3
        if kind == "next_url":
            body["next"] = following if more else None
        if kind == "link_header" and more:
            headers["Link"] = f'<https://x/first>; rel="first", <{following}>; rel="next"'
        if kind == "relative" and more:
            headers["X-Next"] = f"/api/people?at={start + 3}"
        return httpx.Response(200, json=body, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("kind", "paging"),
    [
        ("page", '{ kind = "page", name = "page", size = 3, size_name = "size" }'),
        ("offset", '{ kind = "offset", name = "from", size = 3 }'),
        ("cursor", '{ kind = "cursor", name = "at", pointer = "/next" }'),
        ("next_url", '{ kind = "next_url", pointer = "/next" }'),
        ("link_header", '{ kind = "link_header" }'),
        ("relative", '{ kind = "link_header", header = "X-Next" }'),
    ],
)
def test_pages_are_followed_in_every_way_they_are_told(
    kind: str, paging: str, speak: Speak
) -> None:
    source = mapping(paging=f"paging = {paging}")
    lookup = Lookup(phones=("5531988887777",), country="BR")

    async def everything(adapter: Any) -> list[str]:
        ids: list[str] = []
        cursor = None
        while True:
            page = await adapter.list(PEOPLE, datetime.now(UTC), cursor)
            ids += [each.crm_id for each in page.records]
            cursor = page.cursor
            if cursor is None:
                return ids

    found = run(speak(source, paged(kind)), lambda adapter: adapter.find(PEOPLE, [lookup]))
    listed = run(speak(source, paged(kind)), everything)

    assert found == [tuple("1234567")]
    assert listed == list("1234567")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/api/people?at=3",
        "//evil.example.com/api/people",
        "https://crm.example.com/admin",
        "https://crm.example.com@evil.example.com/api/people",
        "http://[::1",
    ],
)
def test_a_page_on_another_host_is_not_followed(url: str, speak: Speak) -> None:
    source = mapping(paging='paging = { kind = "next_url", pointer = "/next" }')
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(200, json={"items": [], "next": url})

    with pytest.raises(CrmAccessError, match="another host"):
        run(speak(source, answer), lambda adapter: adapter.list(PEOPLE, datetime.now(UTC), None))

    assert len(seen) == 1


def test_a_secret_in_the_address_of_the_next_page_is_dropped(speak: Speak) -> None:
    source = mapping(paging='paging = { kind = "next_url", pointer = "/next" }').replace(
        'kind = "none"', 'kind = "query"\nname = "token"'
    )

    page = run(
        speak(source, paged("next_url")),
        lambda adapter: adapter.list(PEOPLE, datetime.now(UTC), None),
    )

    assert page.cursor == "/people?at=3"


def test_a_search_without_an_end_pauses_for_the_mapping(speak: Speak) -> None:
    source = mapping(paging='paging = { kind = "next_url", pointer = "/next" }')
    endless = httpx.Response(200, json={"items": [{"id": 1}], "next": "/api/people"})

    with pytest.raises(CrmAccessError, match="more than 100 pages"):
        run(
            speak(source, lambda _: endless),
            lambda adapter: adapter.find(PEOPLE, [Lookup(phones=("5531988887777",))]),
        )


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|b)*c", "(x){2,}", "a*b*c*", "a" * 201, "(", "[a"]
)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"repeats|longer|not a pattern"):
        read_pattern(pattern)


def test_a_pattern_is_found_anywhere_without_regard_to_case() -> None:
    pattern = read_pattern(r"could not (serialize|lock) .*access")

    assert matches(pattern, "ERROR: Could NOT lock the access")
    assert matches(read_pattern(r"[+*] \+"), "a * + b")
    assert not matches(read_pattern("end"), "x" * 1000 + "end")
