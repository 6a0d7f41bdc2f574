"""A sweep asks only in what live traffic leaves over, and heeds what the CRM says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import insert, update

from connector.clock import SystemClock
from connector.config.models import ReconcileSettings, TuningSettings
from connector.config.units import Rate
from connector.crm.budget import Budgets
from connector.crm.client import CrmClient
from connector.crm.settings import AdapterSettings
from connector.crm.tally import count_call
from connector.errors import CrmAccessError, CrmThrottledError, CrmUnavailableError
from connector.ledger.destinations import load_standing, pause, resume
from connector.ledger.keeper import HeldLease
from connector.ledger.leases import claim_lease
from connector.ledger.ledger import Ledger
from connector.ledger.runs import Run
from connector.ledger.schema import lane
from connector.reconcile.account import Account, Terms
from connector.reconcile.courtesy import Courtesy
from connector.reconcile.errands import Errand, StoppedError

TUNING = TuningSettings(request_timeout=1, send_gate=0.1, lease=5, backoff_min=0.01, probe=0.1)
TERMS = Terms(
    settings=ReconcileSettings(),
    tuning=TUNING,
    numbers=frozenset(),
    rate=Rate(requests=10, per=timedelta(seconds=1)),
    company_wait=0.01,
    is_blocked=lambda _: False,
    wake_delivery=lambda: None,
)


@dataclass
class Target:
    """As much of an account as a question needs."""

    client: CrmClient
    name: str = "hubspot"


@dataclass
class Question:
    """Something to ask; says when it was asked, and fails as it is told."""

    errors: list[Exception] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    times: int = 0

    async def __call__(self) -> str:
        count_call()
        self.times += 1
        self.asked.set()
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@asynccontextmanager
async def asking(
    ledger: Ledger, *, rate: Rate | None = None
) -> AsyncIterator[tuple[Courtesy, Budgets, asyncio.Event]]:
    budgets = Budgets(
        {"burst": rate or Rate(requests=100, per=timedelta(seconds=1))}, clock=SystemClock()
    )
    client = CrmClient(
        destination="hubspot",
        settings=AdapterSettings(adapter="unit", base_url="http://127.0.0.1:1"),
        budgets=budgets,
        request_timeout=1,
        clock=SystemClock(),
    )
    now = datetime.now(UTC)
    lease = await ledger.write(
        claim_lease, "deliver/hubspot", owner="a test", now=now, life=timedelta(days=1)
    )
    assert lease is not None
    held = HeldLease(ledger, lease, life=86400, since=0)
    stop = asyncio.Event()
    run = Run(1, "reconcile", "hubspot", None, "a test", "running", now)
    try:
        yield (
            Courtesy(Errand(run, ledger, held, stop), cast("Account", Target(client)), TERMS),
            budgets,
            stop,
        )
    finally:
        await client.aclose()


@pytest.fixture
def person(new_contacts: Callable[[int], list[int]]) -> int:
    (contact_id,) = new_contacts(1)
    return contact_id


def test_an_idle_crm_is_asked_at_once_and_the_calls_are_counted(
    ledger: Ledger, person: int
) -> None:
    del person

    async def work() -> None:
        async with asking(ledger) as (courtesy, _, _):
            assert await courtesy.ask(Question()) == "answer"
            assert await courtesy.ask(Question()) == "answer"
            assert (courtesy.take_calls(), courtesy.take_calls()) == (2, 0)

    asyncio.run(work())


def test_half_of_a_budget_is_left_to_live_traffic(ledger: Ledger, person: int) -> None:
    del person

    async def work() -> None:
        rate = Rate(requests=10, per=timedelta(seconds=0.6))
        async with asking(ledger, rate=rate) as (courtesy, budgets, _):
            scarcities: list[float] = []

            async def ask() -> None:
                scarcities.append(budgets.scarcity())

            await budgets.take({"burst": 8})
            assert budgets.scarcity() > 0.5
            await courtesy.ask(ask)
            assert scarcities[0] <= 0.5

    asyncio.run(work())


def test_nothing_is_asked_while_live_work_is_overdue(ledger: Ledger, person: int) -> None:
    overdue = datetime.now(UTC) - timedelta(minutes=1)
    row = {"destination": "hubspot", "contact_id": person, "priority": 0, "due_at": overdue}
    ledger.transact(lambda c: c.execute(insert(lane).values(**row)))

    async def work() -> None:
        async with asking(ledger) as (courtesy, _, _):
            question = Question()
            task = asyncio.create_task(courtesy.ask(question))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(question.asked.wait(), 0.5)
            await ledger.write(lambda c: c.execute(update(lane).values(due_at=None)))
            assert await task == "answer"

    asyncio.run(work())


@pytest.mark.parametrize(
    "values",
    [{"priority": 10}, {"due_at": datetime.now(UTC) + timedelta(hours=1)}],
    ids=["backfill", "in backoff"],
)
def test_what_is_in_no_hurry_keeps_nobody_waiting(
    ledger: Ledger, person: int, values: dict[str, Any]
) -> None:
    overdue = datetime.now(UTC) - timedelta(minutes=1)
    row = {"destination": "hubspot", "contact_id": person, "priority": 0, "due_at": overdue}
    ledger.transact(lambda c: c.execute(insert(lane).values(**{**row, **values})))

    async def work() -> None:
        async with asking(ledger) as (courtesy, _, _):
            assert await courtesy.ask(Question()) == "answer"

    asyncio.run(work())


def test_a_pause_that_lasts_ends_the_sweep_with_its_reason(ledger: Ledger, person: int) -> None:
    del person
    ledger.transact(pause, "hubspot", reason="auth", detail="the token was revoked")

    async def work() -> None:
        async with asking(ledger) as (courtesy, _, _):
            with pytest.raises(CrmAccessError, match=r"paused \(auth\): the token was revoked"):
                await courtesy.ask(Question())

    asyncio.run(work())


def test_a_pause_that_ends_is_waited_out(ledger: Ledger, person: int) -> None:
    del person
    ledger.transact(pause, "hubspot", reason="auth", detail="")

    async def work() -> None:
        async with asking(ledger) as (courtesy, _, _):
            task = asyncio.create_task(courtesy.ask(Question()))
            await asyncio.sleep(0)
            await ledger.write(resume, "hubspot")
            assert await task == "answer"

    asyncio.run(work())


def test_that_the_crm_asks_for_fewer_calls_holds_for_deliveries_too(
    ledger: Ledger, person: int
) -> None:
    del person

    async def work() -> None:
        async with asking(ledger) as (courtesy, _, _):
            throttled = CrmThrottledError("too many", cooldown=timedelta(seconds=0.3))
            question = Question([throttled])
            assert await courtesy.ask(question) == "answer"
            assert question.times == 2
            standing = await ledger.read(load_standing, "hubspot")
            assert standing.blocked_reason == "throttled"
            assert courtesy.take_calls() == 2

    asyncio.run(work())


def test_a_crm_that_is_away_for_a_moment_is_asked_again_and_given_up_at_last(
    ledger: Ledger, person: int
) -> None:
    del person

    async def work() -> None:
        async with asking(ledger) as (courtesy, _, _):
            question = Question([CrmUnavailableError("away")] * 4)
            assert await courtesy.ask(question) == "answer"
            question = Question([CrmUnavailableError("away")] * 9)
            with pytest.raises(CrmUnavailableError):
                await courtesy.ask(question)
            assert question.times == 5

    asyncio.run(work())


def test_what_a_crm_will_not_show_pauses_no_deliveries(ledger: Ledger, person: int) -> None:
    del person

    async def work() -> None:
        async with asking(ledger) as (courtesy, _, _):
            with pytest.raises(CrmAccessError):
                await courtesy.ask(Question([CrmAccessError("no permission", status=403)]))
            assert (await ledger.read(load_standing, "hubspot")).paused_reason is None

    asyncio.run(work())


def test_a_process_that_ends_leaves_the_question_to_the_next(ledger: Ledger, person: int) -> None:
    del person
    ledger.transact(pause, "hubspot", reason="operator", detail="")

    async def work() -> None:
        async with asking(ledger) as (courtesy, _, stop):
            task = asyncio.create_task(courtesy.ask(Question()))
            await asyncio.sleep(0)
            stop.set()
            with pytest.raises(StoppedError):
                await task

    asyncio.run(work())
