"""Requests: values go in as data, whatever they hold, and nothing leads to another place."""

import asyncio
import json
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.rest import Rest
from adapters.rest.names import vocabulary
from adapters.rest.reading import Reader
from adapters.rest.requests import Request, read_request
from connector.crm.registry import Connection
from connector.errors import CrmRejectedError
from connector.model.outcome import Rejected, Written
from connector.model.record import CrmObject, Lookup, Record

Speak = Callable[..., Connection]
SentBy = Callable[..., list[httpx.Request]]

MAPPING = """
[auth]
kind = "bearer"
[contact]
object = "people"
once = "none"
[contact.fields]
name = "{{ contact.display_name }}"
nick = "{{ contact.username }}"
head = "{{ contact.last_name }}"
[contact.create]
path = "/people"
body = { person = "{{ fields }}", source = { app = "whatsapp", nick = "{{ fields.nick }}" } }
id = "/id"
[contact.update]
path = "/people/{{ crm_id }}/as/{{ fields.name }}"
query = { q = "{{ fields.nick }}", tags = ["a", "{{ fields.nick }}"], fixed = 5 }
headers = { X-Head = "{{ fields.head }}" }
body = "{{ fields }}"
[contact.list]
path = "/people"
query = { d = '{{ [["since", ">", since]] | base64url }}', at = "{{ since | epoch }}" }
records = ""
id = "/id"
[message]
object = "notes"
once = "none"
[message.fields]
text = "{{ message.text }}"
[message.create]
path = "/notes"
body = [{ ids = ["{{ contact.crm_id | number }}"], note = "{{ fields.text }}" }]
id = "/0"
"""


@pytest.fixture
def sent_by(speak: Speak) -> SentBy:
    """Return a function that gives the requests which some work with the adapter makes."""
    return lambda work, reply=None: _sent_by(speak, work, reply)


def _sent_by(speak: Speak, work: Callable[[Rest], Any], reply: Any) -> list[httpx.Request]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": 7} if reply is None else reply)

    async def run() -> None:
        at = speak(MAPPING, answer)
        await work(at.adapter)  # type: ignore[arg-type]  # it is a Rest
        await at.aclose()

    asyncio.run(run())
    return seen


PEOPLE = CrmObject("people", "contact")
NOTES = CrmObject("notes", "message")

PERILOUS = [
    "../../admin",
    "..",
    ".",
    "a/b",
    "a?b=c#d",
    "a%2fb",
    "//evil.example.com",
    "https://evil.example.com",
    "@evil.example.com",
    "\\..\\x",
    "\uff0e\uff0e/x",
    "a;b",
    "a b+c&d=e",
    "{{ 7*7 }}",
    "ação 🎉",
]


@pytest.mark.parametrize("text", PERILOUS)
def test_a_value_in_a_path_stays_one_part_of_it(text: str, sent_by: SentBy) -> None:
    record = Record("wc_1", {"name": "Ana"}, crm_id=text)

    seen = sent_by(lambda adapter: adapter.upsert(PEOPLE, [record]))

    if text in {".", ".."}:
        assert seen == []
        return
    (request,) = seen
    assert request.url.host == "crm.example.com"
    parts = request.url.raw_path.decode().partition("?")[0].split("/")
    assert parts[:3] == ["", "api", "people"]
    assert parts[4:] == ["as", "Ana"]
    assert httpx.URL(f"https://x/{parts[3]}").path == f"/{text}"


@pytest.mark.parametrize("text", PERILOUS)
def test_a_value_in_a_query_is_one_parameter(text: str, sent_by: SentBy) -> None:
    record = Record("wc_1", {"name": "Ana", "nick": text}, crm_id="1")

    (request,) = sent_by(lambda adapter: adapter.upsert(PEOPLE, [record]))

    assert list(request.url.params.multi_items()) == [
        ("q", text),
        ("tags", "a"),
        ("tags", text),
        ("fixed", "5"),
    ]


@pytest.mark.parametrize("text", ["Ana\r\nX-Evil: 1", "Ana\nX", "Ana\0", "名前"])
def test_a_header_that_cannot_hold_a_value_is_never_sent(text: str, sent_by: SentBy) -> None:
    outcomes: list[Any] = []

    async def write(adapter: Rest) -> None:
        outcomes.extend(
            await adapter.upsert(
                PEOPLE, [Record("wc_1", {"name": "Ana", "head": text}, crm_id="1")]
            )
        )

    assert sent_by(write) == []
    (outcome,) = outcomes
    assert isinstance(outcome, Rejected)
    assert outcome.code == "unwritable"
    assert text not in outcome.detail


def test_an_id_that_is_empty_does_not_write_to_the_whole_collection(sent_by: SentBy) -> None:
    outcomes: list[Any] = []

    async def write(adapter: Rest) -> None:
        outcomes.extend(await adapter.upsert(PEOPLE, [Record("wc_1", {"name": "Ana"}, crm_id="")]))

    assert sent_by(write) == []
    assert [each.code for each in outcomes] == ["unwritable"]


@given(text=st.text(min_size=1, max_size=50))
def test_any_text_is_data_in_a_path(text: str) -> None:
    request = _request('path = "/people/{{ crm_id }}"')

    try:
        path = request.fill({"crm_id": text}).path
    except CrmRejectedError:
        assert text.isspace() or text in {".", ".."} or any("\ud800" <= c <= "\udfff" for c in text)
        return

    assert path.startswith("/people/")
    assert path.isascii()
    assert not set(path.removeprefix("/people/")) & set("/?#@:\\ ")


def _request(text: str) -> Request:
    reader = Reader()
    request, _ = read_request(
        reader,
        ("contact", "read"),
        tomllib.loads(text),
        verb="read",
        names=vocabulary("contact", "read"),
    )
    assert not reader.problems
    return request


def test_a_body_keeps_types_and_leaves_out_what_is_nothing(sent_by: SentBy) -> None:
    at = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
    record = Record(
        "wc_1",
        {"name": "Ana", "age": 30, "vip": True, "seen": at, "phones": [{"value": "+55", "at": at}]},
    )

    (request,) = sent_by(lambda adapter: adapter.upsert(PEOPLE, [record]))

    assert json.loads(request.content) == {
        "person": {
            "name": "Ana",
            "age": 30,
            "vip": True,
            "seen": "2026-11-24T10:30:00Z",
            "phones": [{"value": "+55", "at": "2026-11-24T10:30:00Z"}],
        },
        "source": {"app": "whatsapp"},
    }


def test_a_body_may_be_a_list_and_an_id_a_number(sent_by: SentBy) -> None:
    outcomes: list[Any] = []

    async def write(adapter: Rest) -> None:
        record = Record("wm_1", {"text": "{{ 7*7 }} ${x}"}, contact_crm_id="42")
        outcomes.extend(await adapter.upsert(NOTES, [record]))

    (request,) = sent_by(write, reply=[56])

    assert json.loads(request.content) == [{"ids": [42], "note": "{{ 7*7 }} ${x}"}]
    assert outcomes == [Written("56")]


def test_a_query_can_hold_json_in_base64url(sent_by: SentBy) -> None:
    since = datetime(2026, 11, 24, tzinfo=UTC)

    (request,) = sent_by(lambda adapter: adapter.list(PEOPLE, since, None), reply=[])

    assert request.url.params["d"] == "W1sic2luY2UiLCI-IiwiMjAyNi0xMS0yNFQwMDowMDowMFoiXV0="
    assert request.url.params["at"] == str(int(since.timestamp()))


def test_what_a_crm_cannot_be_asked_is_not_asked(sent_by: SentBy) -> None:
    async def ask(adapter: Rest) -> None:
        assert await adapter.find(PEOPLE, [Lookup(phones=("5531988887777",))]) == [()]
        assert await adapter.find(CrmObject("deals", "deal"), [Lookup(contact_crm_id="1")]) == [()]
        assert await adapter.read(PEOPLE, ["1"], ["name"]) == {}
        assert (await adapter.account()).name.startswith("not asked")
        with pytest.raises(CrmRejectedError):
            await adapter.erase(PEOPLE, ["1"])
        changed = Record("wm_1", {"text": "x"}, crm_id="5")
        assert await adapter.upsert(NOTES, [changed]) == [Written("5")]
        assert adapter.limits.untraceable == {"people", "notes"}
        told = {change.what for change in await adapter.setup(apply=False)}
        assert {"[contact.find]", "[contact.read]", "[message.update]", "[ping]"} <= told

    assert sent_by(ask) == []


def test_the_rate_of_the_configuration_wins_over_the_mappings(speak: Speak) -> None:
    source = MAPPING + '[limits]\nrate = { requests = 3, per = "2s" }\n'

    own = speak(source, lambda _: httpx.Response(200))
    other = speak(source, lambda _: httpx.Response(200), daily_tokens=5)

    assert own.settings.allowed_rate.requests == 3
    assert own.settings.allowed_rate.per == timedelta(seconds=2)
    assert other.budgets.left()["daily"].limit == 5
