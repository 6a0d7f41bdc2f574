"""Whatever goes wrong, no person, text or secret reaches the log, metrics or status."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx

from connector.runtime.trial import Trial, wait_until
from connector.sandbox.sender import send
from connector.sandbox.traffic import DayOfTraffic

BASE = datetime.now(UTC)
NewTrial = Callable[..., Trial]
BROKEN = 'extends = "hubspot"\n[contact.fields]\nlifecyclestage = "{{ contact.display_name }}"\n'


def _canaries(traffic: DayOfTraffic, trial: Trial) -> Iterator[str]:
    yield trial.secret
    yield trial.crm.token
    yield (trial.folder / "verify_token").read_text().strip()
    for person in traffic.expected:
        yield from (each for each in (person.name, person.phone, person.user_id) if each)
        if person.phone:
            digits = person.phone.removeprefix("+")
            yield digits
            yield digits[2:]
            yield base64.b64encode(digits.encode()).decode().rstrip("=")
        for message in person.messages:
            yield message.wamid
            if len(message.text) > 8:
                yield message.text


def test_no_person_text_or_secret_is_told_however_much_goes_wrong(new_trial: NewTrial) -> None:
    trial = new_trial(
        set_up=False,
        destination={"mapping": "ours.toml", "batch_wait": "200ms"},
        extra='level = "debug"\n',
    )
    (trial.folder / "ours.toml").write_text(BROKEN)
    trial.command("setup", "hubspot", "--apply")
    traffic = DayOfTraffic(BASE, seed=7)
    process = trial.start()
    trial.wait_until_ready(process)
    for fault in ("error_before", "error_after", "reset_after", "garble", "half_answer"):
        trial.crm.order("faults", {"kind": fault, "match": {"path": "/batch/"}})
    httpx.get(
        trial.webhook_url,
        params={"hub.mode": "subscribe", "hub.verify_token": "a-wrong-token", "hub.challenge": "1"},
    )
    asyncio.run(send(trial.webhook_url, trial.secret, [*traffic.webhooks, b"not json at all"]))
    wait_until(
        lambda: trial.status()["destinations"]["hubspot"]["parked"] > 5,
        seconds=60,
        what="contacts are refused, since a person's name is no stage of a customer's life",
    )
    metrics = httpx.get(f"{trial.admin_url}/metrics").text
    status = httpx.get(f"{trial.admin_url}/healthz").text
    process.terminate()
    assert process.wait(30) == 0

    log = (trial.folder / "connector.log").read_text()
    assert "delivery.flushed" in log
    told = {"the log": log, "the metrics": metrics, "the status": status}
    found = {
        (where, canary)
        for where, text in told.items()
        for canary in {*_canaries(traffic, trial), "a-wrong-token"}
        if canary in text
    }
    assert found == set()
