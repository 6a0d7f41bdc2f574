"""What is asked all the time costs the same however much lies in the ledger.

Not timed but counted: SQLite's own steps, and the rows that PostgreSQL's plans touch. First with
little that is settled, then with four times as much; what is open stays the same.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, event

from bench.filling import DESTINATION, NUMBER, PER_CONTACT, fill
from connector.deliver.claim import claim_work
from connector.ledger import (
    deliveries,
    gauges,
    lanes,
    links,
    marks,
    media,
    minutes,
    overview,
    succession,
    sweeps,
    webhooks,
)
from connector.ledger.dead_letters import Filter, list_dead_letters
from connector.ledger.ledger import Ledger
from connector.ledger.messages import find_messages

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HISTORY = 6000
OPEN = 100
GROWTH = 3
LANES = [number + HISTORY // PER_CONTACT for number in range(1, OPEN // PER_CONTACT + 1)]
"""Of what is open, by id."""
BODIES = [(number.to_bytes(32), b"{}") for number in range(50)]

Question = Callable[[Connection, Ledger], object]
QUESTIONS: dict[str, Question] = {
    "the state of everything": lambda c, _: overview.look(c, now=NOW, numbers=[NUMBER]),
    "the age of what is open": lambda c, _: gauges.oldest_open(c, [DESTINATION]),
    "the age of what is due": lambda c, _: gauges.oldest_due(c, [DESTINATION]),
    "a claim": lambda c, ledger: claim_work(
        c,
        ledger,
        DESTINATION,
        repeatable=frozenset({"contact"}),
        repeatable_for={},
        on_deleted="never",
    ),
    "when work is due": lambda c, _: lanes.next_due_at(c, DESTINATION),
    "whether live work waits": lambda c, _: lanes.is_live_work_overdue(c, DESTINATION, since=NOW),
    "the heads of lanes": lambda c, _: lanes.lane_heads(c, LANES),
    "lanes that stand still": lambda c, _: lanes.stopped_lanes(c, LANES),
    "contacts that may be gone": lambda c, _: deliveries.suspect_contacts(c, LANES),
    "what a write begins with": lambda c, _: deliveries.begin(c, [1, 2, 3], now=NOW, verify_at=NOW),
    "who holds records": lambda c, _: deliveries.taken_crm_ids(
        c, DESTINATION, "message", ["5", "no"]
    ),
    "whose contacts are shared": lambda c, _: links.shared_contacts(c, DESTINATION, {"5", "no"}),
    "what is linked to records": lambda c, _: sweeps.held_by_crm_id(
        c, DESTINATION, "message", ["5", "no"]
    ),
    "what is linked to a contact": lambda c, _: sweeps.held_by_crm_id(
        c, DESTINATION, "contact", ["5", "no"]
    ),
    "a takeover": lambda c, _: succession.take_over(
        c, DESTINATION, repeatable=["contact"], now=NOW
    ),
    "lanes asleep": lambda c, _: marks.sleeping_deliveries(c, DESTINATION),
    "dead letters": lambda c, _: list_dead_letters(c, Filter(destination=DESTINATION)),
    "the minute under way": lambda c, _: minutes.note_minute(
        c, now=NOW, destinations=[DESTINATION], oldest={}
    ),
    "webhooks that wait": lambda c, _: webhooks.waiting_webhooks(c, limit=500, max_bytes=10_000),
    "counts of webhooks": lambda c, _: webhooks.webhook_counts(c),
    "webhooks to store": lambda c, _: webhooks.store_webhooks(c, BODIES, now=NOW),
    "messages by hash": lambda c, _: find_messages(c, {"hash1", "hash2", "none"}),
    "files to fetch": lambda c, _: media.next_media_at(c),
    "records anew": lambda c, _: lanes.want(
        c,
        [
            lanes.Wanted(DESTINATION, number, "message", f"new{number}", f"new{number}", position=1)
            for number in range(1, 20)
        ],
        now=NOW,
    ),
}


def test_what_is_asked_all_the_time_costs_no_more_with_four_times_the_history(
    ledger: Ledger,
) -> None:
    slack = 400  # tens of steps, or rows: another order of the same joins
    fill(ledger.engine, messages=HISTORY + OPEN, pending=OPEN)
    _have_watched(ledger)
    before = {name: _cost(ledger, ask) for name, ask in QUESTIONS.items()}

    fill(ledger.engine, messages=HISTORY * GROWTH, pending=0, after=HISTORY + OPEN)

    _have_watched(ledger)
    after = {name: _cost(ledger, ask) for name, ask in QUESTIONS.items()}
    assert {
        name: (before[name], cost)
        for name, cost in after.items()
        if cost > 1.5 * before[name] + slack
    } == {}


def _have_watched(ledger: Ledger) -> None:
    """Count the minute, as is done every few seconds: only the first time looks back further."""
    ledger.transact(minutes.note_minute, now=NOW, destinations=[DESTINATION], oldest={})


def _cost(ledger: Ledger, ask: Question) -> int:
    return _sqlite_steps(ledger, ask) if ledger.dialect == "sqlite" else _rows(ledger, ask)


@contextmanager
def _undone(ledger: Ledger) -> Iterator[Connection]:
    with ledger.engine.connect() as connection:
        transaction = connection.begin()
        try:
            yield connection
        finally:
            transaction.rollback()


def _sqlite_steps(ledger: Ledger, ask: Question) -> int:
    """Count the steps of SQLite's machine, in tens."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with _undone(ledger) as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(count, 10)
        try:
            ask(connection, ledger)
        finally:
            driver.set_progress_handler(None, 0)
    return steps


def _rows(ledger: Ledger, ask: Question) -> int:
    """Count the rows that each node of PostgreSQL's plans reads, of every statement."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _x: Any, _many: Any) -> None:
        asked.append((statement, values))

    event.listen(ledger.engine, "before_cursor_execute", note)
    try:
        with _undone(ledger) as connection:
            ask(connection, ledger)
    finally:
        event.remove(ledger.engine, "before_cursor_execute", note)
    rows = 0
    with _undone(ledger) as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, values in asked:
            if statement.startswith("SAVEPOINT"):
                continue
            plan = connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values
            ).scalar_one()
            rows += _read(json.loads(plan)[0]["Plan"] if isinstance(plan, str) else plan[0]["Plan"])
    return rows


def _read(node: dict[str, Any]) -> int:
    removed = sum(count for name, count in node.items() if name.startswith("Rows Removed"))
    own = round((node["Actual Rows"] + removed) * node["Actual Loops"])
    return own + sum(_read(below) for below in node.get("Plans", ()))


def test_the_count_of_steps_sees_a_question_that_grows(sqlite_ledger: Ledger) -> None:
    def everything(connection: Connection, _: Ledger) -> object:
        return connection.exec_driver_sql("SELECT count(*) FROM delivery WHERE attempts = 7").all()

    fill(sqlite_ledger.engine, messages=HISTORY, pending=0)
    before = _cost(sqlite_ledger, everything)
    fill(sqlite_ledger.engine, messages=HISTORY * GROWTH, pending=0, after=HISTORY)

    assert _cost(sqlite_ledger, everything) > 3 * before
