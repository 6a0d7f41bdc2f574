"""Deliveries and messages, put into a ledger for the tests of sweeps."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from connector.ledger.ledger import Ledger
from connector.ledger.schema import delivery, lane, message
from connector.ledger.sweeps import Held, load_held

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAME = "hubspot"


class Book:
    """Puts rows into a ledger."""

    def __init__(self, ledger: Ledger, contacts: list[int]) -> None:
        self.ledger = ledger
        self.contacts = contacts
        self.lanes = [
            self._put(lane, destination=NAME, contact_id=each, priority=0) for each in contacts
        ]

    def _put(self, table: Any, **values: Any) -> int:
        def work(connection: Any) -> int:
            statement = insert(table).values(**values).returning(*table.primary_key)
            made: int = connection.execute(statement).scalar_one()
            return made

        return self.ledger.transact(work)

    def put_delivery(self, number: int, *, contact: int = 0, **values: Any) -> int:
        """Put a synced message; ``values`` differ from that."""
        row = {
            "lane_id": self.lanes[contact],
            "destination": NAME,
            "record": "message",
            "source_id": str(number),
            "marker": f"wm_{number}",
            "position": number,
            "state": "synced",
            "synced_generation": 1,
            "content_hash": "h",
            "crm_id": f"crm{number}",
            "queued_at": START,
            "sent_at": START,
            "synced_at": START + timedelta(seconds=number),
        }
        return self._put(delivery, **{**row, **values})

    def put_contact(self, contact: int = 0, **values: Any) -> int:
        source = str(self.contacts[contact])
        row = {"record": "contact", "source_id": source, "marker": f"wc_{source}", "position": 0}
        return self.put_delivery(
            0, contact=contact, **{**row, "crm_id": f"person{source}"} | values
        )

    def put_message(self, serial: int, *, contact: int = 0, **values: Any) -> int:
        row = {
            "wamid": f"wamid.{serial}",
            "wamid_hash": f"hash{serial}",
            "number": "Vendas",
            "contact_id": self.contacts[contact],
            "conversation": f"{self.contacts[contact]}:Vendas:2026-11-24",
            "direction": "in",
            "kind": "text",
            "content": {"text": "Olá"},
            "sent_at": START + timedelta(seconds=serial),
        }
        return self._put(message, **{**row, **values})

    def row(self, row_id: int) -> Any:
        return self.ledger.query(
            lambda c: c.execute(select(delivery).where(delivery.c.id == row_id)).one()
        )

    def held(self, *ids: int) -> list[Held]:
        found = self.ledger.query(load_held, ids)
        return [found[row_id] for row_id in ids]

    def lane(self, number: int = 0) -> Any:
        return self.ledger.query(
            lambda c: c.execute(select(lane).where(lane.c.id == self.lanes[number])).one()
        )
