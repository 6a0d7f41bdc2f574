"""What the watch keeps of each minute, for the chart of a day."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update

from connector.ledger import schema
from connector.ledger.ledger import Ledger
from connector.ledger.minutes import Minutes, load_minutes
from connector.model.message import UNSEEN
from tests.runtime.watching.hands import START, HandClock, Look, make_due


def test_each_minute_keeps_what_came_in_and_what_was_written(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    look()
    _messages(ledger, 3)
    rows.deliver("message", "synced", synced_at=START + timedelta(seconds=20))
    clock.move(seconds=30)
    look()
    _messages(ledger, 2)
    clock.move(seconds=15)
    look()
    rows.deliver("contact", "synced", crm_id="102", synced_at=START + timedelta(seconds=55))
    make_due(ledger, START)
    clock.move(seconds=30)
    look()

    first, second = START, START + timedelta(minutes=1)
    minutes = ledger.query(load_minutes, since=START - timedelta(hours=1))
    assert minutes.received == {first: 6, second: 0}
    assert minutes.synced == {first: 1, second: 0}
    assert minutes.lag == {first: 0.0, second: 0.0}


def test_what_is_written_at_the_end_of_an_hour_counts_in_its_minute(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    clock.move(minutes=59, seconds=50)
    look()
    last = START + timedelta(minutes=59)
    rows.deliver("message", "synced", synced_at=last + timedelta(seconds=55))
    clock.move(seconds=20)
    look()

    minutes = ledger.query(load_minutes, since=START)
    assert minutes.synced == {last: 1, last + timedelta(minutes=1): 0}


def test_a_pause_of_the_watch_is_a_gap_and_no_peak(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    look()
    _messages(ledger, 50)
    clock.move(minutes=10)
    look()

    minutes: Minutes = ledger.query(load_minutes, since=START)
    assert minutes.received == {START: 1, START + timedelta(minutes=10): 0}
    assert rows.message


def test_what_came_before_the_first_look_counts_in_its_own_minute(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    _messages(ledger, 3)
    clock.move(seconds=70)
    look()

    minutes = ledger.query(load_minutes, since=START)
    assert minutes.received == {START: 4, START + timedelta(minutes=1): 0}
    assert rows.message


def test_a_message_whose_status_came_first_counts_when_it_comes(
    ledger: Ledger, look: Look, rows: Any, clock: HandClock
) -> None:
    _change_kind(ledger, UNSEEN)
    look()
    clock.move(seconds=70)
    _change_kind(ledger, "text")
    look()
    clock.move(seconds=10)
    look()

    minutes = ledger.query(load_minutes, since=START)
    assert minutes.received == {START: 0, START + timedelta(minutes=1): 1}
    assert rows.message


def _change_kind(ledger: Ledger, kind: str) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(update(schema.message).values(kind=kind))


def _messages(ledger: Ledger, count: int) -> None:
    with ledger.engine.begin() as connection:
        template = connection.execute(select(schema.message).limit(1)).mappings().one()
        total = len(connection.execute(select(schema.message.c.id)).all())
        for number in range(count):
            copy = {key: value for key, value in template.items() if key != "id"}
            copy["wamid_hash"] = f"copy{total + number}"
            connection.execute(insert(schema.message).values(**copy))
