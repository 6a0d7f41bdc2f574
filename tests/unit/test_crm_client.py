"""The client's reading of answers: what a CRM can have applied, over real sockets."""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pytest

from connector import metrics
from connector.clock import SystemClock
from connector.config.units import Rate
from connector.crm.answers import payload
from connector.crm.budget import Budgets
from connector.crm.client import CrmClient
from connector.crm.gate import GateClosedError, gate
from connector.crm.oauth import OAuth2
from connector.crm.settings import AdapterSettings
from connector.errors import (
    CrmAccessError,
    CrmError,
    CrmInDoubtError,
    CrmRejectedError,
    CrmThrottledError,
    CrmUnavailableError,
)

T = TypeVar("T")
Script = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request a server got, and the way back."""

    head: bytes
    body: bytes
    writer: asyncio.StreamWriter

    async def answer(
        self, status: str = "200 OK", body: bytes = b"{}", *, headers: str = "", length: int = -1
    ) -> None:
        size = len(body) if length < 0 else length
        head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n"
        if "Content-Type" not in headers:
            head = head.replace("\r\n\r\n", "\r\nContent-Type: application/json\r\n\r\n")
        self.writer.write(head.encode() + body)
        await self.writer.drain()

    async def close(self) -> None:
        self.writer.close()

    async def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


@dataclass
class Server:
    """Reads requests off real sockets and does with each what its script says."""

    script: Script
    seen: list[Exchange] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.append(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                body = await reader.readexactly(size)
                exchange = Exchange(head, body, writer)
                self.seen.append(exchange)
                self.arrived.set()
                await self.script(exchange)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)


@asynccontextmanager
async def serve(script: Script) -> AsyncIterator[Server]:
    server = Server(script)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in server.tasks:
            task.cancel()
        await asyncio.gather(*server.tasks)
        await asyncio.sleep(0)


def run(test: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return asyncio.run(test())


@asynccontextmanager
async def connect(
    url: str,
    *,
    deadline: float = 5,
    healths: list[bool | None] | None = None,
    settings: AdapterSettings | None = None,
    budgets: Budgets | None = None,
    auth: httpx.Auth | None = None,
) -> AsyncIterator[CrmClient]:
    client = CrmClient(
        destination="unit",
        settings=settings or AdapterSettings(adapter="unit", base_url=url),
        budgets=budgets
        or Budgets({"burst": Rate(requests=100, per=timedelta(seconds=1))}, clock=SystemClock()),
        request_timeout=deadline,
        clock=SystemClock(),
        auth=auth,
        on_result=None if healths is None else healths.append,
    )
    try:
        yield client
    finally:
        await client.aclose()


async def ask(
    script: Script,
    *,
    method: str = "POST",
    deadline: float = 5,
    **options: Any,
) -> tuple[httpx.Response | CrmError, list[bool | None]]:
    """Send one request to a server with this script; return what came of it, and of the breaker."""
    healths: list[bool | None] = []
    async with (
        serve(script) as server,
        connect(server.url, deadline=deadline, healths=healths) as crm,
    ):
        try:
            return await crm.request(method, "/things", call="things", **options), healths
        except CrmError as error:
            return error, healths


def status(line: str, body: bytes = b"{}", headers: str = "") -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(line, body, headers=headers)

    return script


@pytest.mark.parametrize(
    "line",
    [
        "200 OK",
        "201 Created",
        "207 Multi-Status",
        "400 Bad Request",
        "404 Not Found",
        "405 Method Not Allowed",
        "409 Conflict",
        "410 Gone",
        "412 Precondition Failed",
        "413 Too Large",
        "414 Too Long",
        "415 Unsupported",
        "422 Unprocessable",
        "423 Locked",
    ],
)
def test_answers_to_the_question_reach_the_adapter(line: str) -> None:
    answer, healths = run(lambda: ask(status(line, b'{"id": 7}')))
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, payload(answer)) == (int(line[:3]), {"id": 7})
    assert healths == [True]


@pytest.mark.parametrize(
    "line", ["500 Oops", "502 Bad", "503 Away", "504 Slow", "521 Down", "408 T"]
)
def test_a_server_error_leaves_a_write_in_doubt_and_a_read_unanswered(line: str) -> None:
    answer, healths = run(lambda: ask(status(line)))
    assert isinstance(answer, CrmInDoubtError)
    assert (answer.status, healths) == (int(line[:3]), [False])
    answer, healths = run(lambda: ask(status(line), method="GET"))
    assert isinstance(answer, CrmUnavailableError)
    assert (answer.status, answer.started, healths) == (int(line[:3]), True, [False])
    answer, _ = run(lambda: ask(status(line), writes=False))
    assert isinstance(answer, CrmUnavailableError)


@pytest.mark.parametrize("line", ["429 Too Many", "477 Moving"])
def test_too_many_requests_says_how_long_to_wait(line: str) -> None:
    answer, healths = run(lambda: ask(status(line, headers="Retry-After: 7\r\n")))
    assert isinstance(answer, CrmThrottledError)
    assert (answer.cooldown, answer.status) == (timedelta(seconds=7), int(line[:3]))
    assert healths == [None]


@pytest.mark.parametrize(
    ("line", "reason"), [("401 No", "auth"), ("403 No", "auth"), ("402 Pay", "quota")]
)
def test_a_refused_account_pauses(line: str, reason: str) -> None:
    answer, healths = run(lambda: ask(status(line)))
    assert isinstance(answer, CrmAccessError)
    assert (answer.reason, answer.status, healths) == (reason, int(line[:3]), [None])


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_a_wrong_base_url_and_is_not_followed(method: str) -> None:
    script = status("302 Found", headers="Location: http://127.0.0.1:1/elsewhere\r\n")
    answer, _ = run(lambda: ask(script, method=method))
    assert isinstance(answer, CrmAccessError)
    assert answer.reason == "setup"
    assert answer.remedy is not None
    assert "base_url" in answer.remedy


def test_a_page_instead_of_the_crm_keeps_us_away_for_ten_minutes() -> None:
    script = status("403 Forbidden", b"<!DOCTYPE html><p>no", "Content-Type: text/html\r\n")
    answer, healths = run(lambda: ask(script))
    assert isinstance(answer, CrmUnavailableError)
    assert (answer.cooldown, healths) == (timedelta(minutes=10), [False])


def test_a_write_answered_with_something_else_than_json_is_in_doubt() -> None:
    script = status("200 OK", b"<html>welcome</html>", "Content-Type: text/html\r\n")
    answer, _ = run(lambda: ask(script))
    assert isinstance(answer, CrmInDoubtError)
    answer, _ = run(lambda: ask(script, method="GET"))
    assert isinstance(answer, CrmUnavailableError)
    answer, _ = run(lambda: ask(script, wants_json=False))
    assert isinstance(answer, httpx.Response)
    assert answer.content == b"<html>welcome</html>"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"'])
def test_an_empty_answer_and_any_json_are_answers(body: bytes) -> None:
    answer, _ = run(lambda: ask(status("200 OK", body)))
    assert isinstance(answer, httpx.Response)
    assert payload(answer) == (json.loads(body) if body else None)


def test_a_deeply_nested_answer_is_no_json_and_no_crash() -> None:
    answer, _ = run(lambda: ask(status("200 OK", b"[" * 200_000)))
    assert isinstance(answer, CrmInDoubtError)


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


def test_an_answer_beyond_the_cap_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.crm.client._MOST_BYTES", 10_000)
    answer, _ = run(lambda: ask(status("200 OK", b" " * 10_001)))
    assert isinstance(answer, CrmInDoubtError)
    bomb = gzip.compress(b" " * 5_000_000)
    assert len(bomb) < 10_000
    answer, _ = run(lambda: ask(status("200 OK", bomb, "Content-Encoding: gzip\r\n"), method="GET"))
    assert isinstance(answer, CrmUnavailableError)


def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(b'{"id": 7}')
    answer, _ = run(lambda: ask(status("200 OK", body, "Content-Encoding: gzip\r\n")))
    assert isinstance(answer, httpx.Response)
    assert payload(answer) == {"id": 7}
    assert answer.text == '{"id": 7}'


def test_bodies_go_out_as_json_in_utf_8() -> None:
    async def echo() -> Exchange:
        async with serve(status("200 OK")) as server, connect(server.url) as crm:
            await crm.request(
                "POST",
                "/things",
                call="things",
                json={"n": "Olá 🎉\n", "x": "\ud800"},
                params={"a": "b c"},
            )
            return server.seen[0]

    seen = run(echo)
    assert json.loads(seen.body) == {"n": "Olá 🎉\n", "x": "?"}
    assert b"POST /things?a=b+c HTTP/1.1" in seen.head or b"POST /things?a=b%20c" in seen.head
    assert b"content-type: application/json" in seen.head.lower()
    assert b"accept: application/json" in seen.head.lower()


@pytest.mark.parametrize("body", [float("nan"), datetime.now(UTC), {1, 2}])
def test_what_json_cannot_say_is_refused_before_anything_is_sent(body: Any) -> None:
    answer, healths = run(lambda: ask(status("200 OK"), json={"x": body}))
    assert isinstance(answer, CrmRejectedError)
    assert healths == []


def test_cookies_are_not_kept() -> None:
    async def twice() -> list[Exchange]:
        script = status("200 OK", headers="Set-Cookie: session=abc\r\n")
        async with serve(script) as server, connect(server.url) as crm:
            await crm.request("GET", "/things", call="things")
            await crm.request("GET", "/things", call="things")
            return server.seen

    assert all(b"cookie" not in exchange.head.lower() for exchange in run(twice))


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


def test_an_adapter_may_read_statuses_in_its_own_way() -> None:
    def classify(
        response: httpx.Response,
        writes: bool,  # noqa: FBT001 - the hook's form
    ) -> CrmError | httpx.Response | None:
        if response.status_code == 503 and writes:
            return CrmThrottledError("own", cooldown=timedelta(seconds=1))
        return response

    async def own() -> list[object]:
        script = status("503 Busy", b'{"error":"QUERY_LIMIT"}')
        async with serve(script) as server, connect(server.url) as crm:
            crm.classify = classify
            with pytest.raises(CrmThrottledError, match="own"):
                await crm.request("POST", "/things", call="things", json={})
            return [(await crm.request("GET", "/things", call="things")).status_code]

    assert run(own) == [503]


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


def test_idle_connections_are_reused_and_soon_dropped() -> None:
    async def several() -> int:
        async with serve(status("200 OK")) as server, connect(server.url) as crm:
            for _ in range(5):
                await crm.request("POST", "/things", call="things", json={})
            return server.connections

    assert run(several) == 1


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
