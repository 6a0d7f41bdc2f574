"""The Directus preset against a real Directus, by the command that the README names.

npm fetches the server, which takes minutes; the folder that ``CONNECTOR_TEST_DIRECTUS`` names keeps
it for the next time. Needed are npm and the Node that npm runs on, 20 or newer, and a compiler.
"""

import copy
import os
import secrets
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from connector.config.secret import Secret
from connector.crm.contract import AdapterContract, Harm, SeenContact, SeenMessage, Verb
from connector.model.record import CrmObject, FieldValue
from connector.runtime.trial import free_port, wait_until
from connector.sandbox.faults import Fault, Match
from connector.sandbox.wire import Wire
from tests.adapters.behind_wire import ServerBehindWire, stand_before

pytestmark = [pytest.mark.directus, pytest.mark.timeout(3600)]

VERSION = "12.4.0"
TOKEN = secrets.token_hex(16)
COLLECTIONS = ("contacts", "messages")
VALIDATION = {"name": {"_ncontains": "@"}}
"""Directus takes any text for a name; this one is to refuse some."""
_HARMS: Mapping[Harm, Mapping[str, Any]] = {
    "throttled": {"kind": "throttle", "retry_after": 3},
    "unavailable": {"kind": "unavailable"},
    "lost_answer": {"kind": "timeout_after"},
    "unauthorized": {"kind": "unauthorized"},
}


def install(folder: Path) -> Path:
    """Return the start file of a Directus in a folder; npm puts it there if it is not."""
    start = folder / "node_modules" / "directus" / "cli.js"
    if not start.exists():
        npm = shutil.which("npm")
        assert npm, "npm is not installed"
        folder.mkdir(parents=True, exist_ok=True)
        options = ("--no-audit", "--no-fund", "--omit=dev", "--prefix", str(folder))
        subprocess.run([npm, "install", f"directus@{VERSION}", *options], check=True, cwd=folder)
    return start


@pytest.fixture(scope="session")
def directus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a Directus that runs for these tests alone."""
    folder = tmp_path_factory.mktemp("directus")
    named = os.environ.get("CONNECTOR_TEST_DIRECTUS")
    start = install(Path(named) if named else folder / "server")
    node = shutil.which("node")
    assert node, "Node is not installed"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "SECRET": secrets.token_hex(32),
        "DB_CLIENT": "sqlite3",
        "DB_FILENAME": str(folder / "directus.db"),
        "ADMIN_EMAIL": "admin@example.com",
        "ADMIN_PASSWORD": secrets.token_hex(8),
        "ADMIN_TOKEN": TOKEN,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_URL": url,
        "TELEMETRY": "false",
        "PRESSURE_LIMITER_ENABLED": "false",
    }
    env = {**os.environ, **settings}
    with (folder / "directus.log").open("wb") as log:
        command = [node, str(start)]
        made = subprocess.run(
            [*command, "bootstrap"], stdout=log, stderr=log, env=env, cwd=folder, check=False
        )
        assert made.returncode == 0, (folder / "directus.log").read_text()[-2000:]
        process = subprocess.Popen([*command, "start"], stdout=log, stderr=log, env=env, cwd=folder)

    def listens() -> bool:
        assert process.poll() is None, (folder / "directus.log").read_text()[-2000:]
        try:
            return httpx.get(f"{url}/server/ping", timeout=5).is_success
        except httpx.HTTPError:
            return False

    try:
        wait_until(listens, seconds=300, what="Directus listens")
        yield url
    finally:
        process.terminate()
        process.wait(60)


class Refusals:
    """Directus's wording of what the wire says in its name."""

    def throttled(self, policy: str | None, retry_after: int | None) -> Response:
        del policy
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return JSONResponse(_error("REQUESTS_EXCEEDED"), 429, headers)

    def unauthorized(self, category: str | None) -> Response:
        del category
        return JSONResponse(_error("INVALID_CREDENTIALS"), 401)

    def failed(self, status: int) -> Response:
        return JSONResponse(_error("INTERNAL_SERVER_ERROR"), status)


def _error(code: str) -> dict[str, Any]:
    return {"errors": [{"message": "", "extensions": {"code": code}}]}


def name_call(path: str) -> str:
    """Name a call by collection, and whether it is about one record or many."""
    parts = path.strip("/").split("/")
    if parts[0] != "items":
        return "other"
    return f"{parts[1]}.{'one' if len(parts) > 2 else 'all'}"


class DirectusServer(ServerBehindWire):
    """Directus behind the wire."""

    preset = "rest/directus"

    def __init__(self, url: str, target: str, wire: Wire) -> None:
        api = httpx.Client(
            base_url=target,
            headers={"Authorization": f"Bearer {TOKEN}"},
            trust_env=False,
            timeout=60,
        )
        super().__init__(url, wire, api)

    def credentials(self, which: str) -> Mapping[str, Any]:
        token = TOKEN if which == "good" else "another"
        return {"token": Secret(env="T", environ={"T": token})}

    def clear(self) -> None:
        """Begin with two collections as the preset makes them, empty."""
        self.undo_setup()
        for wanted in self.mapping.requests["setup"]:
            body = copy.deepcopy(wanted["body"])
            for field in body["fields"]:
                if field["field"] == "name":
                    field["meta"] = {"validation": VALIDATION}
            self.call("POST", "/collections", body)

    def undo_setup(self) -> None:
        for name in COLLECTIONS:
            self._api.delete(f"/collections/{name}")

    def bad_fields(self) -> tuple[Mapping[str, FieldValue], str]:
        return {"name": "ana@example"}, "name"

    def message_fields(self, text: str, contact_crm_id: str) -> Mapping[str, FieldValue]:
        return {"text": text, "contact": contact_crm_id}

    def add_contact(self, name: str, phone: str | None = None, *, key: str | None = None) -> str:
        crm_id = key or uuid.uuid4().hex
        self.call("POST", "/items/contacts", {"id": crm_id, **self.contact_fields(name, phone)})
        return crm_id

    def records(self, collection: str) -> list[dict[str, Any]]:
        """Return every record of a collection."""
        return list(self.call("GET", f"/items/{collection}?limit=-1&sort=changed_at")["data"])

    def contacts(self) -> Sequence[SeenContact]:
        return [
            SeenContact(each["id"], each["id"], each["name"], each["phone"])
            for each in self.records("contacts")
        ]

    def messages(self) -> Sequence[SeenMessage]:
        return [
            SeenMessage(each["id"], each["id"], each["text"], frozenset({each["contact"]}))
            for each in self.records("messages")
        ]

    def delete_contact(self, crm_id: str) -> None:
        self.call("DELETE", f"/items/contacts/{crm_id}")

    def harm(self, kind: Harm, verb: Verb, obj: CrmObject) -> None:
        method = "POST" if verb == "write" else "GET"
        match = Match(call=f"{obj.name}.all", method=method)
        self.wire.faults.order(Fault(**_HARMS[kind], match=match))


@pytest.fixture
def crm(directus: str) -> Iterator[DirectusServer]:
    with stand_before(directus, DirectusServer, name_call=name_call, refusals=Refusals()) as server:
        yield server


class TestDirectus(AdapterContract):
    """The adapter's contract, through nothing but the preset's TOML."""

    cannot: ClassVar[Mapping[str, str]] = {
        "test_the_schema_tells_types_options_and_what_is_read_only": "a mapping tells no schema",
        "test_a_missing_permission_is_named": "Directus answers 403 without saying what is missing",
        "test_without_its_set_up_the_destination_pauses": (
            "it pauses, but as for a permission: Directus answers 403 for what is not there, too"
        ),
        "test_a_merged_id_leads_to_the_record_that_is_left": "Directus joins no records",
        "test_a_message_to_a_contact_that_was_deleted_has_vanished": (
            "the preset's records are not linked: a message may name any contact"
        ),
    }
