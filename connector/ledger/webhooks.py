"""Webhooks as they came in: bytes stored once, waiting until they are recorded.

A row waits while ``recorded_at`` and ``error`` are both null. Recording settles it: what became no
message is counted in ``kept_raw``, and ``error`` says why a body could not be read as a whole.
"""

import functools
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from connector.ledger.columns import Instant
from connector.ledger.schema import webhook

if TYPE_CHECKING:
    import psycopg  # loaded only by those who use PostgreSQL

_WAITING: Final = and_(webhook.c.recorded_at.is_(None), webhook.c.error.is_(None))
_FAILED: Final = or_(webhook.c.kept_raw.is_not(null()), webhook.c.error.is_not(None))
_INSTANT: Final = Instant()
_SQLITE: Final = sqlite.dialect()
_TIMESTAMP: Final = re.compile(rb'"timestamp":\s*"?([0-9]{9})')
_TIMESTAMP_WITHIN: Final = 4096

_INSERT_POSTGRESQL: Final = (
    # Ids are given in the order of arrival, rows are written in the order of their digest: two
    # receivers that store the same redeliveries then wait for each other and never deadlock.
    # %b sends the arrays in binary; as text they cost three times the CPU.
    "INSERT INTO webhook (id, digest, body, received_at) "
    "SELECT id, digest, body, coalesce(%b::timestamptz, clock_timestamp()) FROM ("
    "  SELECT nextval('webhook_id_seq') AS id, digest, body"
    "  FROM unnest(%b::bytea[], %b::bytea[]) AS given (digest, body)"
    ") AS numbered ORDER BY digest ON CONFLICT (digest) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class WaitingWebhook:
    """A body that nobody has recorded yet."""

    id: int
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SettledWebhook:
    """What recording one webhook came to.

    ``kept_raw`` counts the elements that became no message, by reason (``unparsable``, ``unknown``,
    ``unrouted``) and, for unknown ones, also by where they stood. ``error`` is set where the body
    as a whole could not be read; count that in ``kept_raw`` as one ``unparsable`` too.
    """

    id: int
    kept_raw: Mapping[str, int] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookCounts:
    """The state of the intake: from partial indexes, cheap at any size."""

    waiting: int
    failed: int
    """Webhooks with an element kept raw, or not readable at all."""
    last_at: datetime | None
    """When the newest webhook was received."""


def digest_body(key: bytes, body: bytes) -> bytes:
    """Return the 32 bytes by which a redelivery is known; only this installation can make them.

    The first four are the first timestamp in the body, the rest is a keyed hash of all of it
    (BLAKE2b, which costs half of an HMAC). So what comes at about the same time stands together in
    the index, and a group dirties one or two of its pages instead of one for each webhook: storing
    takes a third of the CPU.
    """
    found = _TIMESTAMP.search(body, 0, _TIMESTAMP_WITHIN)
    seconds = int(found[1]) if found else 0
    return seconds.to_bytes(4) + blake2b(body, key=key, digest_size=28).digest()


def store_webhooks(
    connection: "Connection | sqlite3.Connection | psycopg.Connection",
    bodies: Sequence[tuple[bytes, bytes]],
    *,
    now: datetime | None,
) -> int:
    """Store (digest, body) pairs in one statement; return how many were not there before.

    On PostgreSQL ``now`` may be ``None``: the server's own clock, without asking it first.
    """
    if not bodies:
        return 0
    if isinstance(connection, sqlite3.Connection):
        return connection.execute(_insert_sqlite(len(bodies)), _flatten(bodies, now)).rowcount
    if not isinstance(connection, Connection):
        return connection.execute(_INSERT_POSTGRESQL, _arrays(bodies, now)).rowcount
    if connection.dialect.name == "sqlite":
        statement = _insert_sqlite(len(bodies))
        return connection.exec_driver_sql(statement, tuple(_flatten(bodies, now))).rowcount
    return connection.exec_driver_sql(_INSERT_POSTGRESQL, _arrays(bodies, now)).rowcount


def _arrays(
    bodies: Sequence[tuple[bytes, bytes]], now: datetime | None
) -> tuple[datetime | None, list[bytes], list[bytes]]:
    digests, contents = zip(*bodies, strict=True)
    return now, list(digests), list(contents)


def _flatten(bodies: Sequence[tuple[bytes, bytes]], now: datetime | None) -> list[Any]:
    received_at = _INSTANT.process_bind_param(now, _SQLITE)
    return [value for digest, body in bodies for value in (digest, body, received_at)]


@functools.lru_cache(maxsize=256)
def _insert_sqlite(rows: int) -> str:
    """Return an INSERT of so many rows.

    One statement and not ``executemany``: the driver gives up the interpreter lock at every step,
    and with a busy event loop beside it each row would wait for its turn again.
    """
    values = ", ".join(["(?, ?, ?)"] * rows)
    into = "INSERT INTO webhook (digest, body, received_at)"
    return f"{into} VALUES {values} ON CONFLICT (digest) DO NOTHING"


def waiting_webhooks(
    connection: Connection, *, after: int = 0, limit: int, max_bytes: int
) -> list[WaitingWebhook]:
    """Return webhooks that wait to be recorded, by id: at most ``limit``, and about ``max_bytes``.

    The first is returned however large it is. ``after`` pages within one pass only: on PostgreSQL
    a lower id may be committed later, so every pass starts from 0 again.
    """
    sizes = connection.execute(
        select(webhook.c.id, func.length(webhook.c.body))
        .where(_WAITING, webhook.c.id > after, webhook.c.body.is_not(None))
        .order_by(webhook.c.id)
        .limit(limit)
    )
    chosen: list[int] = []
    room = max_bytes
    for id_, size in sizes:
        room -= size
        if chosen and room < 0:
            break
        chosen.append(id_)
    if not chosen:
        return []
    rows = connection.execute(
        select(webhook.c.id, webhook.c.body, webhook.c.received_at)
        .where(webhook.c.id.in_(chosen))
        .order_by(webhook.c.id)
    )
    return [WaitingWebhook(id_, bytes(body), received_at) for id_, body, received_at in rows]


def settle_webhooks(
    connection: Connection, settled: Sequence[SettledWebhook], *, now: datetime
) -> None:
    """Mark webhooks as recorded, with what was kept raw of them."""
    plain = [row.id for row in settled if not row.kept_raw and row.error is None]
    if plain:
        connection.execute(
            update(webhook)
            .where(webhook.c.id.in_(plain))
            .values(recorded_at=now, kept_raw=null(), error=None)
        )
    kept = [row for row in settled if row.kept_raw or row.error is not None]
    if kept:
        connection.execute(
            update(webhook)
            .where(webhook.c.id == bindparam("of_id"))
            .values(
                recorded_at=bindparam("at"), kept_raw=bindparam("kept"), error=bindparam("why")
            ),
            [
                {
                    "of_id": row.id,
                    "at": now,
                    "kept": dict(row.kept_raw) if row.kept_raw else None,
                    "why": row.error,
                }
                for row in kept
            ],
        )


def reopen_webhooks(connection: Connection, *, since: datetime | None = None) -> int:
    """Let webhooks be recorded once more, and forget what was kept raw of them; return how many.

    Bodies that retention has dropped stay as they are. Recording is idempotent, so this never
    doubles a message.
    """
    settled = or_(webhook.c.recorded_at.is_not(None), webhook.c.error.is_not(None))
    where = [settled, webhook.c.body.is_not(None)]
    if since is not None:
        where.append(webhook.c.received_at >= since)
    return connection.execute(
        update(webhook).where(*where).values(recorded_at=None, kept_raw=null(), error=None)
    ).rowcount


def webhook_counts(connection: Connection) -> WebhookCounts:
    """Return how many webhooks wait, how many failed, and when the newest came."""
    count = func.count(webhook.c.id)
    return WebhookCounts(
        waiting=connection.execute(select(count).where(_WAITING)).scalar_one(),
        failed=connection.execute(select(count).where(_FAILED)).scalar_one(),
        last_at=connection.execute(
            select(webhook.c.received_at).order_by(webhook.c.id.desc()).limit(1)
        ).scalar_one_or_none(),
    )


def newest_webhook(connection: Connection) -> int:
    """Return the highest id there is; 0 if there is none."""
    found: int | None = connection.execute(select(func.max(webhook.c.id))).scalar_one()
    return found or 0


def count_waiting(connection: Connection, *, up_to: int) -> int:
    """Return how many webhooks wait whose id is at most ``up_to``."""
    return connection.execute(
        select(func.count(webhook.c.id)).where(_WAITING, webhook.c.id <= up_to)
    ).scalar_one()


def kept_raw_counts(connection: Connection) -> Counter[str]:
    """Return the elements that became no message, by reason and by where unknown ones stood."""
    rows = connection.execute(
        select(webhook.c.kept_raw, func.count(webhook.c.id))
        .where(_FAILED, webhook.c.kept_raw.is_not(null()))
        .group_by(webhook.c.kept_raw)
    )
    counts: Counter[str] = Counter()
    for kept_raw, times in rows:
        for reason, elements in kept_raw.items():
            counts[reason] += elements * times
    return counts
