"""Runs are ordered once a tick, carried out once, kept in place, and handed over by the page."""

from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.runs import (
    WITHDRAWN,
    begin_run,
    finish_run,
    forget_ticks,
    is_page_taken,
    is_unfinished,
    keep_run,
    last_done,
    last_tick,
    load_runs,
    next_run,
    note_command,
    order_run,
    put_page,
    take_page,
    withdraw_runs,
)
from connector.ledger.schema import run

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PROCESSES = 4
TICKS = 1000


def order(ledger: Ledger, job: str = "reconcile", **how: object) -> int | None:
    return ledger.transact(order_run, job, actor="a test", now=START, **how)  # type: ignore[arg-type]  # keywords given by each test


def start(ledger: Ledger) -> int:
    made = order(ledger, destination="hubspot")
    assert made is not None
    assert ledger.transact(begin_run, made, now=START)
    return made


def test_a_tick_is_ordered_once(ledger: Ledger) -> None:
    assert order(ledger, destination="hubspot", tick=START) is not None
    assert order(ledger, destination="hubspot", tick=START) is None
    assert order(ledger, destination="pipedrive", tick=START) is not None


def test_a_command_may_order_the_same_as_often_as_it_likes(ledger: Ledger) -> None:
    assert order(ledger, destination="hubspot") != order(ledger, destination="hubspot")


def order_all(url: str) -> int:
    """Order every tick, as one process of several; return how many of them it made."""
    ledger = Ledger(open_engine(url))
    made = 0
    for number in range(TICKS):
        tick = START + timedelta(minutes=number)
        if ledger.transact(order_run, "reconcile", actor="tick", now=START, tick=tick):
            made += 1
    ledger.close()
    return made


@pytest.mark.timeout(180)
def test_four_processes_make_each_of_a_thousand_ticks_once(
    postgres_database: URL, ledger_url: URL
) -> None:
    del postgres_database
    url = ledger_url.render_as_string(hide_password=False)
    if ledger_url.get_backend_name() == "sqlite":
        made = [order_all(url), order_all(url)]
    else:
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            made = list(pool.map(order_all, [url] * PROCESSES))

    assert sum(made) == TICKS, made
    ledger = Ledger(open_engine(ledger_url))
    assert ledger.query(lambda c: c.execute(select(func.count(run.c.id))).scalar_one()) == TICKS
    ledger.close()


def test_the_last_tick_is_that_of_the_job(ledger: Ledger) -> None:
    order(ledger, tick=START)
    order(ledger, tick=START + timedelta(hours=1))
    order(ledger, "retention", tick=START + timedelta(hours=2))

    assert ledger.query(last_tick, "reconcile") == START + timedelta(hours=1)
    assert ledger.query(last_tick, "check") is None


def test_what_was_begun_goes_on_before_what_waits(ledger: Ledger) -> None:
    order(ledger, destination="hubspot")
    begun = start(ledger)
    jobs = {"reconcile"}

    found, after = ledger.query(next_run, "hubspot", jobs=jobs, after=0)

    assert found is not None
    assert found.id == begun
    assert after == 0


def test_a_look_for_work_starts_behind_what_is_finished(ledger: Ledger) -> None:
    done = start(ledger)
    ledger.transact(finish_run, done, state="done", now=START)
    other = order(ledger, destination="pipedrive")

    found, after = ledger.query(next_run, "hubspot", jobs={"reconcile"}, after=0)
    assert found is None
    assert after == other

    made = order(ledger, destination="hubspot")
    found, _ = ledger.query(next_run, "hubspot", jobs={"reconcile"}, after=after)
    assert found is not None
    assert found.id == made


def test_a_job_nobody_here_knows_is_left_alone(ledger: Ledger) -> None:
    order(ledger, "erase", destination="hubspot")

    found, _ = ledger.query(next_run, "hubspot", jobs={"reconcile"}, after=0)

    assert found is None


def test_a_run_keeps_its_place_and_its_counts(ledger: Ledger) -> None:
    made = start(ledger)

    assert ledger.transact(keep_run, made, cursor={"at": 7}, counts={"checked": 3})

    kept = ledger.query(load_runs, [made])[made]
    assert (kept.state, kept.cursor, kept.counts) == ("running", {"at": 7}, {"checked": 3})


def test_a_run_taken_up_again_keeps_when_it_was_begun(ledger: Ledger) -> None:
    made = start(ledger)

    assert ledger.transact(begin_run, made, now=START + timedelta(hours=1))

    assert ledger.query(load_runs, [made])[made].started_at == START


def test_a_run_that_was_withdrawn_can_not_go_on(ledger: Ledger) -> None:
    made = start(ledger)

    ledger.transact(withdraw_runs, [made], now=START)

    assert not ledger.transact(keep_run, made, cursor={}, counts={})
    assert not ledger.transact(begin_run, made, now=START)
    assert not ledger.transact(finish_run, made, state="done", now=START)
    found = ledger.query(load_runs, [made])[made]
    assert (found.state, found.error) == ("failed", WITHDRAWN)


def test_an_unfinished_run_is_seen_until_it_ends(ledger: Ledger) -> None:
    made = start(ledger)
    assert ledger.query(is_unfinished, "reconcile", "hubspot")
    assert not ledger.query(is_unfinished, "reconcile", "pipedrive")

    ledger.transact(finish_run, made, state="braked", now=START, error="too much")

    assert not ledger.query(is_unfinished, "reconcile", "hubspot")
    assert ledger.query(last_done, "reconcile", "hubspot") is None


PAGE = {"items": [{"after": "Olá"}]}


def test_a_page_is_gone_from_the_ledger_once_it_is_taken(ledger: Ledger) -> None:
    made = start(ledger)
    assert ledger.transact(put_page, made, PAGE, counts={"selected": 3})
    assert ledger.query(is_page_taken, made) is False

    assert ledger.transact(take_page, made) == PAGE

    assert ledger.query(is_page_taken, made) is True
    assert ledger.transact(take_page, made) is None
    assert ledger.query(load_runs, [made])[made].counts == {"selected": 3}


def test_a_page_for_a_run_nobody_waits_for_is_not_kept(ledger: Ledger) -> None:
    made = start(ledger)
    assert ledger.transact(put_page, made, PAGE, counts={"selected": 3})

    ledger.transact(withdraw_runs, [made], now=START)

    assert ledger.query(load_runs, [made])[made].counts == {"selected": 3}
    assert not ledger.transact(put_page, made, PAGE, counts={})
    assert ledger.query(is_page_taken, made) is None


def test_old_ticks_are_forgotten_and_commands_are_not(ledger: Ledger) -> None:
    old = order(ledger, tick=START)
    assert old is not None
    ledger.transact(finish_run, old, state="done", now=START)
    waiting = order(ledger, tick=START + timedelta(minutes=1))
    command = ledger.transact(note_command, "resume", actor="ana", now=START)

    assert ledger.transact(forget_ticks, before=START + timedelta(days=90)) == 1

    assert ledger.query(load_runs, [old, waiting or 0, command]).keys() == {waiting, command}
