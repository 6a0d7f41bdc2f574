"""The Kinto preset against a real Kinto that these tests start; a proxy before it does harm."""

import asyncio
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from connector.config.secret import Secret
from connector.crm.contract import AdapterContract, Harm, SeenContact, SeenMessage, Verb
from connector.model.record import CrmObject, FieldValue
from connector.runtime.trial import SandboxCrm, Trial, prepare_trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.comparison import Verdict, compare_rest
from connector.sandbox.faults import Fault, Match
from connector.sandbox.sender import send
from connector.sandbox.traffic import DayOfTraffic, Traffic
from connector.sandbox.wire import Wire
from tests.adapters.behind_wire import ServerBehindWire, stand_before

USER, PASSWORD = "connector", "hush"
SETTINGS = """
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = {port}
threads = 8
[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.userid_hmac_secret = of-these-tests
kinto.bucket_create_principals = system.Authenticated
kinto.experimental_collection_schema_validation = true
multiauth.policies = basicauth
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
level = ERROR
handlers =
"""
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}
_HARMS: Mapping[Harm, Mapping[str, Any]] = {
    "throttled": {"kind": "throttle", "retry_after": 3},
    "unavailable": {"kind": "unavailable"},
    "lost_answer": {"kind": "timeout_after"},
    "unauthorized": {"kind": "unauthorized"},
}
_VERBS: Mapping[Verb, str] = {"find": "find", "read": "read", "write": "write"}


@pytest.fixture(scope="session")
def kinto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a Kinto that runs for these tests alone."""
    folder = tmp_path_factory.mktemp("kinto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "kinto.ini").write_text(SETTINGS.format(port=port))
    command = shutil.which("kinto", path=os.fspath(Path(sys.executable).parent))
    assert command, "Kinto is not installed: pip install -e '.[dev]' -c constraints.txt"
    with (folder / "kinto.log").open("wb") as log:
        process = subprocess.Popen(
            [command, "start", "--ini", str(folder / "kinto.ini")], stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"

    def listens() -> bool:
        assert process.poll() is None, (folder / "kinto.log").read_text()[-2000:]
        try:
            return httpx.get(f"{url}/v1/").is_success
        except httpx.HTTPError:
            return False

    try:
        wait_until(listens, seconds=60, what="Kinto listens")
        yield url
    finally:
        process.terminate()
        process.wait(20)


class Refusals:
    """Kinto's wording of what the wire says in its name."""

    def throttled(self, policy: str | None, retry_after: int | None) -> Response:
        del policy
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return JSONResponse({"code": 429, "error": "Too Many Requests"}, 429, headers)

    def unauthorized(self, category: str | None) -> Response:
        del category
        return JSONResponse({"code": 401, "errno": 104, "error": "Unauthorized"}, 401)

    def failed(self, status: int) -> Response:
        return JSONResponse({"code": status, "errno": 999, "error": "Internal Error"}, status)


def name_call(path: str) -> str:
    """Name a call by collection, and whether it is about one record or many."""
    parts = path.strip("/").split("/")
    if len(parts) < 6:
        return "setup"
    return f"{parts[4]}.{'one' if len(parts) > 6 else 'all'}"


class KintoServer(ServerBehindWire):
    """Kinto behind the wire."""

    preset = "rest/kinto"

    def __init__(self, url: str, target: str, wire: Wire) -> None:
        api = httpx.Client(
            base_url=f"{target}/v1", auth=(USER, PASSWORD), trust_env=False, timeout=30
        )
        super().__init__(url, wire, api)

    def credentials(self, which: str) -> Mapping[str, Any]:
        password = PASSWORD if which == "good" else "another"
        return {"username": USER, "password": Secret(env="P", environ={"P": password})}

    def clear(self) -> None:
        """Begin with a bucket and two collections, empty."""
        self.undo_setup()
        self.call("PUT", "/buckets/crm")
        self.call("PUT", "/buckets/crm/collections/contacts", {"data": {"schema": SCHEMA}})
        self.call("PUT", "/buckets/crm/collections/messages")

    def undo_setup(self) -> None:
        self._api.delete("/buckets/crm")

    def bad_fields(self) -> tuple[Mapping[str, FieldValue], str]:
        return {"name": 5}, "name"

    def message_fields(self, text: str, contact_crm_id: str) -> Mapping[str, FieldValue]:
        return {"text": text, "contact_id": contact_crm_id}

    def add_contact(self, name: str, phone: str | None = None, *, key: str | None = None) -> str:
        path = "/buckets/crm/collections/contacts/records"
        body = {"data": dict(self.contact_fields(name, phone))}
        made = self.call("PUT", f"{path}/{key}", body) if key else self.call("POST", path, body)
        return str(made["data"]["id"])

    def records(self, collection: str) -> list[dict[str, Any]]:
        """Return every record of a collection, oldest first."""
        path = f"/buckets/crm/collections/{collection}/records"
        found = self.call("GET", f"{path}?_sort=last_modified")["data"]
        return list(found)

    def contacts(self) -> Sequence[SeenContact]:
        return [
            SeenContact(each["id"], each["id"], each["name"], each.get("phone"))
            for each in self.records("contacts")
        ]

    def messages(self) -> Sequence[SeenMessage]:
        return [
            SeenMessage(each["id"], each["id"], each["text"], frozenset({each["contact_id"]}))
            for each in self.records("messages")
        ]

    def delete_contact(self, crm_id: str) -> None:
        self.call("DELETE", f"/buckets/crm/collections/contacts/records/{crm_id}")

    def harm(self, kind: Harm, verb: Verb, obj: CrmObject) -> None:
        call = f"{obj.name}.{'all' if verb == 'find' else 'one'}"
        method = "PUT" if verb == "write" else "GET"
        self.wire.faults.order(Fault(**_HARMS[kind], match=Match(call=call, method=method)))


@pytest.fixture
def crm(kinto: str) -> Iterator[KintoServer]:
    with stand_before(kinto, KintoServer, name_call=name_call, refusals=Refusals()) as server:
        yield server


class TestKinto(AdapterContract):
    """The adapter's contract, through nothing but the preset's TOML."""

    cannot: ClassVar[Mapping[str, str]] = {
        "test_the_schema_tells_types_options_and_what_is_read_only": (
            "a mapping tells no schema, and Kinto's collections need none"
        ),
        "test_a_missing_permission_is_named": "Kinto answers 403 without saying what is missing",
        "test_without_its_set_up_the_destination_pauses": (
            "it pauses, but as for a permission: Kinto answers 403 for what is not there, too"
        ),
        "test_a_merged_id_leads_to_the_record_that_is_left": "Kinto joins no records",
        "test_a_message_to_a_contact_that_was_deleted_has_vanished": (
            "Kinto's records are not linked: a message may name any contact"
        ),
    }


def start_trial(server: KintoServer, folder: Path) -> Trial:
    """Prepare a connector with Kinto as its destination."""
    process = subprocess.Popen([sys.executable, "-c", ""], text=True)
    crm = SandboxCrm(server.url, PASSWORD, process)
    destination = {
        "mapping": "rest/kinto",
        "username": USER,
        "password": '{ file = "crm_token" }',
        "batch_wait": "200ms",
    }
    return prepare_trial(
        folder, crm, adapter="rest", destination=destination, tuning={"request_timeout": 1}
    )


def judge(server: KintoServer, traffic: Traffic) -> Verdict:
    state = {
        "contacts": server.records("contacts"),
        "messages": [
            {**each, "id": number} for number, each in enumerate(server.records("messages"))
        ],
    }
    return compare_rest(traffic.expected, state)


def test_a_day_of_traffic_reaches_kinto_once_through_faults_and_redelivery(
    crm: KintoServer, tmp_path: Path
) -> None:
    crm.undo_setup()
    trial = start_trial(crm, tmp_path)
    traffic = DayOfTraffic(seed=3, base=datetime.now(UTC))
    try:
        made = trial.command("setup", "rest", "--apply")
        assert {change["state"] for change in made["changes"]} == {"created"}
        for kind in ("timeout_after", "reset_after", "late_commit", "error_after", "throttle"):
            match = Match(call="contacts.one,messages.one", method="PUT")
            crm.wire.faults.order(
                Fault(kind=kind, count=3, skip=2, seconds=1.2, retry_after=1, match=match)
            )
        trial.wait_until_ready(trial.start())

        asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks))
        trial.wait_until_settled(seconds=100)
        asyncio.run(send(trial.webhook_url, trial.secret, traffic.webhooks[:20]))
        trial.wait_until_settled(seconds=60)

        assert sum(crm.wire.faults.fired.values()) == 15
        verdict = judge(crm, traffic)
        assert verdict.perfect, verdict
        audit = trial.command("audit")
        assert audit["difference"] == audit["open"] == 0
        assert not audit["parked"]
        assert trial.command("check", "rest")["ok"]
    finally:
        trial.stop()


def test_records_without_a_phone_hide_nobody(crm: KintoServer, tmp_path: Path) -> None:
    first = burst(1, 1, base=datetime.now(UTC), seed=4)
    people: list[dict[str, Any]] = [
        {"name": "nobody"},
        {"name": "empty", "phone": None},
        {"name": "number", "phone": 5511987654321},
        {"name": "somebody", "phone": first.expected[0].phone},
    ]
    for each in people:
        crm.call("POST", "/buckets/crm/collections/contacts/records", {"data": each})
    trial = start_trial(crm, tmp_path)
    try:
        trial.wait_until_ready(trial.start())
        asyncio.run(send(trial.webhook_url, trial.secret, first.webhooks))
        trial.wait_until_settled()

        assert len(crm.records("contacts")) == len(people)
        [message] = crm.records("messages")
        owner = next(each for each in crm.records("contacts") if each["name"] == "somebody")
        assert message["contact_id"] == owner["id"]
    finally:
        trial.stop()


def test_what_changes_in_whatsapp_changes_in_kinto_and_what_people_wrote_stays(
    crm: KintoServer, tmp_path: Path
) -> None:
    trial = start_trial(crm, tmp_path)
    first = burst(1, 1, base=datetime.now(UTC), seed=4)
    try:
        trial.wait_until_ready(trial.start())
        asyncio.run(send(trial.webhook_url, trial.secret, first.webhooks))
        trial.wait_until_settled()
        [contact] = crm.records("contacts")
        path = f"/buckets/crm/collections/contacts/records/{contact['id']}"
        crm.call("PATCH", path, {"data": {"name": "Dona Ana", "notes": "likes coffee"}})

        more = burst(1, 3, base=datetime.now(UTC), seed=4)
        asyncio.run(send(trial.webhook_url, trial.secret, more.webhooks))
        trial.wait_until_settled()

        [contact] = crm.records("contacts")
        assert (contact["name"], contact["notes"]) == ("Dona Ana", "likes coffee")
        assert len(crm.records("messages")) == 3
    finally:
        trial.stop()


def test_kinto_refuses_what_the_preset_never_sends(crm: KintoServer) -> None:
    """Say why messages are not named by WhatsApp's own id."""
    answer = httpx.put(
        f"{crm.url}/v1/buckets/crm/collections/messages/records/wamid.HBg=",
        json={"data": {}},
        headers={
            "Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        },
    )

    assert answer.status_code == 400
    assert "Invalid object id" in json.dumps(answer.json())
