"""A sandbox Pipedrive as the adapter's contract asks for one."""

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from adapters.pipedrive import PipedriveSettings
from adapters.pipedrive.markers import code_of
from connector.clock import SystemClock
from connector.config.models import OAuth
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.crm.contract import Harm, SeenContact, SeenMessage, Verb
from connector.crm.registry import Connection, build_adapter
from connector.model.record import CrmObject, FieldValue, JsonScalar
from connector.sandbox.pipedrive import Company, Settings, build_app
from connector.sandbox.pipedrive.store import Stored
from tests.adapters.served import ServedSandbox, served

TOKEN, WRONG = "c0ffee" * 6 + "c0ff", "bad" * 13 + "b"
KEY = "WhatsApp key"
_BODIES = {"activities": "note", "notes": "content"}
_FAULTS: Mapping[Harm, Mapping[str, Any]] = {
    "throttled": {"kind": "throttle", "policy": "burst"},
    "unavailable": {"kind": "unavailable"},
    "lost_answer": {"kind": "timeout_after"},
    "unauthorized": {"kind": "unauthorized"},
}


class PipedriveSandbox(ServedSandbox):
    """A running company."""

    people = "persons"

    def __init__(self, url: str, company: Company, *, messages: str) -> None:
        super().__init__(url)
        self._company = company
        self.contact = CrmObject("persons", "contact", KEY)
        self.message = CrmObject(messages, "message")
        self.set_up()

    def api(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Call the API as somebody else's program."""
        return self.http.request(method, path, json=body, headers={"x-api-token": TOKEN})

    def set_up(self) -> None:
        """Make the key's field and the activity type."""
        self.order("POST", "/field", {"name": KEY})
        answer = self.api(
            "POST", "/api/v1/activityTypes", {"name": "WhatsApp", "icon_key": "bubble"}
        )
        assert answer.is_success, answer.text
        self.order("POST", "/reset", {})

    def settings(self, *, credentials: str = "good", **options: Any) -> PipedriveSettings:
        if credentials == "lacking":
            options["oauth"] = OAuth(
                client_id="app",
                client_secret=Secret(env="S", environ={"S": "hush"}),
                refresh_token=Secret(env="R", environ={"R": "refresh"}),
                token_url=f"{self.url}/oauth/token",
            )
        else:
            token = TOKEN if credentials == "good" else WRONG
            options["token"] = Secret(env="T", environ={"T": token})
        return PipedriveSettings(
            **{
                "adapter": "pipedrive",
                "base_url": self.url,
                "rate": Rate(requests=1000, per=timedelta(seconds=2)),
                **options,
            }
        )

    def connect(
        self, *, request_timeout: float = 10, credentials: str = "good", **options: Any
    ) -> Connection:
        return build_adapter(
            self.settings(credentials=credentials, **options),
            destination="pipedrive",
            contact=self.contact,
            message=self.message,
            requests={},
            request_timeout=request_timeout,
            clock=SystemClock(),
        )

    def connect_to_nobody(self) -> Connection:
        return self.connect(base_url="http://127.0.0.1:1")

    def contact_fields(self, name: str, phone: str | None = None) -> Mapping[str, FieldValue]:
        fields = {"name": name}
        return fields if phone is None else {**fields, "phones": phone}

    def bad_fields(self) -> tuple[Mapping[str, FieldValue], str]:
        return {"org_id": "not a number"}, "org_id"

    def message_fields(self, text: str, contact_crm_id: str) -> Mapping[str, FieldValue]:
        del contact_crm_id
        body = f"<p>{html.escape(text)}</p>".replace("\n", "<br>")
        if self.message.name == "notes":
            return {"content": body}
        now = datetime.now(UTC)
        return {
            "subject": "WhatsApp · Ana",
            "type": "whatsapp",
            "done": True,
            "due_date": now,
            "due_time": now,
            "note": body,
        }

    def read_name(self, fields: Mapping[str, JsonScalar]) -> str:
        return str(fields["name"])

    def add_contact(self, name: str, phone: str | None = None, *, key: str | None = None) -> str:
        body: dict[str, Any] = {"name": name, "custom_fields": {KEY: key}}
        if phone is not None:
            body["phones"] = [{"value": phone}]
        return self.create("persons", body=body)

    def add(self, kind: str, **body: Any) -> int:
        """Make any record as people do."""
        return int(self.create(kind, body=body))

    def crowd(self, size: int, *, last_id: int | None = None) -> None:
        """Fill the company with strangers; the last of them gets ``last_id``."""
        store = self._company.store
        with store.transaction():
            first = store.take_id("persons")
            ids = [*range(first, first + size - 1), last_id or first + size - 1]
            for number in ids:
                body = {
                    "name": f"Stranger {number}",
                    "phones": [{"value": f"+4930{number:08d}", "primary": True, "label": "work"}],
                    "emails": [],
                    "custom_fields": {},
                }
                store.insert([Stored(number, "persons", body, None, 1_700_000_000, 1_700_000_000)])
            while store.take_id("persons") < ids[-1]:
                continue

    def crowd_activities(self, size: int, *, person: int) -> None:
        """Fill a person's timeline, just now."""
        participants = [{"person_id": person, "primary": True}]
        body = {"subject": "Call", "type": "call", "participants": participants}
        self._crowd("activities", size, body, person)

    def crowd_deals(self, size: int) -> None:
        """Fill the company with open deals of nobody."""
        self._crowd("deals", size, {"title": "Deal", "status": "open"}, None)

    def _crowd(self, kind: str, size: int, body: Mapping[str, Any], person: int | None) -> None:
        company = self._company
        now = company.now()
        with company.store.transaction():
            for _ in range(size):
                number = company.store.take_id(kind)
                company.store.insert([Stored(number, kind, dict(body), person, now, now)])

    def persons(self) -> Sequence[Mapping[str, Any]]:
        return self.records("persons")

    def contacts(self) -> Sequence[SeenContact]:
        return [
            SeenContact(
                crm_id=str(each["id"]),
                key=each["custom"].get(KEY),
                name=each["name"],
                phone=each["phones"][0]["value"] if each["phones"] else None,
            )
            for each in self.persons()
        ]

    def messages(self) -> Sequence[SeenMessage]:
        return [self._see_message(each) for each in self.records(self.message.name)]

    def _see_message(self, record: Mapping[str, Any]) -> SeenMessage:
        text = record[_BODIES[self.message.name]]
        mark = re.search(r"⟦wa·([a-z2-7]{16})⟧", record.get("subject") or text)
        text = re.sub(r"<p>⟦wa·.*⟧</p>$", "", text)
        text = text.removeprefix("<p>").removesuffix("</p>").replace("<br>", "\n")
        person = record["person_id"]
        return SeenMessage(
            crm_id=str(record["id"]),
            key=mark[1] if mark else None,
            text=html.unescape(text),
            contact_ids=frozenset() if person is None else frozenset({str(person)}),
        )

    def merge_contacts(self, winner: str, loser: str) -> str:
        order = {"removed": int(loser), "survivor": int(winner)}
        return str(self.order("POST", "/merge", order)["id"])

    def harm(self, kind: Harm, verb: Verb, obj: CrmObject) -> None:
        calls = f"{obj.name}.all,{obj.name}.one"
        match: dict[str, Any] = {"call": calls, "method": "GET"}
        if verb == "find":
            match["call"] = f"{obj.name}.all,{obj.name}.search"
        elif verb == "write":
            match = {"call": calls, "method": "POST"}
        self.order("POST", "/faults", {**_FAULTS[kind], "match": match})

    def count_calls(self) -> Mapping[str, int]:
        """Return how often each call was made, by method and name."""
        counts: dict[str, int] = {}
        for each in self.calls():
            name = f"{each['method']} {each['call']}"
            counts[name] = counts.get(name, 0) + 1
        return counts

    def tokens(self) -> int:
        """Return the tokens spent so far."""
        return int(self.order("GET", "/state?objects=none")["tokens"])

    @staticmethod
    def mark(key: str) -> str:
        """Return what stands for a key in a record that has no field for it."""
        return code_of(key)


@contextmanager
def start(*, messages: str = "activities", **knobs: Any) -> Iterator[PipedriveSandbox]:
    """Run a company for the time of the block; searches see a write only once told to index."""
    company = Company(
        settings=Settings(
            **{
                "index_lag": 3600,
                "burst_limit": 1000,
                "oauth_burst_limit": 1000,
                "search_limit": 1000,
                "lockout_after": 0,
                **knobs,
            }
        )
    )
    company.access.grant(TOKEN)
    company.access.register("app", "hush", "refresh", ["base", "contact-fields:full"])
    see = partial(PipedriveSandbox, company=company, messages=messages)
    with served(build_app(company), see) as sandbox:
        yield sandbox
    company.store.close()


@pytest.fixture
def start_company() -> Callable[..., AbstractContextManager[PipedriveSandbox]]:
    """Return ``start``: test modules cannot import their neighbours."""
    return start


@pytest.fixture
def crm() -> Iterator[PipedriveSandbox]:
    """Yield a company whose messages are activities."""
    with start() as sandbox:
        yield sandbox
