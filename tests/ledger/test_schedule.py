"""Ticks become runs: each once, missed ones made up once, none while one is under way."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from connector.ledger.keeper import HeldLease
from connector.ledger.leases import claim_lease, release_lease
from connector.ledger.ledger import Ledger
from connector.ledger.runs import finish_run
from connector.ledger.schema import run
from connector.schedule.jobs import Schedule
from connector.schedule.ticks import Cron

START = datetime(2026, 11, 24, 10, 7, tzinfo=UTC)
ZONE = ZoneInfo("America/Sao_Paulo")
JOBS = {"reconcile": Cron("*/15 * * * *", ZONE), "retention": Cron("30 3 * * *", ZONE)}
Rows = list[tuple[str, str, str]]


class Hands:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def boot(self) -> float:
        return (self.moment - START).total_seconds()


@pytest.fixture
def clock() -> Hands:
    return Hands()


def keep(ledger: Ledger) -> None:
    """Let a process hold the schedule for one look."""
    schedule = Schedule(
        ledger,
        JOBS,
        each_destination=frozenset({"reconcile"}),
        destinations=["hubspot", "pipedrive"],
    )

    async def look() -> None:
        lease = await ledger.write(
            lambda c: claim_lease(
                c, "schedule", owner="a test", now=ledger.now(c), life=timedelta(days=9999)
            )
        )
        assert lease is not None
        held = HeldLease(ledger, lease, life=1e9, since=0)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_soon(stop.set)
        await schedule.run(held, stop=stop)
        # What was due when it began was looked at before it could be stopped, or is now.
        await ledger.write(schedule._order, lease=lease)
        await ledger.write(release_lease, lease)

    asyncio.run(look())


def runs(ledger: Ledger, state: str) -> Rows:
    rows = ledger.query(
        lambda c: c.execute(
            select(run.c.job, run.c.destination, run.c.tick).where(run.c.state == state)
        ).all()
    )
    return sorted(
        (row.job, row.destination, row.tick.astimezone(UTC).strftime("%d %H:%M")) for row in rows
    )


def finish_all(ledger: Ledger) -> None:
    rows = ledger.query(
        lambda c: c.execute(select(run.c.id).where(run.c.state == "waiting")).scalars().all()
    )
    for run_id in rows:
        ledger.transact(finish_run, run_id, state="done", now=START)


def test_a_new_installation_waits_for_its_first_tick(ledger: Ledger, clock: Hands) -> None:
    keep(ledger)

    assert runs(ledger, "waiting") == []

    clock.moment = START + timedelta(minutes=8)
    keep(ledger)

    assert runs(ledger, "waiting") == [
        ("reconcile", "", "24 10:15"),
        ("reconcile", "hubspot", "24 10:15"),
        ("reconcile", "pipedrive", "24 10:15"),
    ]


def test_what_was_missed_is_made_up_once(ledger: Ledger, clock: Hands) -> None:
    keep(ledger)
    clock.moment = START + timedelta(days=3)

    keep(ledger)
    keep(ledger)

    assert runs(ledger, "waiting") == [
        ("reconcile", "", "27 10:00"),
        ("reconcile", "hubspot", "27 10:00"),
        ("reconcile", "pipedrive", "27 10:00"),
        ("retention", "", "27 06:30"),
    ]


def test_what_is_under_way_is_not_ordered_again(ledger: Ledger, clock: Hands) -> None:
    keep(ledger)
    clock.moment = START + timedelta(minutes=8)
    keep(ledger)
    waiting = runs(ledger, "waiting")
    clock.moment = START + timedelta(minutes=23)

    keep(ledger)
    assert runs(ledger, "waiting") == waiting

    finish_all(ledger)
    keep(ledger)
    assert runs(ledger, "waiting") == [
        ("reconcile", "", "24 10:30"),
        ("reconcile", "hubspot", "24 10:30"),
        ("reconcile", "pipedrive", "24 10:30"),
    ]


def test_a_clock_that_is_set_back_orders_nothing_twice(ledger: Ledger, clock: Hands) -> None:
    keep(ledger)
    clock.moment = START + timedelta(minutes=8)
    keep(ledger)
    finish_all(ledger)
    done = runs(ledger, "done")
    clock.moment = START

    keep(ledger)
    clock.moment = START + timedelta(minutes=9)
    keep(ledger)

    assert runs(ledger, "waiting") == []
    assert runs(ledger, "done") == done


def test_one_destination_under_way_does_not_keep_back_another(ledger: Ledger, clock: Hands) -> None:
    keep(ledger)
    clock.moment = START + timedelta(minutes=8)
    keep(ledger)
    rows = ledger.query(
        lambda c: c.execute(select(run.c.id).where(run.c.destination != "pipedrive")).scalars()
    )
    for run_id in list(rows):
        ledger.transact(finish_run, run_id, state="done", now=START)
    clock.moment = START + timedelta(minutes=23)

    keep(ledger)

    assert runs(ledger, "waiting") == [
        ("reconcile", "", "24 10:30"),
        ("reconcile", "hubspot", "24 10:30"),
        ("reconcile", "pipedrive", "24 10:15"),
    ]
