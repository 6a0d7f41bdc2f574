"""A server nobody has ever heard of, connected by nothing but TOML.

Its find returns everybody where it does not know a filter, its errors come as HTTP 200 with
``ids: false``, and its pages come by URL in a header.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from adapters.rest import RestSettings
from connector.clock import SystemClock
from connector.config.secret import Secret
from connector.crm.registry import Connection, build_adapter
from connector.errors import CrmAccessError
from connector.mapping.load import load_mapping
from connector.model.outcome import Failed, NotSent, Rejected, Vanished, Written
from connector.model.record import CrmObject, Lookup, Record
from connector.sandbox.server import serve_in_thread

PAGE: Final = 3
MAPPING = """
[auth]
kind = "header"
name = "X-Key"

[limits]
rate = { requests = 500, per = "1s" }
concurrency = 3

[ping]
path = "whoami"
name = "/who"

[[errors]]
pointer = "/messages/0"
matches = "serialize"
class = "retry"

[[errors]]
pointer = "/messages/0"
matches = "unknown key"
class = "auth"

[[errors]]
pointer = "/messages/0"
matches = "no such"
class = "gone"

[[errors]]
pointer = "/ids"
equals = false
class = "permanent"
code = "/kind"

[contact]
object = "person"
once = "lookup"
match = ["phone"]
on_many = "review"

[contact.fields]
label = "{{ contact.display_name }}"
tel = "{{ contact.phone.e164 }}"
tag = { value = "{{ contact.key }}", write = "create" }

[contact.find]
path = "person"
query = { telephone = "{{ phone.e164 }}" }
id = "/0"
phones = ["/1/tel"]
paging = { kind = "link_header", header = "X-Next" }

[contact.lookup]
path = "person"
query = { tag = "{{ key }}" }
id = "/0"
marker = "/1/tag"
strong = true
paging = { kind = "link_header", header = "X-Next" }

[contact.create]
path = "person"
body = [{ values = "{{ fields }}" }]
id = "/ids/0"

[contact.update]
method = "POST"
path = "person/{{ crm_id }}"
body = { values = "{{ fields }}" }

[contact.read]
path = "person"
query = { id = "{{ crm_id }}" }
record = "/0/1"
phones = ["/tel"]

[message]
object = "remark"
once = "lookup"

[message.fields]
words = "{{ message.text }} #{{ message.key }}"

[message.create]
path = "remark"
body = [{ of = "{{ contact.crm_id }}", values = "{{ fields }}" }]
id = "/ids/0"

[message.lookup]
path = "remark"
query = { of = "{{ contact.crm_id }}" }
id = "/0"
marker = "/1/words"
strong = true
paging = { kind = "link_header", header = "X-Next" }
"""


class MadeUp:
    """The server: records are pairs of an id and their values."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict[str, Any]]] = {"person": {}, "remark": {}}
        self.refuse_with: list[str] = []
        self.calls: list[str] = []

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/rpc/whoami", self.who),
                Route("/rpc/{table}", self.find, methods=["GET"]),
                Route("/rpc/{table}", self.add, methods=["POST"]),
                Route("/rpc/{table}/{id}", self.change, methods=["POST"]),
            ]
        )

    def insert(self, table: str, **values: Any) -> str:
        number = f"{table[0]}{len(self.tables[table]) + 1}"
        self.tables[table][number] = values
        return number

    async def who(self, request: Request) -> Response:
        return self._trouble(request) or JSONResponse({"who": "somebody"})

    async def find(self, request: Request) -> Response:
        table = self.tables[request.path_params["table"]]
        query = dict(request.query_params)
        start = int(query.pop("from", "0"))
        known = {"tag", "of", "id"}
        found = [
            [number, values]
            for number, values in table.items()
            if all(
                (number if name == "id" else values.get(name)) == value
                for name, value in query.items()
                if name in known
            )
        ]
        headers = {}
        if start + PAGE < len(found):
            url = request.url.replace(query=urlencode({**query, "from": start + PAGE}))
            headers["X-Next"] = str(url)
        page = found[start : start + PAGE]
        return self._trouble(request) or JSONResponse(page or False, headers=headers)

    async def add(self, request: Request) -> Response:
        if (trouble := self._trouble(request)) is not None:
            return trouble
        (item,) = await request.json()
        values = item["values"]
        if "label" in values and not isinstance(values["label"], str):
            return self._no("bad label", kind="BAD_LABEL")
        table = request.path_params["table"]
        if table == "remark":
            if item["of"] not in self.tables["person"]:
                return self._no("no such person")
            values = {**values, "of": item["of"]}
        return JSONResponse({"ids": [self.insert(table, **values)], "messages": []})

    async def change(self, request: Request) -> Response:
        if (trouble := self._trouble(request)) is not None:
            return trouble
        table, number = request.path_params["table"], request.path_params["id"]
        if number not in self.tables[table]:
            return self._no("no such record")
        self.tables[table][number] |= (await request.json())["values"]
        return PlainTextResponse("ok")

    def _trouble(self, request: Request) -> Response | None:
        self.calls.append(f"{request.method} {request.url.path}")
        if request.headers.get("X-Key") != "good":
            return self._no("unknown key")
        return self._no(self.refuse_with.pop()) if self.refuse_with else None

    @staticmethod
    def _no(message: str, kind: str = "ERROR") -> Response:
        return JSONResponse({"ids": False, "messages": [message], "kind": kind})


Work = Callable[[Any], Any]
People = CrmObject("person", "contact")
Remarks = CrmObject("remark", "message")


@pytest.fixture
def made_up() -> MadeUp:
    return MadeUp()


@pytest.fixture
def use(made_up: MadeUp, tmp_path: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that does some work with the adapter, connected to the server."""
    (tmp_path / "made_up.toml").write_text(MAPPING)
    mapping = load_mapping("made_up.toml", folder=tmp_path, adapter="rest")
    with serve_in_thread(made_up.app()) as url:

        def connect(key: str) -> Connection:
            return build_adapter(
                RestSettings(
                    adapter="rest",
                    mapping="rest/sandbox",
                    base_url=f"{url}/rpc",
                    token=Secret(env="K", environ={"K": key}),
                ),
                destination="made-up",
                contact=People,
                message=Remarks,
                requests=mapping.requests,
                request_timeout=5,
                clock=SystemClock(),
            )

        def run(work: Work, *, key: str = "good") -> Any:
            async def go() -> Any:
                at = connect(key)
                try:
                    return await work(at.adapter)
                finally:
                    await at.aclose()

            return asyncio.run(go())

        yield run


Use = Callable[..., Any]
ANA = Lookup(key="wc_ana", phones=("5531988887777", "553188887777"), country="BR")


def crowd(made_up: MadeUp, size: int = 8) -> None:
    for number in range(size):
        made_up.insert("person", label=f"Stranger {number}", tel=f"+55319777{number:05}")


def test_of_everybody_only_the_one_with_the_phone_is_found(made_up: MadeUp, use: Use) -> None:
    crowd(made_up)
    ana = made_up.insert("person", label="Ana", tel="(31) 98888-7777")
    crowd(made_up, 3)

    assert use(lambda crm: crm.find(People, [ANA])) == [(ana,)]


def test_of_everybody_nobody_is_taken_for_a_stranger(made_up: MadeUp, use: Use) -> None:
    crowd(made_up)

    assert use(lambda crm: crm.find(People, [ANA])) == [()]


def test_our_key_is_found_on_a_later_page(made_up: MadeUp, use: Use) -> None:
    contact = made_up.insert("person", label="Ana", tag="wc_ana")
    for number in range(7):
        made_up.insert("remark", of=contact, words=f"other {number}")
    ours = made_up.insert("remark", of=contact, words="Oi #wm_1")

    lookup = Lookup(key="wm_1", contact_crm_id=contact)

    assert use(lambda crm: crm.find(People, [Lookup(key="wc_ana")])) == [(contact,)]
    assert use(lambda crm: crm.find(Remarks, [lookup])) == [(ours,)]


def test_contacts_and_messages_are_written_changed_and_read(made_up: MadeUp, use: Use) -> None:
    async def work(crm: Any) -> Any:
        fields = {"label": "Ana", "tel": "+5531988887777", "tag": "wc_ana"}
        [made] = await crm.upsert(People, [Record("wc_ana", fields)])
        [changed] = await crm.upsert(People, [Record("wc_ana", {"label": "Bia"}, made.crm_id)])
        remark = Record("wm_1", {"words": "Oi #wm_1"}, contact_crm_id=made.crm_id)
        [said] = await crm.upsert(Remarks, [remark])
        lost = Record("wm_2", {"words": "Oi"}, contact_crm_id="p99")
        [vanished] = await crm.upsert(Remarks, [lost])
        read = await crm.read(People, [made.crm_id, "p99"], ["label", "tel"])
        return made, changed, said, vanished, read, (await crm.account()).name

    made, changed, said, vanished, read, name = use(work)

    assert made == changed == Written("p1")
    assert said == Written("r1")
    assert vanished == Vanished()
    assert read == {"p1": {"label": "Bia", "tel": "+5531988887777"}}
    assert name == "somebody"
    assert made_up.tables["remark"] == {"r1": {"words": "Oi #wm_1", "of": "p1"}}


def test_a_refusal_that_comes_as_success_is_one(use: Use) -> None:
    records = [Record("wc_1", {"label": 5}), Record("wc_2", {"label": "Ana"})]

    async def work(crm: Any) -> Any:
        return [*await crm.upsert(People, records[:1]), *await crm.upsert(People, records[1:])]

    bad, good = use(work)

    assert isinstance(bad, Rejected)
    assert bad.code == "BAD_LABEL"
    assert good == Written("p1")


def test_what_passes_is_tried_again_and_what_does_not_is_not(made_up: MadeUp, use: Use) -> None:
    made_up.refuse_with = ["could not serialize access"]

    [outcome] = use(lambda crm: crm.upsert(People, [Record("wc_1", {"label": "Ana"})]))

    assert isinstance(outcome, Failed)
    assert made_up.tables["person"] == {}


def test_wrong_credentials_that_come_as_success_pause(use: Use) -> None:
    [outcome] = use(lambda crm: crm.upsert(People, [Record("wc_1", {"label": "Ana"})]), key="wrong")

    assert isinstance(outcome, NotSent)
    assert isinstance(outcome.cause, CrmAccessError)
    with pytest.raises(CrmAccessError):
        use(lambda crm: crm.account(), key="wrong")
