"""A sandbox HubSpot as the adapter's contract asks for one."""

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from adapters.hubspot import HubSpotSettings
from connector.clock import SystemClock
from connector.config.secret import Secret
from connector.config.units import Rate
from connector.crm.contract import Harm, SeenContact, SeenMessage, Verb
from connector.crm.registry import Connection, build_adapter
from connector.model.record import CrmObject, FieldValue, JsonScalar
from connector.sandbox.hubspot import Portal, Settings, build_app
from tests.adapters.served import ServedSandbox, served

TOKENS = {"good": "pat-na1-good", "wrong": "pat-na1-wrong", "lacking": "pat-na1-lacking"}
CONTACT_KEY, MESSAGE_KEY = "wa_contact_key", "wa_message_key"
_BODIES = {"communications": "hs_communication_body", "notes": "hs_note_body"}
_VERBS = {"write": "{0}.upsert,{0}.update,{0}.create", "read": "{0}.read", "find": "{0}.search"}
_FAULTS: Mapping[Harm, Mapping[str, Any]] = {
    "throttled": {"kind": "throttle"},
    "unavailable": {"kind": "unavailable"},
    "lost_answer": {"kind": "timeout_after"},
    "unauthorized": {"kind": "unauthorized"},
}


class HubSpotSandbox(ServedSandbox):
    """A running portal."""

    people = "contacts"

    def __init__(self, url: str, *, messages: str, message_key: str | None) -> None:
        super().__init__(url)
        self.contact = CrmObject("contacts", "contact", CONTACT_KEY)
        self.message = CrmObject(messages, "message", message_key)
        self.set_up()

    def api(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Call the API as somebody else's program."""
        headers = {"Authorization": f"Bearer {TOKENS['good']}"}
        return self.http.request(method, path, json=body, headers=headers)

    def set_up(self, *, unique: bool = True) -> None:
        """Make the key properties, unique where the portal lets them be."""
        for obj in (self.contact, self.message):
            path = f"/crm/properties/2026-09/{obj.name}"
            self.api("POST", f"{path}/groups", {"name": "whatsapp", "label": "WhatsApp"})
            if obj.key is None:
                continue
            body = {
                "groupName": "whatsapp",
                "name": obj.key,
                "label": "Key",
                "type": "string",
                "fieldType": "text",
            }
            if not self.api("POST", path, {**body, "hasUniqueValue": unique}).is_success:
                assert self.api("POST", path, body).is_success

    def connect(
        self,
        *,
        request_timeout: float = 10,
        credentials: str = "good",
        url: str | None = None,
        settings: HubSpotSettings | None = None,
        **options: Any,
    ) -> Connection:
        return build_adapter(
            settings
            or HubSpotSettings(
                adapter="hubspot",
                base_url=url or self.url,
                token=Secret(env="TOKEN", environ={"TOKEN": TOKENS[credentials]}),
                rate=Rate(requests=1000, per=timedelta(seconds=10)),
            ),
            destination="hubspot",
            contact=self.contact,
            message=self.message,
            requests={},
            request_timeout=request_timeout,
            clock=SystemClock(),
            **options,
        )

    def connect_to_nobody(self) -> Connection:
        return self.connect(url="http://127.0.0.1:1")

    def contact_fields(self, name: str, phone: str | None = None) -> Mapping[str, FieldValue]:
        fields = {"firstname": name}
        return fields if phone is None else {**fields, "phone": phone}

    def bad_fields(self) -> tuple[Mapping[str, FieldValue], str]:
        return {"lifecyclestage": "no such stage"}, "lifecyclestage"

    def message_fields(self, text: str, contact_crm_id: str) -> Mapping[str, FieldValue]:
        del contact_crm_id
        body = html.escape(text).replace("\n", "<br>")
        fields: dict[str, FieldValue] = {
            "hs_timestamp": datetime.now(UTC),
            _BODIES[self.message.name]: f"<p>{body}</p>",
        }
        if self.message.name == "communications":
            fields |= {
                "hs_communication_channel_type": "WHATS_APP",
                "hs_communication_logged_from": "CRM",
            }
        return fields

    def read_name(self, fields: Mapping[str, JsonScalar]) -> str:
        return str(fields["firstname"])

    def add_contact(self, name: str, phone: str | None = None, *, key: str | None = None) -> str:
        properties = {"firstname": name, "phone": phone, CONTACT_KEY: key}
        return self.create("contacts", properties=properties)

    def contacts(self) -> Sequence[SeenContact]:
        return [
            SeenContact(
                crm_id=each["id"],
                key=each["properties"].get(CONTACT_KEY),
                name=each["properties"].get("firstname", ""),
                phone=each["properties"].get("phone"),
            )
            for each in self.records("contacts")
        ]

    def messages(self) -> Sequence[SeenMessage]:
        return [
            self._see_message(each["id"], each["properties"], each["links"])
            for each in self.records(self.message.name)
        ]

    def _see_message(
        self, crm_id: str, properties: Mapping[str, str], links: Mapping[str, list[str]]
    ) -> SeenMessage:
        body = properties[_BODIES[self.message.name]]
        mark = re.search(r"<br><small>(.*)</small>$", body)
        words = body[: mark.start()] if mark else body
        text = words.removeprefix("<p>").removesuffix("</p>").replace("<br>", "\n")
        return SeenMessage(
            crm_id=crm_id,
            key=mark[1] if mark else properties.get(str(self.message.key)),
            text=html.unescape(text),
            contact_ids=frozenset(links.get("contacts", ())),
        )

    def merge_contacts(self, winner: str, loser: str) -> str:
        order = {"primary": int(winner), "secondary": int(loser)}
        return str(self.order("POST", "/merge", order)["id"])

    def harm(self, kind: Harm, verb: Verb, obj: CrmObject) -> None:
        calls = _VERBS[verb].format(obj.name)
        self.order("POST", "/faults", {**_FAULTS[kind], "match": {"call": calls}})


@contextmanager
def start(
    *, messages: str = "communications", message_key: str | None = MESSAGE_KEY, **knobs: Any
) -> Iterator[HubSpotSandbox]:
    """Run a portal for the time of the block; searches see a write only once told to index."""
    portal = Portal(settings=Settings(**{"index_lag": 3600, "burst_limit": 1000, **knobs}))
    portal.access.grant(TOKENS["good"])
    portal.access.grant(TOKENS["lacking"], ["crm.objects.contacts.read"])
    see = partial(HubSpotSandbox, messages=messages, message_key=message_key)
    with served(build_app(portal), see) as sandbox:
        yield sandbox
    portal.store.close()


@pytest.fixture
def start_portal() -> Callable[..., AbstractContextManager[HubSpotSandbox]]:
    """Return ``start``: test modules cannot import their neighbours."""
    return start


@pytest.fixture
def crm() -> Iterator[HubSpotSandbox]:
    """Yield a portal that takes a unique property on communications."""
    with start() as sandbox:
        yield sandbox
