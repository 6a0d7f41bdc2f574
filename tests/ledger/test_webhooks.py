"""Webhooks in the ledger: stored once, waiting, settled, reopened, counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, event, func, select, text

from connector.ledger.ledger import Ledger
from connector.ledger.schema import webhook
from connector.ledger.webhooks import (
    SettledWebhook,
    WaitingWebhook,
    digest_body,
    kept_raw_counts,
    reopen_webhooks,
    settle_webhooks,
    store_webhooks,
    waiting_webhooks,
    webhook_counts,
)

NOW = datetime(2026, 11, 24, 10, 0, 0, 123456, tzinfo=UTC)
KEY = b"k" * 32
MEGABYTE = 1_000_000


def _pairs(*bodies: bytes) -> list[tuple[bytes, bytes]]:
    return [(digest_body(KEY, body), body) for body in bodies]


def _store(ledger: Ledger, *bodies: bytes, now: datetime = NOW) -> int:
    return ledger.transact(store_webhooks, _pairs(*bodies), now=now)


def _waiting(
    ledger: Ledger, *, after: int = 0, limit: int = 100, max_bytes: int = MEGABYTE
) -> list[WaitingWebhook]:
    return ledger.query(waiting_webhooks, after=after, limit=limit, max_bytes=max_bytes)


def _rows(ledger: Ledger) -> int:
    def count(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(webhook)).scalar_one()

    return ledger.query(count)


def test_bodies_are_stored_as_they_came_and_in_the_order_they_came(ledger: Ledger) -> None:
    bodies = [b"\x00\xff", b"", '{"a":"\\ud800 ação"}'.encode(), b"x" * 100_000]

    assert _store(ledger, *bodies) == 4

    waiting = _waiting(ledger)
    assert [row.body for row in waiting] == bodies
    assert {row.received_at for row in waiting} == {NOW}
    assert [row.id for row in waiting] == sorted(row.id for row in waiting)


def test_storing_nothing_is_allowed(ledger: Ledger) -> None:
    assert _store(ledger) == 0


def test_a_redelivery_is_stored_once_within_a_group_and_across_groups(ledger: Ledger) -> None:
    assert _store(ledger, b"one", b"two", b"one") == 2
    assert _store(ledger, b"two", b"three", b"one", now=NOW + timedelta(hours=1)) == 1

    assert [row.body for row in _waiting(ledger)] == [b"one", b"two", b"three"]
    assert _waiting(ledger)[0].received_at == NOW


def test_groups_of_every_size_up_to_the_largest_are_stored(ledger: Ledger) -> None:
    for size in range(1, 65):
        assert _store(ledger, *(f"{size}/{i}".encode() for i in range(size))) == size

    assert _rows(ledger) == 64 * 65 // 2


def test_a_digest_depends_on_the_installation_and_on_every_byte() -> None:
    assert digest_body(KEY, b"body") == digest_body(KEY, b"body")
    assert digest_body(KEY, b"body") != digest_body(b"other", b"body")
    assert digest_body(KEY, b"body") != digest_body(KEY, b"body ")
    assert len(digest_body(KEY, b"body")) == 32


def test_waiting_webhooks_come_in_pages(ledger: Ledger) -> None:
    _store(ledger, b"a", b"b", b"c", b"d")

    first = _waiting(ledger, limit=3)
    second = _waiting(ledger, after=first[-1].id, limit=3)

    assert [row.body for row in first] == [b"a", b"b", b"c"]
    assert [row.body for row in second] == [b"d"]


def test_a_page_ends_before_it_grows_too_large_but_holds_at_least_one(ledger: Ledger) -> None:
    _store(ledger, b"a" * 600, b"b" * 300, b"c" * 200)

    assert [row.body[:1] for row in _waiting(ledger, max_bytes=1000)] == [b"a", b"b"]
    assert [row.body[:1] for row in _waiting(ledger, max_bytes=1)] == [b"a"]


def test_a_settled_webhook_waits_no_more(ledger: Ledger) -> None:
    _store(ledger, b"a", b"b", b"c")
    a, b, _ = _waiting(ledger)

    ledger.transact(
        settle_webhooks,
        [SettledWebhook(a.id), SettledWebhook(b.id, error="not JSON", kept_raw={"unparsable": 1})],
        now=NOW,
    )

    assert [row.body for row in _waiting(ledger)] == [b"c"]


def test_settled_webhooks_are_counted(ledger: Ledger) -> None:
    _store(ledger, b"a", b"b", b"c", b"d", b"e")
    _store(ledger, b"f", now=NOW + timedelta(minutes=5))
    ids = [row.id for row in _waiting(ledger)]

    ledger.transact(
        settle_webhooks,
        [
            SettledWebhook(ids[0]),
            SettledWebhook(ids[1], kept_raw={"unknown": 2, "messages/foo": 2}),
            SettledWebhook(ids[2], kept_raw={"unknown": 2, "messages/foo": 2}),
            SettledWebhook(ids[3], kept_raw={"unparsable": 1}, error="not JSON"),
            SettledWebhook(ids[4], kept_raw={}),
        ],
        now=NOW,
    )

    counts = ledger.query(webhook_counts)
    assert (counts.waiting, counts.failed) == (1, 3)
    assert counts.last_at == NOW + timedelta(minutes=5)
    assert ledger.query(kept_raw_counts) == {"unknown": 4, "messages/foo": 4, "unparsable": 1}


def test_an_empty_ledger_counts_nothing(ledger: Ledger) -> None:
    counts = ledger.query(webhook_counts)

    assert (counts.waiting, counts.failed, counts.last_at) == (0, 0, None)
    assert ledger.query(kept_raw_counts) == {}


def test_reopened_webhooks_wait_again_with_nothing_kept(ledger: Ledger) -> None:
    _store(ledger, b"old", now=NOW - timedelta(days=1))
    _store(ledger, b"new", b"newer")
    ids = [row.id for row in _waiting(ledger)]
    ledger.transact(
        settle_webhooks,
        [
            SettledWebhook(ids[0], kept_raw={"unknown": 1}),
            SettledWebhook(ids[1], kept_raw={"unparsable": 1}, error="not JSON"),
            SettledWebhook(ids[2]),
        ],
        now=NOW,
    )

    assert ledger.transact(reopen_webhooks, since=NOW) == 2
    assert [row.body for row in _waiting(ledger)] == [b"new", b"newer"]
    assert ledger.query(kept_raw_counts) == {"unknown": 1}

    assert ledger.transact(reopen_webhooks) == 1
    assert ledger.query(webhook_counts).failed == 0


def test_a_body_that_retention_dropped_is_neither_reopened_nor_waiting(ledger: Ledger) -> None:
    _store(ledger, b"a", b"b")
    first = _waiting(ledger)[0].id
    ledger.transact(settle_webhooks, [SettledWebhook(first)], now=NOW)

    def drop(connection: Connection) -> None:
        connection.execute(text("UPDATE webhook SET body = NULL"))

    ledger.transact(drop)

    assert ledger.transact(reopen_webhooks) == 0
    assert _waiting(ledger) == []


def test_an_empty_settlement_changes_nothing(ledger: Ledger) -> None:
    _store(ledger, b"a")

    ledger.transact(settle_webhooks, [], now=NOW)

    assert len(_waiting(ledger)) == 1


def test_the_counts_read_partial_indexes_only(ledger: Ledger) -> None:
    """EXPLAIN what the module really sends, on a table too large for a scan to be the best."""
    for group in range(20):
        _store(ledger, *(f"{group}/{i}".encode() for i in range(64)))
    ids = [row.id for row in _waiting(ledger, limit=1279)]
    ledger.transact(settle_webhooks, [SettledWebhook(id_) for id_ in ids], now=NOW)
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        sent.append((statement, parameters))

    def explain(connection: Connection) -> list[str]:
        if ledger.dialect == "postgresql":
            connection.execute(text("ANALYZE webhook"))
        event.listen(ledger.engine, "before_cursor_execute", note)
        webhook_counts(connection)
        kept_raw_counts(connection)
        event.remove(ledger.engine, "before_cursor_execute", note)
        words = "EXPLAIN QUERY PLAN " if ledger.dialect == "sqlite" else "EXPLAIN "
        return [
            " ".join(str(row) for row in connection.exec_driver_sql(words + statement, parameters))
            for statement, parameters in sent
        ]

    waiting, failed, last, kept = ledger.transact(explain)

    assert "ix_webhook_waiting" in waiting
    assert "ix_webhook_failed" in failed
    assert "ix_webhook_failed" in kept
    assert "sort" not in last.lower()
    assert "b-tree" not in last.lower()


def test_the_clock_of_the_database_says_when_a_webhook_came(ledger: Ledger) -> None:
    before = datetime.now(UTC)
    now = None if ledger.server_time else ledger.clock.now()

    ledger.transact(store_webhooks, _pairs(b"a"), now=now)

    received_at = _waiting(ledger)[0].received_at
    assert abs(received_at - before) < timedelta(minutes=1)
