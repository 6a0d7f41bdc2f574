"""A contact whose name comes after its record: the phone in place of the name gives way to it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.runtime.trial import Trial
from connector.sandbox.conversations import NUMBERS
from connector.sandbox.envelopes import (
    Person,
    Said,
    make_text,
    make_wamid,
    make_webhook,
    messages_change,
    write_message,
)
from connector.sandbox.sender import send

BASE = datetime.now(UTC) - timedelta(hours=1)
ANA, BIA = "5511987650001", "5511987650002"
KINDS: dict[str, dict[str, Any]] = {
    "hubspot": {"type": "contacts", "fields": "properties", "name": "firstname"},
    "pipedrive": {"type": "persons", "fields": "body", "name": "name"},
}


def write_to_us(trial: Trial, serial: int, **names: str | None) -> None:
    """Let Ana and Bia write a message each, under these profile names."""
    for wa_id, name in zip((ANA, BIA), names.values(), strict=True):
        person = Person(name, wa_id, f"BR.{wa_id}")
        at = BASE + timedelta(minutes=serial)
        said = Said(make_wamid(person, serial), at, "text", make_text(f"{serial}"))
        change = messages_change(NUMBERS[0], [person], [write_message(person, said)])
        body = make_webhook(NUMBERS[0], change)
        asyncio.run(send(trial.webhook_url, trial.secret, [body]))
    trial.wait_until_settled(seconds=60)


@pytest.mark.parametrize("adapter", KINDS)
def test_a_name_that_comes_late_takes_the_place_of_the_phone_and_not_of_what_people_wrote(
    adapter: str, new_trial: Callable[..., Trial]
) -> None:
    kind = KINDS[adapter]
    trial = new_trial(adapter=adapter, destination={"batch_wait": "200ms"})
    trial.wait_until_ready(trial.start())

    def people() -> list[tuple[str, str]]:
        held = trial.crm.state()[kind["type"]]
        return [(str(each["id"]), str(fields(each)[kind["name"]])) for each in held]

    def fields(record: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = record.get("properties", record)
        return found

    write_to_us(trial, 1, ana=None, bia=None)
    first = dict(people())
    assert sorted(first.values()) == ["55 11 98765-0001", "55 11 98765-0002"]
    (bia,) = (key for key, name in first.items() if name.endswith("0002"))
    change = {kind["name"]: "Beatriz, da padaria"}
    trial.crm.order("edit", {"type": kind["type"], "id": int(bia), kind["fields"]: change})

    write_to_us(trial, 2, ana="Ana", bia="Bia")
    assert dict(people()) == dict.fromkeys(first, "Ana") | {bia: "Beatriz, da padaria"}

    write_to_us(trial, 3, ana="Ana Clara", bia="Bia S.")
    assert dict(people()) == dict.fromkeys(first, "Ana") | {bia: "Beatriz, da padaria"}
