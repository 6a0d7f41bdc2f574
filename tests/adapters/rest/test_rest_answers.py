"""What answers mean: success, trouble and waits by status, header and body; and their pages."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.rest.patterns import matches, read_pattern
from connector.crm.registry import Connection
from connector.errors import (
    CrmAccessError,
    CrmError,
    CrmInDoubtError,
    CrmThrottledError,
    CrmUnavailableError,
)
from connector.model.outcome import Failed, InDoubt, NotSent, Outcome, Rejected, Vanished, Written
from connector.model.record import CrmObject, Lookup, Record

Speak = Callable[..., Connection]
PEOPLE = CrmObject("people", "contact")
NOTES = CrmObject("notes", "message")

MAPPING = """
[auth]
kind = "none"
{rules}
[contact]
object = "people"
once = "lookup"
[contact.find]
path = "/people"
query = {{ phone = "{{{{ phone.e164 }}}}" }}
records = "/items"
id = "/id"
phones = ["/phone"]
{paging}
[contact.lookup]
path = "/people"
query = {{ ref = "{{{{ key }}}}" }}
records = "/items"
id = "/id"
marker = "/ref"
strong = true
[contact.create]
path = "/people"
body = "{{{{ fields }}}}"
id = "/id"
conflict_id = "/existing/0"
[contact.update]
path = "/people/{{{{ crm_id }}}}"
body = "{{{{ fields }}}}"
[contact.list]
path = "/people"
records = "/items"
id = "/id"
changed = "/at"
{paging}
[message]
object = "notes"
once = "put"
[message.put]
path = "/notes/{{{{ key }}}}"
body = "{{{{ fields }}}}"
id = "/id"
"""


def mapping(rules: str = "", paging: str = "") -> str:
    return MAPPING.format(rules=rules, paging=paging)


def run(connection: Connection, work: Callable[[Any], Any]) -> Any:
    async def go() -> Any:
        try:
            return await work(connection.adapter)
        finally:
            await connection.aclose()

    return asyncio.run(go())


def outcome_of(
    speak: Speak, rules: str, response: httpx.Response, *, crm_id: str | None = None
) -> Outcome:
    """Return what becomes of a contact whose write is answered like this."""
    at = speak(mapping(rules), lambda _: response)
    record = Record("wc_1", {"name": "Ana"}, crm_id)
    (outcome,) = run(at, lambda adapter: adapter.upsert(PEOPLE, [record]))
    return outcome


def cause_of(outcome: Outcome) -> CrmError:
    assert isinstance(outcome, NotSent)
    return outcome.cause


@pytest.mark.parametrize(
    ("status", "crm_id", "kind"),
    [
        (400, None, Rejected),
        (404, None, Rejected),
        (404, "1", Vanished),
        (409, None, Rejected),
        (410, "1", Vanished),
        (422, "1", Rejected),
        (423, None, Failed),
        (500, None, InDoubt),
        (502, None, InDoubt),
        (503, None, InDoubt),
        (401, None, NotSent),
        (403, None, NotSent),
        (429, None, NotSent),
        (301, None, NotSent),
    ],
)
def test_without_a_rule_the_status_decides(
    status: int, crm_id: str | None, kind: type, speak: Speak
) -> None:
    outcome = outcome_of(speak, "", httpx.Response(status, json={}), crm_id=crm_id)

    assert isinstance(outcome, kind)


def test_the_first_rule_that_fits_decides(speak: Speak) -> None:
    rules = """
[[errors]]
status = 503
pointer = "/error"
equals = "QUERY_LIMIT_EXCEEDED"
class = "rate_limited"
wait_header = "X-Wait"
[[errors]]
status = 503
class = "permanent"
"""
    limited = httpx.Response(503, json={"error": "QUERY_LIMIT_EXCEEDED"}, headers={"X-Wait": "7"})

    throttled = cause_of(outcome_of(speak, rules, limited))
    other = outcome_of(speak, rules, httpx.Response(503, json={"error": "BROKEN"}))

    assert isinstance(throttled, CrmThrottledError)
    assert throttled.cooldown == timedelta(seconds=7)
    assert isinstance(other, Rejected)
    assert other.code == "BROKEN"


@pytest.mark.parametrize(
    ("wait", "headers", "body", "seconds"),
    [
        ('wait = "90s"', {}, {}, 90),
        ("", {"Retry-After": "4"}, {}, 4),
        ("", {}, {}, 10),
        ('wait_header = "X-Reset"', {"X-Reset": "3"}, {}, 3),
        ('wait_header = "X-Reset"\nwait = "8s"', {}, {}, 8),
        ('wait_pointer = "/wait"', {}, {"wait": 2.5}, 2.5),
        ('wait_pointer = "/wait"\nwait = "8s"', {}, {"wait": "soon"}, 8),
        ('wait_pointer = "/wait"', {}, {"wait": 10**9}, 3600),
    ],
)
def test_a_wait_is_read_where_the_rule_says(
    wait: str, headers: dict[str, str], body: dict[str, Any], seconds: float, speak: Speak
) -> None:
    rules = f'[[errors]]\nstatus = 429\nclass = "rate_limited"\n{wait}\n'

    cause = cause_of(outcome_of(speak, rules, httpx.Response(429, headers=headers, json=body)))

    assert isinstance(cause, CrmThrottledError)
    assert cause.cooldown == timedelta(seconds=seconds)


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_wait_may_be_told_as_the_time_when_it_ends(unit: int, speak: Speak) -> None:
    rules = '[[errors]]\nstatus = 429\nclass = "rate_limited"\nwait_until_pointer = "/at"\n'
    at = (datetime.now(UTC) + timedelta(seconds=60)).timestamp() * unit

    cause = cause_of(outcome_of(speak, rules, httpx.Response(429, json={"at": int(at)})))

    assert isinstance(cause, CrmThrottledError)
    assert timedelta(seconds=55) < cause.cooldown <= timedelta(seconds=60)


def test_an_error_that_comes_as_success_is_one(speak: Speak) -> None:
    rules = """
[[errors]]
pointer = "/ids"
equals = false
matches_nothing = 1
class = "retry"
"""
    rules = rules.replace("matches_nothing = 1\n", "")

    failed = outcome_of(speak, rules, httpx.Response(200, json={"ids": False}))
    fine = outcome_of(speak, rules, httpx.Response(200, json={"ids": 0, "id": 5}))

    assert isinstance(failed, Failed)
    assert fine == Written("5")


def test_a_success_that_comes_as_an_error_is_one(speak: Speak) -> None:
    rules = '[[errors]]\nstatus = 409\npointer = "/id"\nclass = "ok"\n'

    assert outcome_of(speak, rules, httpx.Response(409, json={"id": 5})) == Written("5")


def test_a_page_for_people_is_told_by_its_words(speak: Speak) -> None:
    rules = """
[[errors]]
content_type = "text/html"
matches = "sorry, you have been blocked"
class = "stop_all"
wait = "10m"
"""
    page = httpx.Response(
        403, text="<h1>Sorry, you have been BLOCKED</h1>", headers={"Content-Type": "text/html"}
    )

    cause = cause_of(outcome_of(speak, rules, page))

    assert isinstance(cause, CrmUnavailableError)
    assert cause.cooldown == timedelta(minutes=10)


def test_a_header_may_tell(speak: Speak) -> None:
    rules = '[[errors]]\nheader = "X-Error"\nequals = "quota"\nclass = "auth"\n'

    cause = cause_of(outcome_of(speak, rules, httpx.Response(400, headers={"X-Error": "quota"})))
    other = outcome_of(speak, rules, httpx.Response(400, headers={"X-Error": "typo"}))

    assert isinstance(cause, CrmAccessError)
    assert cause.reason == "auth"
    assert isinstance(other, Rejected)


def test_an_answer_that_says_gone_with_204_is_heard(speak: Speak) -> None:
    rules = '[[errors]]\nstatus = 204\nclass = "gone"\n'

    assert outcome_of(speak, rules, httpx.Response(204), crm_id="1") == Vanished()


def test_a_rule_may_be_about_the_answers_to_one_method(speak: Speak) -> None:
    rules = '[[errors]]\nstatus = 404\nmethod = "PATCH"\nclass = "retry"\n'

    assert isinstance(outcome_of(speak, rules, httpx.Response(404), crm_id="1"), Failed)
    assert isinstance(outcome_of(speak, rules, httpx.Response(404)), Rejected)


def test_the_crms_own_word_is_shown_and_its_sentence_kept_apart(speak: Speak) -> None:
    body = {
        "errors": [
            {
                "message": "Value +5511987654321 of Maria is not unique",
                "extensions": {"code": "RECORD_NOT_UNIQUE", "field": "phone"},
            }
        ]
    }

    outcome = outcome_of(speak, "", httpx.Response(400, json=body))

    assert outcome == Rejected(
        "RECORD_NOT_UNIQUE",
        "contact.create: the CRM answered 400 RECORD_NOT_UNIQUE at phone",
        "phone",
        400,
        "Value +5511987654321 of Maria is not unique",
    )
    assert "Maria" not in repr(outcome)


def test_a_record_that_is_there_already_is_adopted_and_made_right(speak: Speak) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path}")
        if request.method == "POST":
            return httpx.Response(400, json={"code": "EXISTS", "existing": [12]})
        return httpx.Response(200, json={"id": 12})

    rules = '[[errors]]\nstatus = 400\npointer = "/code"\nequals = "EXISTS"\n'
    at = speak(mapping(rules + 'class = "conflict_exists"\n'), answer)

    outcomes = run(at, lambda adapter: adapter.upsert(PEOPLE, [Record("wc_1", {"name": "Ana"})]))

    assert outcomes == [Written("12")]
    assert seen == ["POST /api/people", "PATCH /api/people/12"]


def test_a_create_whose_answer_tells_no_id_is_looked_up(speak: Speak) -> None:
    outcome = outcome_of(speak, "", httpx.Response(201, json={"ok": True}))

    assert isinstance(outcome, InDoubt)
    assert outcome.cause is None


def test_a_put_whose_answer_tells_no_id_pauses_for_the_mapping(speak: Speak) -> None:
    at = speak(mapping(), lambda _: httpx.Response(200, json={"ok": True}))

    (outcome,) = run(at, lambda adapter: adapter.upsert(NOTES, [Record("wm_1", {"text": "Oi"})]))

    cause = cause_of(outcome)
    assert isinstance(cause, CrmAccessError)
    assert cause.reason == "setup"


def test_a_write_answered_in_html_is_in_doubt(speak: Speak) -> None:
    outcome = outcome_of(speak, "", httpx.Response(200, text="<html>ok</html>"))

    assert isinstance(outcome, InDoubt)
    assert isinstance(outcome.cause, CrmInDoubtError)


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
