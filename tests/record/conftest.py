"""Real recorders on real ledgers, and webhooks written by hand."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Row, Table, select

from connector.ledger import schema
from connector.ledger.destinations import register_destinations
from connector.ledger.leases import Lease, claim_lease
from connector.ledger.ledger import Ledger
from connector.ledger.webhooks import digest_body, store_webhooks, waiting_webhooks
from connector.record.recorder import Recorder
from connector.record.routing import NumberConfig, Route

NOON = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
"""Noon in São Paulo."""
VENDAS, SUPORTE = "106540352242922", "206540352242922"
ROUTE = Route(
    destination="hubspot",
    numbers=None,
    granularity="message",
    contact_uses=frozenset({"display_name", "first_name", "phone"}),
    message_uses=frozenset({"text", "status"}),
)


class StandingClock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def boot(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> StandingClock:
    """Return the ledger's clock: noon of one day in November."""
    return StandingClock()


class Wire:
    """Writes what WhatsApp sends. ``at`` is in seconds after noon."""

    def value(self, *, number: str = VENDAS, **parts: Any) -> dict[str, Any]:
        metadata = {"display_phone_number": "551133334444", "phone_number_id": number}
        return {"messaging_product": "whatsapp", "metadata": metadata, **parts}

    def body(self, *values: dict[str, Any], field: str = "messages") -> dict[str, Any]:
        changes = [{"field": field, "value": value} for value in values]
        return {
            "object": "whatsapp_business_account",
            "entry": [{"id": "102290129340398", "changes": changes}],
        }

    def card(self, name: str | None = None, **ids: str | None) -> dict[str, Any]:
        profile = {"profile": {"name": name}} if name else {}
        return profile | {key: value for key, value in ids.items() if value}

    def message(self, wamid: str, *, at: float = 0, **parts: Any) -> dict[str, Any]:
        text = {} if "type" in parts else {"type": "text", "text": {"body": f"text of {wamid}"}}
        return {"id": wamid, "timestamp": self.time(at), **text, **parts}

    def text(
        self,
        wamid: str,
        *,
        phone: str | None = "5511987654321",
        user_id: str | None = None,
        name: str | None = None,
        at: float = 0,
        number: str = VENDAS,
        body: str | None = None,
        **parts: Any,
    ) -> dict[str, Any]:
        """Return a whole webhook with one inbound text."""
        ids = {"from": phone, "from_user_id": user_id}
        message = self.message(
            wamid, at=at, **{key: value for key, value in ids.items() if value}, **parts
        )
        if body is not None:
            message["text"] = {"body": body}
        card = self.card(name, wa_id=phone, user_id=user_id)
        return self.body(self.value(number=number, contacts=[card], messages=[message]))

    def status(
        self,
        wamid: str,
        status: str,
        *,
        phone: str | None = "5511987654321",
        user_id: str | None = None,
        at: float = 0,
        **parts: Any,
    ) -> dict[str, Any]:
        """Return a whole webhook with one status."""
        ids = {"recipient_id": phone, "recipient_user_id": user_id}
        given = {key: value for key, value in ids.items() if value}
        one = {"id": wamid, "status": status, "timestamp": self.time(at), **given, **parts}
        return self.body(self.value(statuses=[one]))

    def time(self, at: float) -> str:
        """Return so many seconds after noon as WhatsApp writes it."""
        return str(int((NOON + timedelta(seconds=at)).timestamp()))


@pytest.fixture
def wire() -> Wire:
    """Return what writes webhooks."""
    return Wire()


class Book:
    """A recorder, its ledger, and what stands in it."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        routes: Sequence[Route] = (ROUTE,),
        block: Sequence[str] = (),
    ) -> None:
        self.ledger = ledger
        self.elements: Counter[tuple[str, str]] = Counter()
        self.recorder = Recorder(
            ledger,
            portfolio="default",
            numbers={VENDAS: NumberConfig("Vendas"), SUPORTE: NumberConfig("Suporte")},
            routes=routes,
            time_zone=ZoneInfo("America/Sao_Paulo"),
            max_event_age=timedelta(days=30),
            block=block,
        )
        self.lease = ledger.transact(self._begin, routes)

    def _begin(self, connection: Connection, routes: Sequence[Route]) -> Lease:
        register_destinations(connection, {route.destination: "hubspot" for route in routes})
        lease = claim_lease(
            connection,
            "record",
            owner="test",
            now=self.ledger.now(connection),
            life=timedelta(days=1),
        )
        assert lease is not None
        return lease

    def store(self, *bodies: dict[str, Any] | bytes) -> None:
        """Store webhooks as the receiver does."""
        raw = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
        pairs = [(digest_body(b"key", body), body) for body in raw]
        self.ledger.transact(store_webhooks, pairs, now=self.ledger.clock.now())

    def record(self) -> None:
        """Record everything that waits."""
        while webhooks := self.ledger.query(waiting_webhooks, limit=500, max_bytes=1 << 22):
            for batch in self.recorder.prepare(webhooks):
                report = self.ledger.transact(self.recorder.record_batch, batch, self.lease)
                self.elements += report.elements

    def take(self, *bodies: dict[str, Any] | bytes) -> None:
        """Store webhooks and record them, each in a transaction of its own."""
        for body in bodies:
            self.store(body)
            self.record()

    def take_together(self, *bodies: dict[str, Any] | bytes) -> None:
        """Store webhooks and record them in one transaction."""
        self.store(*bodies)
        self.record()

    def rows(self, table: Table, **where: Any) -> list[Row[Any]]:
        """Return rows of a table in the order of their ids, or of their first key."""
        order = table.c.id if "id" in table.c else next(iter(table.primary_key))
        return self.ledger.query(
            lambda connection: list(
                connection.execute(select(table).filter_by(**where).order_by(order))
            )
        )

    @property
    def contacts(self) -> list[Row[Any]]:
        """The contacts that stand for themselves."""
        return self.rows(schema.contact, merged_into=None)

    @property
    def messages(self) -> list[Row[Any]]:
        return self.rows(schema.message)

    def message(self, wamid: str) -> Row[Any]:
        (found,) = self.rows(schema.message, wamid=wamid)
        return found

    def aliases(self, contact_id: int) -> set[str]:
        """Return everything a contact is known by."""
        return {row.value for row in self.rows(schema.alias, contact_id=contact_id)}

    def deliveries(self, record: str, destination: str = "hubspot") -> list[Row[Any]]:
        return self.rows(schema.delivery, record=record, destination=destination)


@pytest.fixture
def book(ledger: Ledger) -> Book:
    """Return a recorder with one destination that takes messages one by one."""
    return Book(ledger)


@pytest.fixture
def new_book(ledger: Ledger) -> Callable[..., Book]:
    """Return a function that makes a recorder with routes or a blocklist of its own."""
    return lambda **options: Book(ledger, **options)
