"""What must hold, whatever was done to the machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from connector.ledger import schema
from connector.ledger.ledger import Ledger
from connector.model.record import CrmObject, Record
from faults.memory import Held, MemoryCrm
from faults.process import Process
from faults.said import Text


class BrokenPromiseError(AssertionError):
    """Something happened that is never to happen."""


def require_no_doubles(crm: MemoryCrm) -> None:
    """Raise if the CRM holds a message twice, or a person twice."""
    for kind in ("contact", "message"):
        keys = [each.key for each in crm.live(kind) if each.key]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise BrokenPromiseError(f"the CRM holds a {kind} twice: {twice}")


async def check_order(
    ledger: Ledger, process: Process, obj: CrmObject, records: Sequence[Record]
) -> None:
    """Raise if a message is created while an earlier one of its lane is still to be made.

    One that was put on the lane only after the process looked does not count.
    """
    if obj.kind != "message":
        return
    keys = {record.key for record in records}
    rows = await ledger.read(_open_rows)
    for row in rows:
        if row.marker not in keys:
            continue
        for other in rows:
            earlier = (other.position, other.id) < (row.position, row.id)
            unmade = other.crm_id is None and other.marker not in keys
            earlier = earlier and other.id <= process.known
            if other.lane_id == row.lane_id and earlier and unmade:
                raise BrokenPromiseError(
                    f"{row.marker} is created while {other.marker} of its lane is "
                    f"{other.state} ({other.error_code})"
                )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How everything stands in the end, to be held against what was said."""

    ledger: Ledger
    crm: MemoryCrm
    deleted: set[str]
    """Keys of message records that somebody deleted in the CRM."""
    untraceable: bool
    """Whether nothing can be looked up there, so that what is in doubt stays a dead letter."""

    def require_equal(self, texts: Mapping[str, Text]) -> None:
        """Raise unless the CRM holds what was said, each thing once."""
        require_no_doubles(self.crm)
        rows = self.ledger.query(_all_rows)
        keys = {row.source_id: row.marker for row in rows if row.record == "message"}
        ids = {row.wamid: str(row.id) for row in self.ledger.query(_messages)}
        live = {each.key: each for each in self.crm.live("message")}
        waiting = self._excused(rows)
        for text in texts.values():
            if text.wamid not in ids:
                raise BrokenPromiseError(f"{text.wamid} was acknowledged and is not in the ledger")
            key = keys[ids[text.wamid]]
            if key not in self.deleted and key not in waiting:
                self._require_record(text, key, live.get(key))
        strange = live.keys() - set(keys.values())
        if strange:
            raise BrokenPromiseError(f"the CRM holds messages that nobody sent: {strange}")

    def _excused(self, rows: Sequence[Any]) -> set[str]:
        """Return messages that wait for a person. Raises for a dead letter without a reason."""
        parked = [row for row in rows if row.state == "parked"]
        for row in parked:
            if row.error_code != "in_doubt" or not self.untraceable:
                raise BrokenPromiseError(f"{row.marker} ends as a dead letter: {row.error_code}")
        lanes = {row.lane_id for row in parked if row.record == "contact"}
        ids = {row.id for row in parked}
        return {row.marker for row in rows if row.id in ids or row.lane_id in lanes}

    def _require_record(self, text: Text, key: str, held: Held | None) -> None:
        if held is None:
            raise BrokenPromiseError(f"{text.wamid} is not in the CRM")
        if text.words not in str(held.fields["body"]) and key not in self.crm.stale:
            raise BrokenPromiseError(f"{text.wamid} has other words: {held.fields['body']}")


def _messages(connection: Connection) -> list[Any]:
    return list(connection.execute(select(schema.message)))


def _all_rows(connection: Connection) -> list[Any]:
    return list(connection.execute(select(schema.delivery)))


def _open_rows(connection: Connection) -> list[Any]:
    delivery = schema.delivery
    return list(
        connection.execute(
            select(delivery).where(
                delivery.c.record == "message", delivery.c.state.in_(("pending", "in_flight"))
            )
        )
    )
