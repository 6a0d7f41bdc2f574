"""A day of events, and every way in which WhatsApp may deliver it."""

import os
import random
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table

from connector.ledger import schema

FIRST = int(os.environ.get("CONNECTOR_TEST_FIRST_PERMUTATION", "0"))
PERMUTATIONS = range(FIRST, FIRST + int(os.environ.get("CONNECTOR_TEST_PERMUTATIONS", "12")))
"""The orders that the tests try, by seed; a thousand takes minutes, and a longer ``--timeout``."""
ANA = {"phone": "5511987654321", "user_id": "BR.1"}
BIA = {"phone": "5521999998888", "user_id": "BR.2"}
EMPTIED = ("media", "delivery", "lane", "review", "message", "alias", "contact", "webhook", "run")
STATUSES = ("sent", "delivered", "read")
FROM_ANA = {"from": ANA["phone"], "from_user_id": ANA["user_id"]}


def stream(wire: Any) -> list[dict[str, Any]]:
    """Return a day of two people and whom they turn out to be."""

    def echo(wamid: str, at: float, to: Mapping[str, str | None], **parts: Any) -> dict[str, Any]:
        ids = {"to": to["phone"], "to_user_id": to["user_id"]}
        return wire.body(
            wire.value(message_echoes=[wire.message(wamid, at=at, **ids, **parts)]),
            field="smb_message_echoes",
        )

    def inbound(
        wamid: str, at: float, who: Mapping[str, str | None], **parts: Any
    ) -> dict[str, Any]:
        return wire.text(wamid, at=at, **who, **parts)

    def of_ana(kind: str, wamid: str, target: str, at: float, **more: Any) -> dict[str, Any]:
        part = {"original_message_id": target, **more}
        return inbound(wamid, at, ANA, type=kind, **{kind: part})

    def reaction(wamid: str, target: str, at: float, emoji: str | None) -> dict[str, Any]:
        part = {"message_id": target} | ({"emoji": emoji} if emoji else {})
        return inbound(wamid, at, ANA, type="reaction", reaction=part)

    past = {
        "from": ANA["phone"],
        "id": "wamid.h1",
        "timestamp": wire.time(-86400),
        "type": "media_placeholder",
        "history_context": {"status": "READ"},
    }
    thread = {"id": ANA["phone"], "context": {"user_id": ANA["user_id"]}, "messages": [past]}
    follow = {
        "from": ANA["phone"],
        "id": "wamid.h1",
        "timestamp": wire.time(-86399),
        "type": "image",
        "image": {"id": "9", "caption": "De antes"},
    }
    book = {
        "contact": {"full_name": "Ana da Loja", "phone_number": ANA["phone"]},
        "metadata": {"timestamp": wire.time(-5)},
        "action": "add",
    }
    moved = {"timestamp": wire.time(500), "user_id": {"previous": "BR.2", "current": "BR.22"}}
    wish = {"user_id": "BR.2", "value": "stop", "timestamp": wire.time(40)}
    again = {"user_id": "BR.2", "value": "resume", "timestamp": wire.time(50)}
    return [
        inbound("wamid.1", 0, ANA, name="Ana"),
        inbound("wamid.2", 10, {"phone": ANA["phone"]}),
        inbound("wamid.3", 20, {"phone": None, "user_id": ANA["user_id"]}, name="Ana Souza"),
        inbound("wamid.4", 30, {"phone": "551187654321", "user_id": ANA["user_id"]}),
        inbound("wamid.5", 5, BIA, name="Bia", referral={"source_id": "2", "headline": "Segundo"}),
        inbound("wamid.6", 4, BIA, referral={"source_id": "1", "headline": "Primeiro"}),
        inbound("wamid.7", 12 * 3600, BIA),
        echo("wamid.8", 60, ANA),
        echo("wamid.9", 61, BIA),
        *(wire.status("wamid.8", word, **ANA, at=61 + n) for n, word in enumerate(STATUSES)),
        wire.status("wamid.9", "failed", **BIA, at=70, errors=[{"code": 131049}]),
        wire.status("wamid.api", "read", **BIA, at=71, pricing={"category": "utility"}),
        wire.status("wamid.api", "sent", **BIA, at=69),
        of_ana("edit", "wamid.e1", "wamid.1", 100, message=text("Um")),
        of_ana("edit", "wamid.e2", "wamid.1", 101, message=text("Dois")),
        of_ana("revoke", "wamid.r1", "wamid.2", 102),
        reaction("wamid.x1", "wamid.8", 103, "👍"),
        reaction("wamid.x2", "wamid.8", 104, "❤️"),
        reaction("wamid.x3", "wamid.9", 105, "👍"),
        reaction("wamid.x4", "wamid.9", 106, None),
        wire.body(wire.value(history=[{"threads": [thread]}]), field="history"),
        wire.body(wire.value(messages=[follow]), field="history"),
        wire.body(wire.value(state_sync=[book]), field="smb_app_state_sync"),
        wire.body(wire.value(user_preferences=[wish]), field="user_preferences"),
        wire.body(wire.value(user_preferences=[again]), field="user_preferences"),
        wire.body(wire.value(user_id_update=[moved]), field="user_id_update"),
        inbound("wamid.10", 600, {"phone": "5521977776666", "user_id": "BR.22"}),
        inbound("wamid.11", 700, {"phone": BIA["phone"], "user_id": "BR.3"}, name="Outra"),
        wire.body(wire.value(messages=[wire.message("wamid.12", type="hologram", **FROM_ANA)])),
    ]


def text(body: str) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body}}


def rearrange(bodies: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Split, double, shuffle and merge the elements of bodies."""
    chance = random.Random(seed)  # noqa: S311 - the same shuffle for the same seed
    told = [entry for body in bodies for entry in body["entry"]]
    told += chance.sample(told, k=len(told) // 2)
    chance.shuffle(told)
    merged: list[dict[str, Any]] = []
    while told:
        size = chance.randint(1, 6)
        merged.append({"entry": told[:size], "delivery": len(merged)})
        told = told[size:]
    return merged


def empty(connection: Connection) -> None:
    """Forget every event, and keep leases and destinations."""
    for name in EMPTIED:
        table: Table = schema.metadata.tables[name]
        if name == "contact":
            connection.execute(table.update().values(merged_into=None))
        connection.execute(table.delete())
