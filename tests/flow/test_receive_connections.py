"""The public listener by how it is spoken to: slow, silent, malformed, and when it ends."""

import asyncio
from collections.abc import Callable

import pytest

from connector import metrics
from connector.errors import ConnectorError
from connector.ledger.ledger import Ledger
from connector.receive.connection import Limits
from connector.receive.listener import Listener
from tests.flow.receiver import PATH, Receiver, locked, receiver, signature, text_message, until

pytestmark = pytest.mark.anyio
QUICK = Limits(receipt=1.0, body=0.5, idle=0.6, drain=5.0)
PATIENT = Limits(receipt=60, body=60, idle=60)
BODY = text_message()


def _request(body: bytes = BODY, *, extra: str = "", version: str = "1.1") -> bytes:
    head = (
        f"POST {PATH} HTTP/{version}\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        f"x-hub-signature-256: {signature(body)}\r\n{extra}\r\n"
    )
    return head.encode() + body


def _count(status: str, reason: str) -> tuple[float, float]:
    requests = metrics.REGISTRY.get_sample_value(
        "connector_webhook_requests_total", {"code": status}
    )
    rejected = metrics.REGISTRY.get_sample_value(
        "connector_webhook_rejected_total", {"reason": reason}
    )
    return requests or 0, rejected or 0


async def test_headers_that_never_end_are_cut_off(sqlite_ledger: Ledger) -> None:
    before = _count("408", "slow")
    async with receiver(sqlite_ledger, limits=QUICK) as at, at.line() as line:
        started = asyncio.get_running_loop().time()

        async def trickle() -> None:
            for byte in b"POST /webhooks/whatsapp HTTP/1.1\r\nx: " + b"y" * 1000:
                line.send(bytes([byte]))
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        answer = await line.answer()
        assert await line.closed() == b""
        trickling.cancel()

        assert answer.status == 408
        assert 1.0 <= asyncio.get_running_loop().time() - started < 3
        assert _count("408", "slow") == (before[0] + 1, before[1] + 1)


async def test_a_body_that_trickles_is_cut_off(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, limits=QUICK) as at, at.line() as line:
        started = asyncio.get_running_loop().time()

        async def trickle() -> None:
            line.send(_request()[: -len(BODY)])
            for byte in BODY[:-1]:
                line.send(bytes([byte]))
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        answer = await line.answer()
        assert await line.closed() == b""
        trickling.cancel()

        assert answer.status == 408
        assert 0.5 <= asyncio.get_running_loop().time() - started < 3
        assert at.app.held_bytes == 0
        assert at.rows() == 0


async def test_a_body_that_never_begins_is_cut_off(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, limits=QUICK) as at, at.line() as line:
        line.send(_request()[: -len(BODY)])

        assert (await line.answer()).status == 408
        assert await line.closed() == b""


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n", _request()])
async def test_a_connection_that_has_no_request_is_closed(
    sqlite_ledger: Ledger, sent: bytes
) -> None:
    async with receiver(sqlite_ledger, limits=QUICK) as at, at.line() as line:
        line.send(sent)
        rest = await line.closed()

        assert rest.count(b"HTTP/1.1 200 OK") == (1 if sent.startswith(b"POST") else 0)


async def test_a_connection_is_kept_for_the_next_event(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        for number in range(5):
            line.send(_request(text_message(number)))
            answer = await line.answer()
            assert answer.status == 200
            assert "connection" not in answer.headers
            assert answer.headers["date"].endswith(" GMT")

        assert at.rows() == 5


async def test_an_event_in_the_smallest_pieces_is_stored(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        for byte in _request():
            line.send(bytes([byte]))
            await asyncio.sleep(0)

        assert (await line.answer()).status == 200
        assert at.rows() == 1


async def test_a_chunked_event_is_stored(sqlite_ledger: Ledger) -> None:
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
        f"x-hub-signature-256: {signature(BODY)}\r\n\r\n"
    ).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, BODY[at : at + 1]) for at in range(len(BODY)))
    async with receiver(sqlite_ledger) as at, at.line() as line:
        line.send(head + chunks + b"0\r\n\r\n")

        assert (await line.answer()).status == 200
        assert at.rows() == 1


@pytest.mark.parametrize(
    "request_",
    [_request(extra="connection: close\r\n"), _request(version="1.0")],
    ids=["close", "1.0"],
)
async def test_a_connection_is_closed_where_the_client_wants_it(
    sqlite_ledger: Ledger, request_: bytes
) -> None:
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        line.send(request_)
        answer = await line.answer()

        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await line.closed() == b""
        assert at.rows() == 1


async def test_a_client_that_asks_first_is_told_to_go_on(sqlite_ledger: Ledger) -> None:
    head, _, body = _request(extra="expect: 100-continue\r\n").partition(b"\r\n\r\n")
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        line.send(head + b"\r\n\r\n")
        assert (await line.answer()).status == 100
        line.send(body)

        assert (await line.answer()).status == 200


async def test_a_client_that_asks_first_is_told_no(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        line.send(
            f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n"
            "expect: 100-continue\r\n\r\n".encode()
        )

        assert (await line.answer()).status == 401


async def test_the_rest_of_a_refused_body_is_thrown_away(sqlite_ledger: Ledger) -> None:
    body = b"x" * 500_000
    unsigned = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        line.send(unsigned + body)
        assert (await line.answer()).status == 401
        line.send(_request())

        assert (await line.answer()).status == 200
        assert at.app.held_bytes == 0


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /webhooks/whatsapp HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST /webhooks/whatsapp HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /webhooks/whatsapp HTTP/1.1\r\ncontent-length: " + b"9" * 30 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
        _request(extra="connection: upgrade\r\nupgrade: h2c\r\n"),
    ],
    ids=range(10),
)
async def test_what_is_not_plain_http_is_a_bad_request(
    sqlite_ledger: Ledger, nonsense: bytes
) -> None:
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        line.send(nonsense)
        answer = await line.answer()

        assert (answer.status, answer.body) == (400, b"")
        assert await line.closed() == b""


async def test_headers_without_end_are_refused(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        line.send(b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 70_000)

        assert (await line.answer()).status == 431
        assert await line.closed() == b""


async def test_requests_sent_ahead_are_left_to_be_sent_again(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        line.send(_request(text_message(1)) + _request(text_message(2)))
        answer = await line.answer()

        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await line.closed() == b""
        assert at.rows() == 1


async def test_nonsense_behind_an_event_does_not_hurt_it(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger, limits=PATIENT) as at, at.line() as line:
        line.send(_request() + b"\x00\x00nonsense\r\n\r\n")

        assert (await line.answer()).status == 200
        assert await line.closed() == b""
        assert at.rows() == 1


async def test_a_client_that_goes_in_the_middle_of_a_body_leaves_nothing(
    sqlite_ledger: Ledger,
) -> None:
    async with receiver(sqlite_ledger, limits=PATIENT) as at:
        async with at.line() as line:
            line.send(_request()[:-1])
            await until(lambda: at.app.held_bytes > 0)

        await until(lambda: at.app.held_bytes == 0)
        assert at.rows() == 0


async def test_an_event_is_stored_though_its_client_has_gone(ledger: Ledger) -> None:
    async with receiver(ledger, limits=PATIENT) as at:
        with locked(ledger):
            async with at.line() as line:
                line.send(_request())
                await until(lambda: at.intake.committing)

        await at.intake.drain()
        assert at.rows() == 1


async def test_more_connections_than_allowed_are_sent_away(sqlite_ledger: Ledger) -> None:
    async with (
        receiver(sqlite_ledger, limits=Limits(connections=2)) as at,
        at.line() as first,
        at.line() as second,
    ):
        for line in (first, second):
            line.send(_request())
            assert (await line.answer()).status == 200
        async with at.line() as third:
            answer = await third.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            assert await third.closed() == b""
        second.send(_request())
        assert (await second.answer()).status == 200


async def test_slow_connections_hold_up_nobody_else(sqlite_ledger: Ledger) -> None:
    count = 1000
    async with receiver(sqlite_ledger, limits=PATIENT) as at:
        slow = [await asyncio.open_connection("127.0.0.1", at.listener.port) for _ in range(count)]
        for _, writer in slow:
            writer.write(_request()[:-1])
        await until(lambda: at.app.held_bytes == count * (len(BODY) - 1))

        async with asyncio.timeout(5):
            answers = [await at.post(text_message(number)) for number in range(20)]

        assert {answer.status_code for answer in answers} == {200}
        for _, writer in slow:
            writer.close()
        await until(lambda: at.app.held_bytes == 0)


async def test_a_listener_that_ends_lets_events_under_way_be_stored(ledger: Ledger) -> None:
    async with receiver(ledger, limits=PATIENT) as at, at.line() as line, at.line() as silent:
        with locked(ledger):
            line.send(_request())
            await until(lambda: at.intake.committing)
            at.stop.set()
            await until(lambda: at.app.draining)
            assert await silent.closed() == b""

        answer = await line.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert at.rows() == 1


async def test_a_listener_that_ends_does_not_wait_for_ever(sqlite_ledger: Ledger) -> None:
    limits = Limits(receipt=60, body=60, idle=60, drain=0.2)
    async with receiver(sqlite_ledger, limits=limits) as at, at.line() as line:
        line.send(_request()[:-1])
        await until(lambda: at.app.held_bytes > 0)
        at.stop.set()

        assert await line.closed() == b""
        await until(lambda: at.app.held_bytes == 0)


async def test_a_port_that_is_taken_is_an_error_with_a_remedy(sqlite_ledger: Ledger) -> None:
    async with receiver(sqlite_ledger) as at:
        second = Listener(at.app, host="127.0.0.1", port=at.listener.port)

        with pytest.raises(ConnectorError, match=f"port {at.listener.port}") as caught:
            await second.serve(asyncio.Event())

        assert caught.value.remedy is not None


async def _unsigned(at: Receiver) -> int:
    return (await at.client.post(PATH, content=BODY)).status_code


async def _forged(at: Receiver) -> int:
    return (await at.post(BODY, x_hub_signature_256=signature(BODY, b"other"))).status_code


async def _encoded(at: Receiver) -> int:
    return (await at.post(BODY, content_encoding="gzip")).status_code


async def _token(at: Receiver) -> int:
    return (await at.client.get(PATH)).status_code


@pytest.mark.parametrize(
    ("send", "reason"),
    [(_unsigned, "signature"), (_forged, "signature"), (_encoded, "encoding"), (_token, "token")],
)
async def test_refusals_are_counted_by_status_and_reason(
    sqlite_ledger: Ledger, send: Callable[[Receiver], object], reason: str
) -> None:
    async with receiver(sqlite_ledger) as at:
        status = str(await send(at))  # type: ignore[misc]  # each is a coroutine function
        before = _count(status, reason)
        await send(at)  # type: ignore[misc]  # likewise

        assert _count(status, reason) == (before[0] + 1, before[1] + 1)
