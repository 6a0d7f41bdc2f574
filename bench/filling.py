"""Ledgers filled by SQL: hundreds of thousands of rows in seconds, as years of use leave them.

A contact has ``PER_CONTACT`` messages, each of a webhook of its own and with a delivery. All are
``synced`` but the newest, which are ``pending`` on lanes that are due; the contacts of those lanes
are pending too, so that a sandbox CRM that starts empty can take the backlog.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.engine import Engine

from connector.ledger.destinations import register_destinations
from connector.sandbox.conversations import NUMBERS

PER_CONTACT: Final = 20
DESTINATION: Final = "hubspot"
NUMBER: Final = NUMBERS[0].name
FIRST: Final = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
STEP: Final = timedelta(seconds=10)
"""Between one message and the next."""

_WORDS: Final = {
    "sqlite": {
        "moment": "{first_us} + i * {step_us}",
        "digest": "randomblob(32)",
        "bytes": "CAST(printf('{{\"n\":%d}}', i) AS BLOB)",
        "document": "json_object('text', 'Bom dia! O pedido ' || i || ' já saiu para entrega?')",
        "day": "date({first_s} + i * {step_s}, 'unixepoch')",
    },
    "postgresql": {
        "moment": "to_timestamp({first_s} + i * {step_s})",
        "digest": "decode(md5(i::text) || md5((-i)::text), 'hex')",
        "bytes": "convert_to('{{\"n\":' || i || '}}', 'UTF8')",
        "document": (
            "jsonb_build_object('text', 'Bom dia! O pedido ' || i || ' já saiu para entrega?')"
        ),
        "day": "(to_timestamp({first_s} + i * {step_s}) AT TIME ZONE 'UTC')::date",
    },
}

_CONTACTS: Final = """
INSERT INTO contact (id, key, phone, profile_name, first_seen_at)
SELECT {own} + i, 'wc_' || i, '+55119' || (10000000 + i), 'Pessoa ' || i, {moment} FROM series
"""
_WEBHOOKS: Final = """
INSERT INTO webhook (id, digest, body, received_at, recorded_at)
SELECT {own} + i, {digest}, {bytes}, {moment}, {moment} FROM series
"""
_MESSAGES: Final = """
INSERT INTO message (id, webhook_id, wamid, wamid_hash, number, contact_id, conversation,
                     direction, kind, content, sent_at)
SELECT {own} + i, {webhook} + i, 'wamid.' || i, 'hash' || i, {number}, {contact_id},
       ({contact_id}) || ':' || {number} || ':' || {day}, 'in', 'text', {document}, {moment}
FROM series
"""
_LANES: Final = """
INSERT INTO lane (id, destination, contact_id, priority, due_at)
SELECT {own} + i, {destination}, {contact} + i, 0, CASE WHEN i > {settled} THEN {moment} END
FROM series
"""
_CONTACT_DELIVERIES: Final = """
INSERT INTO delivery (id, lane_id, destination, record, source_id, marker, position, state,
                      synced_generation, content_hash, crm_id, queued_at, synced_at)
SELECT {own} + i, {lane} + i, {destination}, 'contact', CAST({contact} + i AS TEXT),
       'wc_' || i, 0,
       CASE WHEN i > {settled} THEN 'pending' ELSE 'synced' END,
       CASE WHEN i > {settled} THEN 0 ELSE 1 END,
       CASE WHEN i <= {settled} THEN 'seen' END,
       CASE WHEN i <= {settled} THEN CAST(i AS TEXT) END, {moment},
       CASE WHEN i <= {settled} THEN {moment} END
FROM series
"""
_MESSAGE_DELIVERIES: Final = """
INSERT INTO delivery (id, lane_id, destination, record, source_id, marker, position, state,
                      synced_generation, content_hash, crm_id, queued_at, synced_at)
SELECT {own} + i, {lane} + 1 + (i - 1) / {per_contact}, {destination}, 'message',
       CAST({message} + i AS TEXT),       'wm_' || i, {first_ms} + CAST(i AS BIGINT) * {step_ms},
       CASE WHEN i > {settled} THEN 'pending' ELSE 'synced' END,
       CASE WHEN i > {settled} THEN 0 ELSE 1 END,
       CASE WHEN i <= {settled} THEN 'seen' END,
       CASE WHEN i <= {settled} THEN CAST(i AS TEXT) END, {moment},
       CASE WHEN i <= {settled} THEN {moment} END
FROM series
"""


def fill(engine: Engine, *, messages: int, pending: int, after: int = 0) -> None:
    """Put so many messages with deliveries into a ledger; the last ``pending`` of them are open.

    ``after`` is how many were put there before. All are multiples of ``PER_CONTACT``. PostgreSQL's
    statistics are up to date afterwards, which autovacuum sees to, and all of it is on the disk;
    SQLite's statistics stay what they are.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        register_destinations(connection, {DESTINATION: "hubspot"})
        people = _Series(connection, after // PER_CONTACT, messages // PER_CONTACT)
        those = _Series(connection, after, messages)
        settled = after + messages - pending
        done = settled // PER_CONTACT
        contact = people.insert(_CONTACTS, "contact")
        webhook = those.insert(_WEBHOOKS, "webhook")
        message = those.insert(_MESSAGES, "message", contact=contact, webhook=webhook)
        lane = people.insert(_LANES, "lane", contact=contact, settled=done)
        people.insert(_CONTACT_DELIVERIES, "delivery", contact=contact, lane=lane, settled=done)
        those.insert(_MESSAGE_DELIVERIES, "delivery", message=message, lane=lane, settled=settled)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE)"))
            connection.execute(text("CHECKPOINT"))


class _Series:
    """Rows numbered from ``after`` + 1, put into one table after the other."""

    def __init__(self, connection: Connection, after: int, rows: int) -> None:
        self._connection = connection
        self._after = after
        self._last = after + rows

    def insert(self, template: str, table: str, **values: int) -> int:
        """Insert them; return what a row's number lacks to its id."""
        highest = f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608 - our own names
        shift: int = self._connection.exec_driver_sql(highest).scalar_one() - self._after
        statement = _statement(
            template,
            self._connection.dialect.name,
            {"first": self._after + 1, "last": self._last, "own": shift, **values},
        )
        self._connection.exec_driver_sql(statement)
        if self._connection.dialect.name == "postgresql":
            self._connection.exec_driver_sql(f"SELECT setval('{table}_id_seq', ({highest}))")
        return shift


def _statement(template: str, dialect: str, numbers: Mapping[str, int]) -> str:
    """Return an INSERT of a series. Everything in it is ours, and none of it a person's."""
    start, step = int(FIRST.timestamp()), int(STEP.total_seconds())
    shared = {
        "first_s": start,
        "step_s": step,
        "first_ms": start * 1000,
        "step_ms": step * 1000,
        "first_us": start * 1_000_000,
        "step_us": step * 1_000_000,
    }
    rows = template.format(
        destination=f"'{DESTINATION}'",
        number=f"'{NUMBER}'",
        contact_id=f"{numbers.get('contact')} + 1 + (i - 1) / {PER_CONTACT}",
        per_contact=PER_CONTACT,
        **{name: word.format(**shared) for name, word in _WORDS[dialect].items()},
        **shared,
        **numbers,
    )
    into, _, select = rows.strip().partition("\nSELECT")
    return (
        f"{into}\nWITH RECURSIVE series (i) AS (SELECT {numbers['first']}"  # noqa: S608 - likewise
        f" UNION ALL SELECT i + 1 FROM series WHERE i < {numbers['last']})\nSELECT{select}"
    )
