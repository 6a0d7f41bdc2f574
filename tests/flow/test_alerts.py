"""Alerts at a real address: one POST when something begins, one when it is over, signed."""

import asyncio
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.burst import burst
from connector.sandbox.sender import send

NewTrial = Callable[..., Trial]
SECRET = "a secret between us and whoever is told"
BASE = datetime.now(UTC)


class Address:
    """Somebody's alert address: takes what is posted, or refuses it for a while."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.names: list[str] = []
        self.refused = 0
        self.refuse = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                expected = hmac.new(SECRET.encode(), body, sha256).hexdigest()
                signed = self.headers["X-Connector-Signature-256"] == f"sha256={expected}"
                if outer.refuse or not signed:
                    outer.refused += 1
                    self.send_response(500)
                else:
                    outer.taken.append(json.loads(body))
                    outer.names.append(self.headers["X-Connector-Alert"])
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: what is posted is in ``taken``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts?key=1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int, what: str) -> list[tuple[str, str]]:
        """Wait for so many POSTs and return all, as alert and state."""
        wait_until(lambda: len(self.taken) >= count, seconds=30, what=what)
        return [(each["alert"], each["state"]) for each in self.taken]


@pytest.fixture
def address() -> Iterator[Address]:
    opened = Address()
    yield opened
    opened.close()


@pytest.fixture
def trial(new_trial: NewTrial, address: Address) -> Trial:
    """Return a trial whose alerts go to the address, and whose patience with a lag is short."""
    extra = '[alerts]\nwebhook = { file = "alert_url" }\nsecret = { file = "alert_secret" }\n'
    made = new_trial(set_up=False, extra=f'{extra}sync_lag = "1s"\n')
    for name, text in (("alert_url", address.url), ("alert_secret", SECRET)):
        path = made.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
    made.command("setup", "hubspot", "--apply")
    return made


def begin(trial: Trial) -> Any:
    process = trial.start()
    trial.wait_until_ready(process)
    return process


def post(trial: Trial, *, seed: int) -> None:
    webhooks = burst(5, 20, base=BASE, seed=seed).webhooks
    asyncio.run(send(trial.webhook_url, trial.secret, webhooks))


def firing(trial: Trial) -> list[str]:
    return [each["alert"] for each in trial.status()["alerts"]]


def test_an_outage_is_one_alert_and_one_recovery_whatever_restarts_in_between(
    trial: Trial, address: Address
) -> None:
    process = begin(trial)
    trial.crm.order("faults", {"kind": "unavailable", "share": 1.0})
    address.refuse = True
    post(trial, seed=21)
    wait_until(lambda: address.refused >= 2, seconds=30, what="it is told again when refused")
    assert firing(trial) == ["Undelivered"]

    process.kill()
    process.wait()
    address.refuse = False
    process = begin(trial)
    assert address.wait_for(1, "it is told after a restart") == [("Undelivered", "firing")]
    process.terminate()
    process.wait(30)
    begin(trial)
    trial.crm.order("faults", None, method="DELETE")
    trial.wait_until_settled()

    told = address.wait_for(2, "the recovery is told")
    assert told == [("Undelivered", "firing"), ("Undelivered", "resolved")]
    assert address.names == [f"{address.names[0].split('-')[0]}-{state}" for _, state in told]
    first, last = address.taken
    assert first["detail"].startswith("the oldest record has waited ")
    assert first["since"] == last["since"]
    assert list(first) == [
        "alert",
        "state",
        "destination",
        "number",
        "since",
        "detail",
        "remedy",
    ]
    assert (first["destination"], first["number"]) == ("hubspot", None)
    assert firing(trial) == []
    assert address.url not in trial.last_words()


def test_a_dead_token_is_told_with_its_reason_and_remedy_and_its_end_too(
    trial: Trial, address: Address
) -> None:
    begin(trial)
    trial.crm.order("tokens", {"token": trial.crm.token}, method="DELETE")
    post(trial, seed=22)
    assert address.wait_for(1, "the pause is told") == [("DestinationPaused", "firing")]
    assert address.taken[0]["detail"].startswith("paused: the CRM does not accept the credentials")
    assert "connector resume hubspot" in address.taken[0]["remedy"]

    trial.crm.order("tokens", {"token": "pat-na1-fresh"})
    (trial.folder / "crm_token").write_text("pat-na1-fresh\n")
    trial.wait_until_settled()
    told = address.wait_for(2, "its end is told")

    assert told == [("DestinationPaused", "firing"), ("DestinationPaused", "resolved")]
