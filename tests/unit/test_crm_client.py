"""The client's reading of answers, over real sockets."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connector.crm.answers import payload
from connector.errors import (
    CrmAccessError,
    CrmError,
    CrmInDoubtError,
    CrmRejectedError,
    CrmThrottledError,
    CrmUnavailableError,
)
from tests.unit.crm_server import Exchange, ask, connect, run, serve, status


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


def test_idle_connections_are_reused_and_soon_dropped() -> None:
    async def several() -> int:
        async with serve(status("200 OK")) as server, connect(server.url) as crm:
            for _ in range(5):
                await crm.request("POST", "/things", call="things", json={})
            return server.connections

    assert run(several) == 1
