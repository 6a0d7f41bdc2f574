"""Everything goes wrong, at the chattiest level, and nothing that was told names anybody.

People rightly stand in what a CRM is sent, on a contact's and a message's own page, in `explain`
and in what an operator typed; those are not looked at. Everything else is: the log with its
tracebacks, metrics, status, alerts as they are posted, what commands print, and the dashboard's
other pages.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx
import pytest

from connector.failpoints import MARKER, VARIABLE
from connector.runtime.trial import Trial, wait_until
from connector.sandbox.sender import send
from connector.sandbox.traffic import DayOfTraffic
from tests.security.canaries import forms, found_in, phone_forms, without_times

NewTrial = Callable[..., Trial]
BASE: Final = datetime.now(UTC)
BROKEN: Final = (
    'extends = "hubspot"\n[contact.fields]\nlifecyclestage = "{{ contact.display_name }}"\n'
)
SECRETS: Final = {
    "refresh_token": "refresh-canary-5f2c9a7741d0",
    "client_secret": "client-canary-81b3d20f66aa",
    "access_token": "EAAaccessCanary0a1b2c3d4e5f",
    "alert_secret": "alert-canary-77aa3310c4d5",
}
FAILPOINTS: Final = (
    "record.before_commit=raise@2, settle.before_commit=raise@2, begin.after_commit=raise@3"
)


class Listener:
    """Somebody who is told of alerts."""

    def __init__(self) -> None:
        self.told: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.told.append(f"{self.headers}\n{body.decode()}")
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Return somebody who is told of alerts."""
    listening = Listener()
    yield listening
    listening.close()


def _prepare(new_trial: NewTrial, listener: Listener) -> Trial:
    """Return a trial in which a second destination has dead credentials and media fail."""
    trial = new_trial(set_up=False, destination={"mapping": "ours.toml", "batch_wait": "200ms"})
    folder = trial.folder
    for name, text in {**SECRETS, "alert_url": listener.url}.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n")
    (folder / "ours.toml").write_text(BROKEN)
    config = trial.config.read_text()
    config = config.replace('format = "json"\n', 'format = "json"\nlevel = "debug"\n')
    config = config.replace("download = false", "download = true")
    config = config.replace(
        "[whatsapp]\n",
        f'[whatsapp]\naccess_token = {{ file = "access_token" }}\ngraph_url = "{trial.crm.url}"\n',
    )
    config += f"""
[alerts]
webhook = {{ file = "alert_url" }}
secret = {{ file = "alert_secret" }}
[destinations.dead]
adapter = "hubspot"
base_url = "{trial.crm.url}"
[destinations.dead.oauth]
client_id = "app"
client_secret = {{ file = "client_secret" }}
refresh_token = {{ file = "refresh_token" }}
token_url = "{trial.crm.url}/oauth/v3/token"
"""
    trial.config.write_text(config)
    return trial


def _canaries(traffic: DayOfTraffic, trial: Trial) -> Iterator[tuple[str, str]]:
    plain = [*SECRETS.values(), trial.secret, trial.crm.token, "a-wrong-verify-token"]
    plain.append((trial.folder / "verify_token").read_text().strip())
    for person in traffic.expected:
        plain += [each for each in (person.name, person.user_id) if each and len(each) > 5]
        plain += [each.wamid.removeprefix("wamid.") for each in person.messages]
        plain += [each.text for each in person.messages if len(each.text) > 8]
        if person.phone:
            yield from phone_forms(person.phone.removeprefix("+"))
    for text in dict.fromkeys(plain):
        yield from ((f"{text!r} {name}", form) for name, form in forms(text))


def _harm(trial: Trial) -> None:
    for fault in ("error_before", "error_after", "reset_after", "garble", "half_answer"):
        trial.crm.order("faults", {"kind": fault, "match": {"path": "/batch/"}})
    httpx.get(
        trial.webhook_url,
        params={
            "hub.mode": "subscribe",
            "hub.verify_token": "a-wrong-verify-token",
            "hub.challenge": "1",
        },
    )


def _pages(trial: Trial, phone: str) -> Iterator[tuple[str, str]]:
    with httpx.Client(base_url=trial.admin_url, timeout=20) as client:
        for path in ("/", "/dead-letters", "/reviews", "/runs", "/alerts", "/metrics", "/healthz"):
            yield path, client.get(path).text
        for path in ("/contacts/nobody", "/messages/999999999", "/static/nothing", "/nowhere"):
            yield path, client.get(path).text
        yield "a search of another site", client.post("/search", data={"given": phone}).text
        yield (
            "a search for nobody",
            client.post(
                "/search",
                data={"given": f"{phone}0"},
                headers={"origin": trial.admin_url, "sec-fetch-site": "same-origin"},
            ).text,
        )


def _commands(trial: Trial) -> Iterator[tuple[str, str]]:
    for command in ("status", "audit", "check", "dead-letters list", "reviews list"):
        answer = trial.command(*command.split())
        yield command, json.dumps(answer, ensure_ascii=False)


@pytest.mark.timeout(300)
def test_nothing_that_is_told_names_anybody_in_any_form(
    new_trial: NewTrial, listener: Listener
) -> None:
    trial = _prepare(new_trial, listener)
    trial.command("setup", "hubspot", "--apply")
    traffic = DayOfTraffic(BASE, seed=11)
    process = trial.start(env={VARIABLE: FAILPOINTS, MARKER: "tests"})
    trial.wait_until_ready(process)
    _harm(trial)
    asyncio.run(send(trial.webhook_url, trial.secret, [*traffic.webhooks, b"not json at all"]))
    wait_until(
        lambda: (
            trial.status()["destinations"]["hubspot"]["parked"] > 5
            and trial.status()["destinations"]["dead"]["state"] == "paused"
        ),
        seconds=90,
        what="contacts are refused, and dead credentials were noticed",
        last_words=trial.last_words,
    )
    wait_until(lambda: bool(listener.told), seconds=60, what="somebody was told of an alert")
    phone = next(each.phone for each in traffic.expected if each.phone).removeprefix("+")
    told = dict(_pages(trial, phone)) | dict(_commands(trial))
    told["alerts"] = "\n".join(listener.told)
    process.terminate()
    process.wait(30)
    told["the log"] = Path(trial.folder / "connector.log").read_text(errors="replace")

    assert "FailpointError" in told["the log"], "nothing nobody foresaw happened"
    assert "media." in told["the log"], "no file failed"
    wanted = list(_canaries(traffic, trial))
    assert len({name.rpartition(" ")[2] for name, _ in wanted}) > 10
    found = {
        (where, name)
        for where, text in told.items()
        for name in found_in(without_times(text), iter(wanted))
    }
    assert found == set()


@pytest.mark.parametrize("text", ["5511987654321", "wamid.HBgNNTUxMTk4NzY1NDMyMRUCABIYFA=="])
def test_every_form_of_a_canary_is_found_by_its_form(text: str) -> None:
    for name, form in forms(text):
        assert name in found_in(f"before {form} after", forms(text))
        assert found_in("nothing of the sort", forms(text)) == set()
