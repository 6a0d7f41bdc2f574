"""How few calls, and that each of them has the form which HubSpot's specification gives."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connector.crm.batch import send_in_batches
from connector.crm.contract.material import (
    by_phone,
    describe,
    key,
    message_to,
    person,
    phone,
    write,
)
from connector.crm.registry import Connection
from connector.crm.transport import PinnedTransport
from connector.model.identity import lookup_spellings
from connector.model.outcome import Outcome, Written
from connector.model.record import CrmObject, Lookup, Record

DEALS, TICKETS = CrmObject("deals", "deal"), CrmObject("tickets", "ticket")
_OBJECTS = r"/crm/objects/2026-09/(contacts|communications|notes|deals|tickets)"
_LINKS = r"/crm/associations/2026-09/[a-z]+/[a-z]+"
_INPUT_KEYS: Mapping[str, tuple[set[str], set[str]]] = {
    rf"{_OBJECTS}/batch/create": (
        {"properties", "associations", "objectWriteTraceId"},
        {"properties", "associations"},
    ),
    rf"{_OBJECTS}/batch/update": ({"id", "properties", "objectWriteTraceId"}, {"id", "properties"}),
    rf"{_OBJECTS}/batch/upsert": (
        {"id", "idProperty", "properties", "objectWriteTraceId"},
        {"id", "idProperty", "properties"},
    ),
    rf"{_OBJECTS}/batch/read": ({"id"}, {"id"}),
    rf"{_OBJECTS}/batch/archive": ({"id"}, {"id"}),
    rf"{_LINKS}/batch/create": ({"from", "to", "types"}, {"from", "to", "types"}),
    rf"{_LINKS}/batch/read": ({"id", "after"}, {"id"}),
}
_BODY_KEYS: Mapping[str, set[str]] = {
    rf"{_OBJECTS}/batch/read": {"inputs", "properties", "propertiesWithHistory", "idProperty"},
    rf"{_OBJECTS}/search": {"filterGroups", "properties", "limit", "after", "sorts"},
    rf"{_OBJECTS}/gdpr-delete": {"objectId"},
    r"/crm/properties/2026-09/[a-z]+": {
        "groupName",
        "name",
        "label",
        "type",
        "fieldType",
        "hasUniqueValue",
    },
    r"/crm/properties/2026-09/[a-z]+/groups": {"name", "label"},
}
_MOST: Mapping[str, int] = {rf"{_LINKS}/batch/create": 2000, rf"{_LINKS}/batch/read": 1000}
_GETS = (
    r"/account-info/2026-09/(details|api-usage/daily/private-apps)",
    r"/crm/properties/2026-09/[a-z]+(/[a-z_]+)?",
    r"/crm/owners/2026-09",
    rf"{_OBJECTS}(/\d+)?",
)


class Inspector(httpx.AsyncBaseTransport):
    """Passes requests on after holding each against the specification."""

    def __init__(self) -> None:
        self.inner = PinnedTransport()
        self.seen: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        inspect(request.method, request.url.path, request.content)
        self.seen[f"{request.method} {request.url.path}"] += 1
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


def inspect(method: str, path: str, content: bytes) -> None:
    if method == "GET":
        assert not content
        assert any(re.fullmatch(each, path) for each in _GETS), path
        return
    assert method == "POST"
    body = json.loads(content)
    known = False
    for pattern, (allowed, required) in _INPUT_KEYS.items():
        if re.fullmatch(pattern, path):
            known = True
            if not (path.endswith("batch/update") and not body["inputs"]):
                assert 1 <= len(body["inputs"]) <= _MOST.get(pattern, 100)
            for each in body["inputs"]:
                assert required <= each.keys() <= allowed
                inspect_input(each)
            traces = [each["objectWriteTraceId"] for each in body["inputs"] if "properties" in each]
            assert len(set(traces)) == len(traces)
            assert body.keys() <= _BODY_KEYS.get(pattern, {"inputs"})
    for pattern, keys in _BODY_KEYS.items():
        if re.fullmatch(pattern, path):
            known = True
            assert body.keys() <= keys
            if path.endswith("/search"):
                assert body.keys() == keys
                assert len(content.decode()) <= 3000
                inspect_search(body)
    assert known, path


def inspect_input(each: Mapping[str, Any]) -> None:
    for name in ("id", "idProperty", "objectWriteTraceId", "after"):
        assert isinstance(each.get(name, ""), str)
    for name, value in each.get("properties", {}).items():
        assert isinstance(value, str), name
    for end in (each.get("from"), each.get("to")):
        assert end is None or (end.keys() == {"id"} and isinstance(end["id"], str))
    for link in each.get("associations", []):
        assert link.keys() == {"to", "types"}
        assert isinstance(link["to"]["id"], str)
    types = [*each.get("types", []), *(t for a in each.get("associations", []) for t in a["types"])]
    for link_type in types:
        assert link_type["associationCategory"] == "HUBSPOT_DEFINED"
        assert link_type["associationTypeId"] in {81, 83, 85, 202, 214, 228}


def inspect_search(body: Mapping[str, Any]) -> None:
    assert 1 <= body["limit"] <= 200
    assert isinstance(body["after"], str)
    filters = [each for group in body["filterGroups"] for each in group["filters"]]
    for each in filters:
        assert each.keys() <= {"propertyName", "operator", "value", "values"}
        assert len(each.get("values", [])) <= 100


def ids_of(outcomes: Sequence[Outcome]) -> list[str]:
    ids = [each.crm_id for each in outcomes if isinstance(each, Written)]
    assert len(ids) == len(outcomes)
    return ids


def run(crm: Any, case: Callable[[Connection], Awaitable[None]]) -> Counter[str]:
    """Run a case through the inspector; return the calls by name that came after forgetting."""
    transport = Inspector()

    async def play() -> None:
        connection = crm.connect(transport=transport)
        try:
            await case(connection)
        finally:
            await connection.aclose()

    asyncio.run(play())
    assert transport.seen
    return Counter(each["call"] for each in crm.calls())


def test_a_thousand_messages_of_known_contacts_take_11_calls(crm: Any) -> None:
    async def case(at: Connection) -> None:
        contacts = await write(at, crm.contact, [person(crm, n) for n in range(100)])
        await describe(at, crm)
        texts = [message_to(crm, contacts[n % 100], n) for n in range(1000)]
        assert at.adapter.limits.upsert[crm.message.name] == 1000
        crm.forget_calls()
        ids_of(await write(at, crm.message, texts))

    calls = run(crm, case)
    assert calls == {"communications.upsert": 10, "associations.create": 1}
    assert len(crm.messages()) == 1000
    assert all(len(each.contact_ids) == 1 for each in crm.messages())


def test_a_thousand_contacts_never_seen_take_21_searches_and_10_writes(crm: Any) -> None:
    async def case(at: Connection) -> None:
        await describe(at, crm)
        assert at.adapter.limits.find == 1000
        crm.forget_calls()
        lookups = [
            Lookup(key=key(n), phones=lookup_spellings(phone(n)), country="BR") for n in range(1000)
        ]
        assert set(await at.adapter.find(crm.contact, lookups)) == {()}
        ids_of(await write(at, crm.contact, [person(crm, n) for n in range(1000)]))

    calls = run(crm, case)
    assert calls == {"contacts.search": 21, "contacts.upsert": 10}
    assert len(crm.contacts()) == 1000


def test_messages_where_the_portal_refuses_unique_ones_take_a_call_a_hundred(
    start_portal: Any,
) -> None:
    with start_portal(refuse_unique_on=("communications",)) as crm:

        async def case(at: Connection) -> None:
            contacts = await write(at, crm.contact, [person(crm, n) for n in range(10)])
            await describe(at, crm)
            limits = at.adapter.limits
            assert limits.upsert[crm.message.name] == 100
            assert crm.message.name not in limits.repeatable
            crm.forget_calls()
            texts = [message_to(crm, contacts[n % 10], n) for n in range(300)]
            ids_of(await write(at, crm.message, texts))

        calls = run(crm, case)
        assert sum(calls.values()) == 3, calls
        assert all(len(each.contact_ids) == 1 for each in crm.messages())


@pytest.mark.parametrize(
    ("obj", "opened", "closed"),
    [
        (
            DEALS,
            {"dealname": "D", "dealstage": "qualifiedtobuy", "pipeline": "default"},
            {"dealname": "D", "dealstage": "closedwon", "pipeline": "default"},
        ),
        (
            TICKETS,
            {"subject": "T", "hs_pipeline": "0", "hs_pipeline_stage": "1"},
            {"subject": "T", "hs_pipeline": "0", "hs_pipeline_stage": "4"},
        ),
    ],
)
def test_the_open_deals_and_tickets_of_a_hundred_contacts_take_two_calls(
    crm: Any, obj: CrmObject, opened: Mapping[str, str], closed: Mapping[str, str]
) -> None:
    contacts = [crm.add_contact(f"Ana {n}") for n in range(100)]

    def add(properties: Mapping[str, str], contact: str) -> str:
        order = {
            "type": obj.name,
            "properties": properties,
            "links": [["contacts", int(contact)]],
        }
        return str(crm.order("POST", "/create", order)["id"])

    first, second = add(opened, contacts[7]), add(opened, contacts[7])
    add(closed, contacts[7])
    add(closed, contacts[8])
    other = add(opened, contacts[9])

    async def case(at: Connection) -> None:
        crm.forget_calls()
        found = await at.adapter.find(obj, [Lookup(contact_crm_id=each) for each in contacts])
        assert found[7] == (first, second)
        assert found[9] == (other,)
        assert [n for n, each in enumerate(found) if each] == [7, 9]

    assert sum(run(crm, case).values()) == 2


def test_a_message_is_linked_to_a_deal_and_a_ticket_too(crm: Any) -> None:
    ids: dict[str, str] = {}
    for role, kind, properties in (
        ("deal", "deals", {"dealname": "D", "dealstage": "qualifiedtobuy", "pipeline": "default"}),
        ("ticket", "tickets", {"subject": "T", "hs_pipeline": "0", "hs_pipeline_stage": "1"}),
    ):
        order = {"type": kind, "properties": properties}
        ids[role] = str(crm.order("POST", "/create", order)["id"])

    async def case(at: Connection) -> None:
        [contact] = await write(at, crm.contact, [person(crm, 1)])
        text = message_to(crm, contact, 1)
        text = Record(text.key, text.fields, linked_crm_ids={**text.linked_crm_ids, **ids})
        ids_of(await write(at, crm.message, [text]))

    run(crm, case)
    [seen] = crm.order("GET", "/state?objects=communications")["communications"]
    assert seen["links"]["deals"] == [ids["deal"]]
    assert seen["links"]["tickets"] == [ids["ticket"]]


def test_whatever_the_adapter_asks_has_the_form_of_the_specification(start_portal: Any) -> None:
    """Everything the adapter can do, under the inspector, with and without unique messages."""
    for knobs in ({}, {"refuse_unique_on": ("communications",)}, {"messages": "notes"}):
        with start_portal(**knobs) as crm:

            async def case(at: Connection, crm: Any = crm) -> None:
                await at.adapter.account()
                await at.adapter.setup(apply=True)
                people = [person(crm, n) for n in range(3)]
                contacts = await write(at, crm.contact, people)
                ids = ids_of(contacts)
                odd = {
                    "hubspot_owner_id": "vendas@example.com",
                    "firstname": None,
                    "company": 7.5,
                    "city": 3.0,
                    "jobtitle": True,
                    "state": ["a", "b"],
                    "country": {"code": "BR"},
                    "lastname": datetime(2026, 11, 24, tzinfo=UTC),
                }
                ids_of(await write(at, crm.contact, [Record(key(0), odd, ids[0])]))
                texts = [message_to(crm, contacts[n], n) for n in range(3)]
                messages = ids_of(await write(at, crm.message, texts))
                await at.adapter.read(crm.contact, [*ids, "404"], ["firstname", "phone"])
                await at.adapter.find(crm.contact, [by_phone(phone(1)), Lookup(key=key(1))])
                await at.adapter.find(crm.message, [Lookup(key=key(1), contact_crm_id=ids[1])])
                await at.adapter.find(DEALS, [Lookup(contact_crm_id=ids[1])])
                since = datetime.now(UTC) - timedelta(hours=1)
                await at.adapter.list(crm.contact, since, None)
                await at.adapter.list(crm.message, since, "77")
                await at.adapter.erase(crm.message, messages)
                await at.adapter.erase(crm.contact, ids)

            run(crm, case)


def test_searches_and_other_calls_stay_within_their_own_rates(start_portal: Any) -> None:
    """The portal counts; nothing here is throttled, and searches never come too fast."""
    with start_portal(search_limit=5) as crm:

        async def case(at: Connection) -> None:
            await describe(at, crm)
            lookups = [by_phone(phone(n)) for n in range(400)]
            await at.adapter.find(crm.contact, lookups)

        run(crm, case)
        searches = [each["at"] for each in crm.calls() if each["call"] == "contacts.search"]
        assert len(searches) == 9
        assert max(sum(t <= other < t + 1 for other in searches) for t in searches) <= 4
        assert all(each["status"] < 300 for each in crm.calls())


def test_halving_finds_the_record_at_fault_where_the_portal_answers_for_the_whole(
    crm: Any,
) -> None:
    """A link to a contact that never was refuses single inputs; the rest is written."""

    async def case(at: Connection) -> None:
        contacts = await write(at, crm.contact, [person(crm, n) for n in range(4)])
        texts = [message_to(crm, contacts[n], n) for n in range(4)]
        texts[2] = Record(texts[2].key, texts[2].fields, linked_crm_ids={"contact": "999999"})
        outcomes = await send_in_batches(
            texts, 1000, lambda some: at.adapter.upsert(crm.message, some)
        )
        assert [isinstance(each, Written) for each in outcomes] == [True, True, False, True]

    run(crm, case)
