"""A sandbox REST CRM as the adapter's contract asks for one, and mappings to write into it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.rest import RestSettings
from connector.clock import SystemClock
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.crm.contract import Harm, SeenContact, SeenMessage, Verb
from connector.crm.registry import Connection, build_adapter
from connector.mapping.load import load_mapping
from connector.mapping.models import Mapping as MappingFile
from connector.model.record import CrmObject, FieldValue, JsonScalar
from connector.sandbox.rest import Account, Settings, build_app
from tests.adapters.served import ServedSandbox, served

TOKEN, READ_ONLY = "good-token", "read-only-token"
_FAULTS: Mapping[Harm, Mapping[str, Any]] = {
    "throttled": {"kind": "throttle", "retry_after": 3},
    "unavailable": {"kind": "unavailable"},
    "lost_answer": {"kind": "timeout_after"},
    "unauthorized": {"kind": "unauthorized"},
}


def secret(text: str) -> Secret:
    return Secret(env="S", environ={"S": text})


class RestSandbox(ServedSandbox):
    """A running sandbox, with the mapping that describes it."""

    people = "contacts"

    def __init__(self, url: str, mapping: MappingFile) -> None:
        super().__init__(url)
        self.mapping = mapping
        self.contact = CrmObject(mapping.contact.object, "contact", mapping.contact.key)
        self.message = CrmObject(mapping.message.object, "message", mapping.message.key)
        self.order("POST", "/tokens", {"token": TOKEN})
        self.order("POST", "/tokens", {"token": READ_ONLY, "scopes": ["read"]})

    def connect(
        self, *, request_timeout: float = 10, credentials: str = "good", **options: Any
    ) -> Connection:
        token = {"good": TOKEN, "wrong": "another", "lacking": READ_ONLY}[credentials]
        settings = RestSettings(
            **{
                "adapter": "rest",
                "mapping": "rest/sandbox",
                "base_url": self.url,
                "token": secret(token),
                "rate": Rate(requests=1000, per=timedelta(seconds=1)),
                **options,
            }
        )
        return build_adapter(
            settings,
            destination="crm",
            contact=self.contact,
            message=self.message,
            requests=self.mapping.requests,
            request_timeout=request_timeout,
            clock=SystemClock(),
        )

    def connect_to_nobody(self) -> Connection:
        return self.connect(base_url="http://127.0.0.1:1")

    def contact_fields(self, name: str, phone: str | None = None) -> Mapping[str, FieldValue]:
        return {"name": name} if phone is None else {"name": name, "phone": phone}

    def bad_fields(self) -> tuple[Mapping[str, FieldValue], str]:
        return {"name": 5}, "name"

    def message_fields(self, text: str, contact_crm_id: str) -> Mapping[str, FieldValue]:
        return {"text": text, "contact_id": int(contact_crm_id)}

    def read_name(self, fields: Mapping[str, JsonScalar]) -> str:
        return str(fields["name"])

    def add_contact(self, name: str, phone: str | None = None, *, key: str | None = None) -> str:
        fields = dict(self.contact_fields(name, phone))
        if key is not None:
            fields["external_ref"] = key
        return self.create("contacts", fields=fields)

    def contacts(self) -> Sequence[SeenContact]:
        return [
            SeenContact(str(each["id"]), each["external_ref"], each["name"], each.get("phone"))
            for each in self.records("contacts")
        ]

    def messages(self) -> Sequence[SeenMessage]:
        return [
            SeenMessage(
                str(each["id"]),
                each["external_ref"],
                each["text"],
                frozenset({str(each["contact_id"])}),
            )
            for each in self.records("messages")
        ]

    def merge_contacts(self, winner: str, loser: str) -> str:
        order = {"removed": int(loser), "survivor": int(winner)}
        return str(self.order("POST", "/merge", order)["id"])

    def harm(self, kind: Harm, verb: Verb, obj: CrmObject) -> None:
        calls = {
            "find": f"{obj.name}.all",
            "read": f"{obj.name}.one",
            "write": f"{obj.name}.put,{obj.name}.all,{obj.name}.batch",
        }
        match: dict[str, Any] = {"call": calls[verb]}
        if verb != "write":
            match["method"] = "GET"
        self.order("POST", "/faults", {**_FAULTS[kind], "match": match})

    def undo_setup(self) -> None:
        pytest.fail("nothing is set up in this CRM: name the case in `cannot`")


@contextmanager
def start(
    source: str | None = None, folder: Path | None = None, **knobs: Any
) -> Iterator[RestSandbox]:
    """Run a sandbox for the time of the block, described by ``source`` or its shipped mapping."""
    name = "rest/sandbox"
    if source is not None and folder is not None:
        (folder / "crm.toml").write_text(source, encoding="utf-8")
        name = "crm.toml"
    mapping = load_mapping(name, folder=folder or Path(), adapter="rest")
    account = Account(settings=Settings(**{"index_lag": 3600, "rate_limit": 10_000, **knobs}))
    with served(build_app(account), partial(RestSandbox, mapping=mapping)) as sandbox:
        yield sandbox
    account.store.close()


Start = Callable[..., AbstractContextManager[RestSandbox]]


@pytest.fixture
def start_rest(tmp_path: Path) -> Start:
    """Return a function that runs a sandbox for the time of a block."""
    return lambda source=None, **knobs: start(source, tmp_path, **knobs)


Speak = Callable[..., Connection]


@pytest.fixture
def speak(tmp_path: Path) -> Speak:
    """Return a function that connects the adapter of a mapping to a function that answers."""
    return lambda source, answer, **settings: _speak(source, tmp_path, answer, **settings)


def _speak(
    source: str,
    folder: Path,
    answer: Callable[[httpx.Request], httpx.Response],
    **settings: Any,
) -> Connection:
    (folder / "crm.toml").write_text(source, encoding="utf-8")
    mapping = load_mapping("crm.toml", folder=folder, adapter="rest")
    known: dict[str, Any] = {
        "adapter": "rest",
        "mapping": "rest/sandbox",
        "base_url": "https://crm.example.com/api",
        "token": secret("hush"),
    }
    return build_adapter(
        RestSettings(**{**known, **settings}),
        destination="crm",
        contact=CrmObject(mapping.contact.object, "contact", mapping.contact.key),
        message=CrmObject(mapping.message.object, "message", mapping.message.key),
        requests=mapping.requests,
        request_timeout=5,
        clock=SystemClock(),
        transport=httpx.MockTransport(answer),
    )
