"""The sender: every webhook signed, and sent until it is acknowledged."""

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from connector.sandbox.sender import Sent, send
from connector.sandbox.server import serve
from connector.sandbox.wire import TRANSPORT

Deny = Callable[[int, bytes], int | None]
"""Says which status the post of a number with a body gets; ``None`` ends the connection."""


class Receiver:
    """Takes posts, and answers them as a test decides."""

    def __init__(self, decide: Deny) -> None:
        self.decide = decide
        self.posts: list[tuple[bytes, str, str]] = []
        self.under_way = self.most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        message: Message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        headers = dict(scope["headers"])
        path = scope["path"] + "?" + scope["query_string"].decode()
        self.posts.append((body, headers[b"x-hub-signature-256"].decode(), path))
        status = self.decide(len(self.posts), body)
        self.under_way -= 1
        if status is None:
            scope[TRANSPORT].abort()
            return
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def run(decide: Deny, work: Callable[[str], Awaitable[Sent]]) -> tuple[Receiver, Sent]:
    """Let a sender work against a receiver; returns both."""
    receiver = Receiver(decide)

    async def both() -> Sent:
        async with serve(receiver) as url:
            return await work(f"{url}/hook?a=1")

    return receiver, asyncio.run(both())


BODIES = [f'{{"n":{place}}}'.encode() for place in range(40)]


def test_each_webhook_arrives_once_signed_over_its_bytes() -> None:
    receiver, sent = run(lambda *_: 200, lambda url: send(url, "secret", BODIES))

    assert sorted(body for body, _, _ in receiver.posts) == sorted(BODIES)
    for body, signature, path in receiver.posts:
        digest = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
        assert signature == f"sha256={digest}"
        assert path == "/hook?a=1"
    assert sorted(sent.acknowledged) == list(range(40))
    assert sent.statuses == {200: 40}
    assert (sent.posts, sent.retried, sent.given_up) == (40, 0, [])
    assert len(sent.latencies) == 40


def test_what_is_not_answered_200_is_sent_again() -> None:
    receiver, sent = run(
        lambda number, _: {1: 503, 2: 202, 3: None, 4: 500}.get(number, 200),
        lambda url: send(url, "s", BODIES, concurrency=2),
    )

    assert sorted(sent.acknowledged) == list(range(40))
    assert sent.statuses == {503: 1, 202: 1, 0: 1, 500: 1, 200: 40}
    assert sent.retried == 4
    assert set(Counter(body for body, _, _ in receiver.posts)) == set(BODIES)


def test_patience_has_an_end() -> None:
    def decide(_: int, body: bytes) -> int:
        return 500 if body == BODIES[3] else 200

    _, sent = run(decide, lambda url: send(url, "s", BODIES[:5], patience=0.3))

    assert sent.given_up == [3]
    assert sorted(sent.acknowledged) == [0, 1, 2, 4]


def test_nobody_listening_is_a_failure_that_is_counted() -> None:
    sent = asyncio.run(send("http://127.0.0.1:9/", "s", BODIES[:1], patience=0.1))

    assert sent.given_up == [0]
    assert sent.statuses[0] >= 1


@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_more_are_under_way_than_asked(concurrency: int) -> None:
    receiver, _ = run(lambda *_: 200, lambda url: send(url, "s", BODIES, concurrency=concurrency))

    assert 1 <= receiver.most <= concurrency


def test_one_connection_keeps_the_order() -> None:
    receiver, sent = run(lambda *_: 200, lambda url: send(url, "s", BODIES, concurrency=1))

    assert [body for body, _, _ in receiver.posts] == BODIES
    assert sent.acknowledged == list(range(40))


def test_a_rate_spreads_the_posts() -> None:
    _, sent = run(lambda *_: 200, lambda url: send(url, "s", BODIES, rate=200))

    assert sent.seconds >= 39 / 200


def test_nothing_to_send_is_done_at_once() -> None:
    sent = asyncio.run(send("http://127.0.0.1:9/", "s", []))

    assert sent.posts == 0
