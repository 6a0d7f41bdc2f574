"""Rows to look at: one contact, one message of it, and what became of both."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, insert

from connector.ledger import schema
from connector.ledger.destinations import register_destinations
from connector.ledger.ledger import Ledger
from connector.runtime.explanation import hash_wamid

NOON = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
WAMID = "wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYEg=="


class Rows:
    """Writes rows of one contact, one message of it and their deliveries."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        ledger.transact(register_destinations, {"hubspot": "hubspot"})
        self.contact = self.add(
            schema.contact,
            key="wc_ana",
            phone="+5511987654321",
            profile_name="Ana Souza",
            first_seen_at=NOON,
        )
        for kind, value in (("wa_id", "5511987654321"), ("user_id", "BR.1502576394655843")):
            with ledger.engine.begin() as connection:
                connection.execute(
                    insert(schema.alias).values(
                        scope="default",
                        kind=kind,
                        value=value,
                        contact_id=self.contact,
                        seen_at=NOON,
                    )
                )
        self.webhook = self.add(
            schema.webhook, digest=b"d" * 32, body=b"{}", received_at=NOON, recorded_at=NOON
        )
        self.message = self.add(
            schema.message,
            webhook_id=self.webhook,
            wamid=WAMID,
            wamid_hash=hash_wamid(ledger, WAMID),
            number="Vendas",
            contact_id=self.contact,
            conversation=f"{self.contact}:Vendas:2026-11-24",
            direction="in",
            kind="text",
            content={"text": "Oi!"},
            sent_at=NOON,
        )
        self.lane = self.add(schema.lane, destination="hubspot", contact_id=self.contact)

    def add(self, table: Table, **values: Any) -> int:
        """Insert a row and return its id."""
        with self._ledger.engine.begin() as connection:
            made: int = connection.execute(
                insert(table).values(**values).returning(table.c.id)
            ).scalar_one()
            return made

    def deliver(self, record: str, state: str, **values: Any) -> int:
        """Insert the delivery of the contact or of the message."""
        source = self.contact if record == "contact" else self.message
        given = {
            "crm_id": "101" if state == "synced" else None,
            "synced_at": NOON if state == "synced" else None,
            "parked_at": NOON if state == "parked" else None,
            "sent_at": NOON if state == "in_flight" else None,
            "verify_at": NOON if state == "in_flight" else None,
        }
        return self.add(
            schema.delivery,
            **{
                "lane_id": self.lane,
                "destination": "hubspot",
                "record": record,
                "source_id": str(source),
                "marker": "wc_ana" if record == "contact" else "wm_oi",
                "position": 0 if record == "contact" else 1,
                "state": state,
                "queued_at": NOON,
                **given,
                **values,
            },
        )
