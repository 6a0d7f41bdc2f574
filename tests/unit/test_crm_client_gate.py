"""The gate: no write begins later than it was meant to."""

import asyncio
from datetime import timedelta

import pytest

from connector import metrics
from connector.clock import SystemClock
from connector.config.units import Rate
from connector.crm.budget import Budgets
from connector.crm.gate import GateClosedError, gate
from tests.unit.crm_server import connect, run, serve, status


def test_the_gate_stops_a_late_write_before_its_first_byte() -> None:
    async def late() -> tuple[int, int, list[bool | None]]:
        clock = SystemClock()
        healths: list[bool | None] = []
        async with (
            serve(status("200 OK")) as server,
            connect(server.url, healths=healths) as crm,
        ):
            with gate(clock.boot() + 60, clock):
                await crm.request("POST", "/things", call="things", json={})
            with gate(clock.boot() - 0.001, clock):
                with pytest.raises(GateClosedError) as caught:
                    await crm.request("POST", "/things", call="things", json={})
                assert caught.value.started is False
                await crm.request("GET", "/things", call="things")
                await crm.request("POST", "/things", call="things", json={}, gated=False)
            await crm.request("POST", "/things", call="things", json={})
            return len(server.seen), server.connections, healths

    before = metrics.REGISTRY.get_sample_value("connector_gate_refused_total") or 0
    requests, _, healths = run(late)
    assert requests == 4
    assert healths == [True, None, True, True, True]
    assert metrics.REGISTRY.get_sample_value("connector_gate_refused_total") == before + 1


def test_the_gate_is_looked_at_after_waiting_for_the_budget() -> None:
    async def wait() -> int:
        clock = SystemClock()
        budgets = Budgets({"burst": Rate(requests=1, per=timedelta(seconds=0.3))}, clock=clock)
        async with serve(status("200 OK")) as server, connect(server.url, budgets=budgets) as crm:
            with gate(clock.boot() + 0.2, clock):
                await crm.request("POST", "/things", call="things", json={}, draws={"burst": 1})
                with pytest.raises(GateClosedError):
                    await crm.request("POST", "/things", call="things", json={}, draws={"burst": 1})
            return len(server.seen)

    assert run(wait) == 1


def test_the_gate_reaches_into_tasks() -> None:
    async def concurrent() -> int:
        clock = SystemClock()
        async with serve(status("200 OK")) as server, connect(server.url) as crm:
            with gate(clock.boot() - 1, clock):
                results = await asyncio.gather(
                    *(crm.request("POST", "/things", call="things", json={}) for _ in range(3)),
                    return_exceptions=True,
                )
            assert all(isinstance(result, GateClosedError) for result in results)
            return len(server.seen)

    assert run(concurrent) == 0
