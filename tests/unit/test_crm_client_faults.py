"""What a CRM may have applied where an answer is missing, late, broken or refused."""

import asyncio
import socket
from datetime import timedelta

import httpx
import pytest

from connector import metrics
from connector.clock import SystemClock
from connector.config.units import Rate
from connector.crm.answers import payload
from connector.crm.budget import Budgets
from connector.crm.oauth import OAuth2
from connector.errors import (
    CrmError,
    CrmInDoubtError,
    CrmUnavailableError,
)
from tests.unit.crm_server import Exchange, Script, ask, connect, run, serve, status


async def close(exchange: Exchange) -> None:
    await exchange.close()


async def reset(exchange: Exchange) -> None:
    await exchange.reset()


async def half_answer(exchange: Exchange) -> None:
    await exchange.answer(body=b'{"id":', length=100)
    await exchange.close()


async def hang(_exchange: Exchange) -> None:
    await asyncio.Event().wait()


async def drip(exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        exchange.writer.write(b" ")
        await exchange.writer.drain()
        await asyncio.sleep(0.02)


async def not_http(exchange: Exchange) -> None:
    exchange.writer.write(b"220 mail.example.com ESMTP\r\n")
    await exchange.writer.drain()


@pytest.mark.parametrize("script", [close, reset, half_answer, hang, drip, not_http])
def test_a_write_that_left_and_was_not_answered_is_in_doubt(script: Script) -> None:
    answer, healths = run(lambda: ask(script, deadline=0.3, json={"a": 1}))
    assert isinstance(answer, CrmInDoubtError)
    assert healths == [False]
    answer, healths = run(lambda: ask(script, deadline=0.3, method="GET"))
    assert isinstance(answer, CrmUnavailableError)
    assert (answer.started, healths) == (True, [False])


def test_a_refusal_counts_even_if_its_body_breaks_off() -> None:
    async def broken_refusal(exchange: Exchange) -> None:
        await exchange.answer("422 No", b'{"mess', length=100)
        await exchange.close()

    answer, healths = run(lambda: ask(broken_refusal))
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, payload(answer), healths) == (422, None, [True])


def test_a_request_that_never_left_says_so() -> None:
    async def refused() -> tuple[CrmUnavailableError, list[bool | None]]:
        healths: list[bool | None] = []
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            async with connect(url, healths=healths) as crm:
                with pytest.raises(CrmUnavailableError) as caught:
                    await crm.request("POST", "/things", call="things", json={})
                return caught.value, healths

    error, healths = run(refused)
    assert (error.started, healths) == (False, [False])


def test_a_deadline_that_passes_while_connecting_means_that_nothing_left() -> None:
    async def stuck() -> CrmUnavailableError:
        with socket.socket() as full:  # its one place in the queue is taken: nobody accepts
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            place, port = [], full.getsockname()[1]
            for _ in range(8):
                waiting = socket.socket()
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
                place.append(waiting)
            try:
                async with connect(f"http://127.0.0.1:{port}", deadline=0.3) as crm:
                    with pytest.raises(CrmUnavailableError) as caught:
                        await crm.request("POST", "/things", call="things", json={})
                    return caught.value
            finally:
                for waiting in place:
                    waiting.close()

    assert run(stuck).started is False


@pytest.mark.parametrize("trouble", [hang, reset, close])
def test_a_write_that_was_refused_for_its_token_has_not_left_if_no_new_one_comes(
    trouble: Script,
) -> None:
    async def refused() -> CrmUnavailableError:
        tokens = iter([b'{"access_token": "a", "expires_in": 1800}'])

        async def script(exchange: Exchange) -> None:
            if b"/token" not in exchange.head:
                await exchange.answer("401 No")
            elif (token := next(tokens, None)) is not None:
                await exchange.answer(body=token)
            else:
                await trouble(exchange)

        async with serve(script) as server:
            auth = OAuth2(
                token_url=lambda: f"{server.url}/token",
                client_id=lambda: "c",
                client_secret=lambda: "s",
                refresh_token=lambda: "r",
                clock=SystemClock(),
            )
            async with connect(server.url, deadline=0.4, auth=auth) as crm:
                with pytest.raises(CrmUnavailableError) as caught:
                    await crm.request("POST", "/things", call="things", json={})
                assert len(server.seen) == 3
                return caught.value

    assert run(refused).started is False


def test_requests_are_counted_by_call_and_outcome() -> None:
    def count(code: str) -> float:
        labels = {"destination": "unit", "call": "counted", "code": code}
        return metrics.REGISTRY.get_sample_value("connector_crm_requests_total", labels) or 0

    async def several() -> None:
        answers = iter(["200 OK", "404 No", "500 Oops", "429 Slow"])

        async def script(exchange: Exchange) -> None:
            await exchange.answer(next(answers))

        async with serve(script) as server, connect(server.url, deadline=0.5) as crm:
            for _ in range(4):
                try:
                    await crm.request("GET", "/things", call="counted")
                except CrmError:
                    continue
        async with serve(hang) as server, connect(server.url, deadline=0.1) as crm:
            with pytest.raises(CrmUnavailableError):
                await crm.request("GET", "/things", call="counted")

    run(several)
    assert [count(code) for code in ("200", "404", "500", "429", "timeout")] == [1, 1, 1, 1, 1]


def test_errors_hold_neither_address_nor_query_nor_body() -> None:
    async def fail(script: Script) -> str:
        async with serve(script) as server, connect(server.url, deadline=0.2) as crm:
            try:
                await crm.request(
                    "POST",
                    "/things/5531988887777",
                    call="things",
                    json={"name": "Ana"},
                    params={"token": "s3cret"},
                )
            except CrmError as error:
                return f"{error!r} {error} {error.__cause__!r}"
            return ""

    for script in (close, hang, half_answer, status("500 Oops"), status("401 No"), status("302 F")):
        text = run(lambda script=script: fail(script))  # type: ignore[misc]  # mypy: lambda default
        assert text
        for canary in ("5531988887777", "Ana", "s3cret", "127.0.0.1"):
            assert canary not in text


def test_a_cancelled_request_gives_its_budget_back_to_time() -> None:
    async def cancel() -> float | None:
        budgets = Budgets(
            {"burst": Rate(requests=1, per=timedelta(seconds=0.1))}, clock=SystemClock()
        )
        async with serve(hang) as server, connect(server.url, budgets=budgets) as crm:
            task = asyncio.create_task(
                crm.request("POST", "/things", call="things", json={}, draws={"burst": 1})
            )
            await server.arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(budgets.take({"burst": 1}), 2)
            return budgets.left()["burst"].left

    assert run(cancel) == 0
