"""The public listener by what is sent to it: every answer it has, and what each leaves behind."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from connector import metrics
from connector.ledger.ledger import Ledger
from connector.ledger.schema import webhook
from tests.flow.receiver import (
    OLD_SECRET,
    PATH,
    SECRET,
    Receiver,
    locked,
    receiver,
    signature,
    text_message,
    until,
)

pytestmark = pytest.mark.anyio


async def test_a_signed_event_is_stored_as_it_came(ledger: Ledger) -> None:
    body = text_message()
    async with receiver(ledger) as at:
        answer = await at.post(body)

        assert (answer.status_code, answer.content) == (200, b"")
        assert at.stored == [1]

    def bodies(connection: Connection) -> list[bytes]:
        return [bytes(each) for each in connection.execute(select(webhook.c.body)).scalars()]

    assert ledger.query(bodies) == [body]


async def test_an_event_signed_with_the_secret_before_this_one_is_stored(
    sqlite_ledger: Ledger,
) -> None:
    body = text_message()
    async with receiver(sqlite_ledger) as at:
        answer = await at.post(body, x_hub_signature_256=signature(body, OLD_SECRET))

        assert answer.status_code == 200
        assert at.rows() == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"null",
        b"[]",
        b"42",
        b"\x00\xff\xfe",
        b'{"text":"\\ud800 \\u0000"}',
        b'{"entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id":' + b"9" * 5000 + b"}",
        json.dumps({"entry": [{"changes": [{"value": {"messages": [{}] * 1000}}]}]}).encode(),
    ],
    ids=range(10),
)
async def test_a_signed_body_of_any_shape_is_kept(sqlite_ledger: Ledger, body: bytes) -> None:
    async with receiver(sqlite_ledger) as at:
        assert (await at.post(body)).status_code == 200
        assert at.rows() == 1


async def test_an_event_without_signature_is_unauthorised(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger) as at:
        answer = await at.client.post(PATH, content=text_message())

        assert (answer.status_code, answer.content) == (401, b"")
        assert at.rows() == 0


def _forged() -> list[str]:
    body = text_message()
    right = signature(body)
    rewritten = json.dumps(json.loads(body), ensure_ascii=False).encode()
    return [
        signature(body, b"another secret"),
        signature(rewritten),
        right.upper(),
        right[:-1],
        right + "0",
        right.removeprefix("sha256="),
        "sha256=",
        "",
        "sha1=" + hmac.new(SECRET, body, hashlib.sha1).hexdigest(),
    ]


@pytest.mark.parametrize("forged", _forged())
async def test_an_event_with_a_wrong_signature_is_forbidden(
    sqlite_ledger: Ledger, forged: str
) -> None:
    async with receiver(sqlite_ledger) as at:
        answer = await at.post(text_message(), x_hub_signature_256=forged)

        assert (answer.status_code, answer.content) == (403, b"")
        assert at.rows() == 0


async def test_an_event_with_two_signatures_is_forbidden(sqlite_ledger: Ledger) -> None:
    body = text_message()
    headers = [("x-hub-signature-256", signature(body))] * 2
    async with receiver(sqlite_ledger) as at:
        answer = await at.client.post(PATH, content=body, headers=headers)

        assert answer.status_code == 403
        assert at.rows() == 0


async def test_ten_thousand_forged_events_leave_nothing(ledger: Ledger) -> None:
    body = text_message()
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    requests = [
        f"{head}x-hub-signature-256: {forged}\r\n\r\n".encode("latin-1") + body
        for forged in _forged()
    ]

    async def forge(at: Receiver, count: int) -> set[int]:
        async with at.line() as line:
            statuses = set()
            for number in range(count):
                line.send(requests[number % len(requests)])
                statuses.add(int((await line.reader.readuntil(b"\r\n\r\n"))[9:12]))
            return statuses

    async with receiver(ledger) as at:
        statuses = await asyncio.gather(*(forge(at, 625) for _ in range(16)))

        assert set.union(*statuses) == {403}
        assert at.stored == []
        assert at.rows() == 0


async def test_the_same_event_twenty_times_from_eight_senders_is_stored_once(
    ledger: Ledger,
) -> None:
    body = text_message()

    async def send(at: Receiver) -> list[int]:
        return [(await at.post(body)).status_code for _ in range(20)]

    async with receiver(ledger) as at:
        answers = await asyncio.gather(*(send(at) for _ in range(8)))

        assert answers == [[200] * 20] * 8
        assert at.rows() == 1
        assert len(at.stored) == 1


async def test_many_events_at_once_are_all_stored(ledger: Ledger) -> None:
    async with receiver(ledger) as at:
        answers = await asyncio.gather(*(at.post(text_message(n)) for n in range(300)))

        assert {answer.status_code for answer in answers} == {200}
        assert at.rows() == 300


async def test_a_body_that_says_it_is_too_large_is_refused_unread(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, max_body_bytes=1000) as at, at.line() as line:
        line.send(
            f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n"
            f"x-hub-signature-256: sha256={'0' * 64}\r\n\r\n".encode()
        )

        assert (await line.answer()).status == 413
        assert at.rows() == 0


async def test_a_body_that_turns_out_too_large_is_refused_while_it_comes(
    sqlite_ledger: Ledger,
) -> None:
    async def pieces() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    headers = {"x-hub-signature-256": signature(b"x" * 100_000)}
    async with receiver(sqlite_ledger, max_body_bytes=20_000) as at:
        answer = await at.client.post(PATH, content=pieces(), headers=headers)

        assert answer.status_code == 413
        assert at.app.held_bytes == 0
        assert at.rows() == 0
        assert (await at.post(text_message())).status_code == 200


async def test_a_body_of_the_largest_size_is_stored(ledger: Ledger) -> None:
    body = b"x" * (4 * 1024 * 1024)
    async with receiver(ledger) as at:
        assert (await at.post(body)).status_code == 200
        assert (await at.post(body + b"x")).status_code == 413
        assert at.rows() == 1


async def test_bodies_that_together_are_too_large_are_put_off(sqlite_ledger: Ledger) -> None:
    body = b"x" * 60_000
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        f"x-hub-signature-256: {signature(body)}\r\n\r\n"
    ).encode()
    async with receiver(sqlite_ledger, max_held_bytes=100_000) as at:
        async with at.line() as first, at.line() as second:
            first.send(head + body[:-1])
            await until(lambda: at.app.held_bytes == len(body) - 1)
            second.send(head + body)

            refused = await second.answer()
            first.send(body[-1:])
            taken = await first.answer()

        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert taken.status == 200
        assert at.rows() == 1


@pytest.mark.parametrize("encoding", ["gzip", "identity", "br", ""])
async def test_an_encoded_body_is_refused(sqlite_ledger: Ledger, encoding: str) -> None:
    async with receiver(sqlite_ledger) as at:
        answer = await at.post(text_message(), content_encoding=encoding)

        assert (answer.status_code, answer.content) == (415, b"")
        assert at.rows() == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/"),
        ("POST", PATH + "/"),
        ("POST", PATH.upper()),
        ("POST", "/replies/hubspot"),
        ("GET", "/metrics"),
        ("GET", "/readyz"),
        ("PUT", PATH),
        ("HEAD", PATH),
        ("OPTIONS", PATH),
    ],
)
async def test_anything_else_is_not_found_without_a_body(
    sqlite_ledger: Ledger, method: str, path: str
) -> None:
    body = text_message()
    async with receiver(sqlite_ledger) as at:
        answer = await at.client.request(
            method, path, content=body, headers={"x-hub-signature-256": signature(body)}
        )

        assert (answer.status_code, answer.content) == (404, b"")
        assert at.rows() == 0


async def test_an_event_is_answered_only_after_its_commit(ledger: Ledger) -> None:
    async with receiver(ledger) as at:
        with locked(ledger):
            posting = asyncio.create_task(at.post(text_message()))
            await asyncio.wait([posting], timeout=0.3)
            assert not posting.done()
            assert at.stored == []

        assert (await posting).status_code == 200
        assert at.stored == [1]
        assert at.rows() == 1


async def test_an_event_whose_transaction_fails_is_put_off(ledger: Ledger) -> None:
    def rename(connection: Connection, old: str, new: str) -> None:
        connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    async with receiver(ledger) as at:
        ledger.transact(rename, "webhook", "elsewhere")
        try:
            refused = await asyncio.gather(*(at.post(text_message(n)) for n in range(20)))
        finally:
            ledger.transact(rename, "elsewhere", "webhook")

        assert {answer.status_code for answer in refused} == {503}
        assert {answer.headers["retry-after"] for answer in refused} == {"5"}
        assert at.rows() == 0
        assert (await at.post(text_message())).status_code == 200
        assert at.rows() == 1


async def test_an_event_that_can_not_be_stored_in_time_is_put_off(ledger: Ledger) -> None:
    async with receiver(ledger, patience=0.3) as at:
        with locked(ledger):
            answers = await asyncio.gather(*(at.post(text_message(n)) for n in range(5)))

        assert {answer.status_code for answer in answers} == {503}
        assert {answer.headers["retry-after"] for answer in answers} == {"5"}
        assert (await at.post(text_message(9))).status_code == 200


async def test_events_are_put_off_while_the_queue_is_full(ledger: Ledger) -> None:
    async with receiver(ledger, capacity=2) as at:
        with locked(ledger):
            first = asyncio.create_task(at.post(text_message(0)))
            await until(lambda: at.intake.committing)
            queued = [asyncio.create_task(at.post(text_message(n))) for n in (1, 2)]
            await until(lambda: at.intake.full)
            assert at.intake.fullness == 1

            refused = await at.post(text_message(3))

        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert [answer.status_code for answer in await asyncio.gather(first, *queued)] == [200] * 3
        assert at.rows() == 3


async def test_events_are_put_off_while_the_disk_has_no_room(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, room=lambda: False) as at:
        answer = await at.post(text_message())

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert at.rows() == 0


async def test_events_are_put_off_while_the_process_is_going(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger) as at:
        at.app.draining = True
        answer = await at.post(text_message())

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["connection"] == "close"
        assert at.rows() == 0


async def test_a_stored_event_is_counted_with_its_size_and_duration(
    sqlite_ledger: Ledger,
) -> None:
    body = text_message()
    names: tuple[tuple[str, dict[str, str]], ...] = (
        ("connector_webhook_requests_total", {"code": "200"}),
        ("connector_webhook_body_bytes_count", {}),
        ("connector_webhook_body_bytes_sum", {}),
        ("connector_webhook_body_bytes_bucket", {"le": "1000.0"}),
        ("connector_webhook_duration_seconds_count", {}),
        ("connector_intake_commit_size_count", {}),
    )

    def sample() -> list[float]:
        return [metrics.REGISTRY.get_sample_value(*name) or 0 for name in names]

    async with receiver(sqlite_ledger) as at:
        before = sample()
        await at.post(body)

        grown = [after - earlier for after, earlier in zip(sample(), before, strict=True)]
        assert grown == [1, 1, len(body), 1, 1, 1]
