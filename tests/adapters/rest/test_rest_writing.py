"""Writes: steps, batches and idempotency keys, and look-ups that never guess."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connector.crm.registry import Connection
from connector.model.outcome import Failed, InDoubt, NotSent, Rejected, Vanished, Written
from connector.model.record import CrmObject, Lookup, Record

Speak = Callable[..., Connection]
PEOPLE = CrmObject("people", "contact", "ref")
NOTES = CrmObject("notes", "message")

MAPPING = """
[auth]
kind = "none"
[[errors]]
status = 409
class = "conflict_exists"
[contact]
object = "people"
once = "header"
key_ttl = "24h"
key = "ref"
[contact.fields]
name = "{{ contact.display_name }}"
[[contact.find]]
path = "/people"
query = { mobile = "{{ phone.e164 }}" }
records = "/items"
id = "/id"
phones = ["/mobile", "/others"]
[[contact.find]]
method = "POST"
path = "/search"
body = { any = "{{ phones.national }}" }
records = "/found"
id = ""
[contact.lookup]
path = "/people"
query = { ref = "{{ key }}" }
records = "/items"
id = "/id"
marker = "/ref"
strong = false
[contact.read]
path = "/people/{{ crm_id }}"
record = "/person"
phones = ["/mobile"]
[contact.create]
path = "/people"
headers = { Idempotency-Key = "{{ idempotency_key }}" }
body = { person = "{{ fields }}" }
id = "/id"
[message]
object = "notes"
once = "lookup"
[message.fields]
text = "{{ message.text }}"
[message.lookup]
path = "/people/{{ contact.crm_id }}/notes"
records = "/items"
id = "/id"
marker = "/text"
strong = true
[[message.create]]
path = "/notes"
body = "{{ fields }}"
id = "/id"
save = { note = "/id" }
[[message.create]]
method = "PUT"
path = "/people/{{ contact.crm_id }}/notes/{{ saved.note }}"
[[message.create]]
path = "/seen/{{ crm_id }}"
"""


class Server:
    """Answers by method and path, and keeps what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        path = request.url.path.removeprefix("/api")
        found = self.answers.get(f"{request.method} {path}", httpx.Response(200, json={"id": 7}))
        if callable(found):
            found = found(request)
        assert isinstance(found, httpx.Response)
        return found

    @property
    def calls(self) -> list[str]:
        return [f"{each.method} {each.url.path.removeprefix('/api')}" for each in self.seen]


def server(answers: dict[str, Any] | None = None) -> Server:
    return Server(**(answers or {}))


def run(connection: Connection, work: Callable[[Any], Any]) -> Any:
    async def go() -> Any:
        try:
            return await work(connection.adapter)
        finally:
            await connection.aclose()

    return asyncio.run(go())


def note(crm_id: str | None = None, *, linked: bool = True) -> Record:
    links = {"contact": "42"} if linked else {}
    return Record("wm_1", {"text": "Oi"}, crm_id, linked_crm_ids=links, contact_crm_id="42")


def test_steps_follow_each_other_and_hand_on_ids(speak: Speak) -> None:
    crm = server()

    outcomes = run(speak(MAPPING, crm), lambda adapter: adapter.upsert(NOTES, [note()]))

    assert outcomes == [Written("7")]
    assert crm.calls == ["POST /notes", "PUT /people/42/notes/7", "POST /seen/7"]


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(500), httpx.Response(400, json={}), httpx.Response(429), httpx.Response(403)],
)
def test_a_record_whose_later_step_failed_is_in_doubt(answer: httpx.Response, speak: Speak) -> None:
    crm = server({"PUT /people/42/notes/7": answer})

    (outcome,) = run(speak(MAPPING, crm), lambda adapter: adapter.upsert(NOTES, [note()]))

    assert isinstance(outcome, InDoubt)
    assert "later step" in outcome.detail
    assert (outcome.cause is None) is (answer.status_code == 400)


def test_a_record_that_was_found_gets_the_steps_it_lacks(speak: Speak) -> None:
    crm = server()

    outcomes = run(speak(MAPPING, crm), lambda adapter: adapter.upsert(NOTES, [note("7")]))
    again = run(
        speak(MAPPING, crm), lambda adapter: adapter.upsert(NOTES, [note("7", linked=False)])
    )

    assert outcomes == again == [Written("7")]
    assert crm.calls == ["PUT /people/42/notes/7", "POST /seen/7"]


def test_a_first_step_that_failed_ends_it(speak: Speak) -> None:
    gone = server({"POST /notes": httpx.Response(404)})
    away = server({"POST /notes": httpx.Response(429)})

    assert run(speak(MAPPING, gone), lambda a: a.upsert(NOTES, [note()])) == [Vanished()]
    (outcome,) = run(speak(MAPPING, away), lambda a: a.upsert(NOTES, [note()]))

    assert isinstance(outcome, NotSent)
    assert gone.calls == away.calls == ["POST /notes"]


def test_a_marker_may_stand_within_a_text(speak: Speak) -> None:
    items = [{"id": 3, "text": "other"}, {"id": 5, "text": "Oi [wm_1]"}, {"id": 4, "text": "wm_1"}]
    crm = server({"GET /people/42/notes": httpx.Response(200, json={"items": items})})
    lookups = [Lookup(key="wm_1", contact_crm_id="42"), Lookup(key="wm_1")]

    found = run(speak(MAPPING, crm), lambda adapter: adapter.find(NOTES, lookups))

    assert found == [("4", "5"), ()]


def test_an_idempotency_key_belongs_to_the_bytes(speak: Speak) -> None:
    crm = server()
    record = Record("wc_1", {"name": "Ana"})

    async def write(adapter: Any) -> tuple[Any, ...]:
        body = adapter.write_body(PEOPLE, record)
        same = Record("wc_1", {"name": "Ana Maria"}, body=body)
        other = Record("wc_1", {"name": "Ana Maria"})
        outcomes = await adapter.upsert(PEOPLE, [record, same, other])
        return body, outcomes

    body, outcomes = run(speak(MAPPING, crm), write)

    keys = [request.headers["Idempotency-Key"] for request in crm.seen]
    assert json.loads(body) == {"person": {"name": "Ana", "ref": "wc_1"}}
    assert [request.content for request in crm.seen][:2] == [body, body]
    assert keys[0] == keys[1] != keys[2]
    assert all(key.startswith("wc_1-") and len(key) < 255 for key in keys)
    assert outcomes == [Written("7")] * 3


def test_a_key_that_is_under_way_is_waited_for(speak: Speak) -> None:
    crm = server({"POST /people": httpx.Response(409)})
    source = MAPPING.replace('class = "conflict_exists"', 'class = "permanent"')

    (outcome,) = run(
        speak(source, crm), lambda adapter: adapter.upsert(PEOPLE, [Record("wc_1", {})])
    )

    assert isinstance(outcome, Failed)


def test_what_exists_is_looked_up_where_the_answer_tells_no_id(speak: Speak) -> None:
    items = [{"id": 9, "ref": "wc_1"}]
    crm = server(
        {
            "POST /people": httpx.Response(409),
            "GET /people": httpx.Response(200, json={"items": items}),
        }
    )

    outcomes = run(
        speak(MAPPING, crm), lambda adapter: adapter.upsert(PEOPLE, [Record("wc_1", {})])
    )

    assert outcomes == [Written("9")]


BATCH = """
[auth]
kind = "none"
[contact]
object = "people"
once = "put"
[contact.put]
path = "/upsert"
body = { data = "{{ records }}" }
[contact.put.batch]
max = 3
results = "/data"
id = "/details/id"
code = "/code"
ok = "SUCCESS"
item = { Ref = "{{ key }}", Name = "{{ fields.name }}" }
[contact.fields]
name = "{{ contact.display_name }}"
[message]
object = "notes"
once = "lookup"
[message.lookup]
path = "/notes"
query = { ref = "{{ key }}" }
id = "/id"
marker = "/ref"
strong = true
[message.create]
path = "/notes"
body = "{{ records }}"
batch = { max = 10, id = "/id", key = "/ref" }
"""


def test_a_batch_is_answered_item_by_item(speak: Speak) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        items = json.loads(request.content)["data"]
        assert len(items) <= 3
        results = [
            {"code": "INVALID_DATA", "details": {}}
            if item["Ref"] == "wc_1"
            else {"code": "SUCCESS", "details": {"id": f"id-{item['Ref']}"}}
            for item in items
        ]
        return httpx.Response(200, json={"data": results})

    crm = server({"POST /upsert": answer, "PUT /upsert": answer})
    people = [Record(f"wc_{n}", {"name": f"Ana {n}"}) for n in range(5)]

    outcomes = run(
        speak(BATCH, crm), lambda adapter: adapter.upsert(CrmObject("people", "contact"), people)
    )

    assert outcomes == [
        Written("id-wc_0"),
        Rejected("INVALID_DATA", "the CRM says of this record: INVALID_DATA"),
        *(Written(f"id-wc_{n}") for n in (2, 3, 4)),
    ]
    assert len(crm.seen) == 2
    assert json.loads(crm.seen[0].content)["data"][0] == {"Ref": "wc_0", "Name": "Ana 0"}


def test_results_in_another_order_are_matched_by_our_key(speak: Speak) -> None:
    results = [{"id": 3, "ref": "wm_3"}, {"id": 1, "ref": "wm_1"}]
    crm = server({"POST /notes": httpx.Response(200, json=results)})
    notes = [Record(f"wm_{n}", {}) for n in (1, 2, 3)]

    one, two, three = run(speak(BATCH, crm), lambda adapter: adapter.upsert(NOTES, notes))

    assert (one, three) == (Written("1"), Written("3"))
    assert isinstance(two, InDoubt)


def test_a_batch_refused_as_a_whole_is_halved(speak: Speak) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        items = json.loads(request.content)["data"]
        if any(item["Ref"] == "wc_1" for item in items):
            return httpx.Response(400, json={"code": "BAD"})
        results = [{"code": "SUCCESS", "details": {"id": item["Ref"]}} for item in items]
        return httpx.Response(200, json={"data": results})

    crm = server({"PUT /upsert": answer})
    people = [Record(f"wc_{n}", {"name": "Ana"}) for n in range(3)]

    outcomes = run(
        speak(BATCH, crm), lambda adapter: adapter.upsert(CrmObject("people", "contact"), people)
    )

    assert outcomes[0] == Written("wc_0")
    assert isinstance(outcomes[1], Rejected)
    assert outcomes[2] == Written("wc_2")


def test_too_few_results_leave_all_in_doubt(speak: Speak) -> None:
    crm = server({"PUT /upsert": httpx.Response(200, json={"data": []})})
    people = [Record(f"wc_{n}", {"name": "Ana"}) for n in range(2)]

    outcomes = run(
        speak(BATCH, crm), lambda adapter: adapter.upsert(CrmObject("people", "contact"), people)
    )

    assert all(isinstance(outcome, InDoubt) for outcome in outcomes)


BY_PHONE = Lookup(phones=("5531988887777", "553188887777"), country="BR")


def test_a_search_is_made_once_per_spelling_and_verified_here(speak: Speak) -> None:
    everybody = [
        {"id": 4, "mobile": "(31) 98888-7777"},
        {"id": 2, "mobile": "+1 555 0100", "others": [{"n": "+55 31 8888-7777"}]},
        {"id": 3, "mobile": "+351 988887777"},
        {"id": 1, "mobile": None},
    ]
    crm = server({"GET /people": httpx.Response(200, json={"items": everybody})})

    found = run(speak(MAPPING, crm), lambda adapter: adapter.find(PEOPLE, [BY_PHONE]))

    assert found == [("2", "4")]
    assert [each.url.params["mobile"] for each in crm.seen] == ["+5531988887777", "+553188887777"]


def test_the_next_search_is_made_where_the_first_finds_nobody(speak: Speak) -> None:
    people = {"8": "+5531988887777", "9": "+5531988880000"}

    def read(request: httpx.Request) -> httpx.Response:
        number = request.url.path.rpartition("/")[2]
        return httpx.Response(200, json={"person": {"mobile": people[number]}})

    crm = server(
        {
            "GET /people": httpx.Response(200, json={"items": []}),
            "POST /search": httpx.Response(200, json={"found": [9, 8]}),
            "GET /people/8": read,
            "GET /people/9": read,
        }
    )

    found = run(speak(MAPPING, crm), lambda adapter: adapter.find(PEOPLE, [BY_PHONE]))

    assert found == [("8",)]
    search = next(each for each in crm.seen if each.method == "POST")
    assert json.loads(search.content) == {"any": ["31988887777", "3188887777"]}


def test_our_key_is_asked_for_only_where_somebody_has_the_phone(speak: Speak) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "ref" in request.url.params:
            return httpx.Response(200, json={"items": [{"id": 6, "ref": "wc_1"}]})
        return httpx.Response(200, json={"items": [{"id": 5, "mobile": "+5531988887777"}]})

    nobody = httpx.Response(200, json={"items": [], "found": []})
    known, unknown = (
        server({"GET /people": answer}),
        server({"GET /people": nobody, "POST /search": nobody}),
    )
    both = Lookup(key="wc_1", phones=("5531988887777",), country="BR")

    assert run(speak(MAPPING, known), lambda a: a.find(PEOPLE, [both])) == [("6",)]
    assert run(speak(MAPPING, unknown), lambda a: a.find(PEOPLE, [both])) == [()]
    assert not any("ref" in each.url.params for each in unknown.seen)


def test_limits_say_what_the_mapping_promises(speak: Speak) -> None:
    limits = speak(MAPPING, server()).adapter.limits
    batched = speak(BATCH, server()).adapter.limits

    assert set(limits.repeatable_for) == {"people"}
    assert limits.unsure == {"people"}
    assert limits.untraceable == limits.repeatable == frozenset()
    assert batched.upsert == {"people": 3, "notes": 10}
    assert batched.repeatable == batched.replaced == {"people"}
