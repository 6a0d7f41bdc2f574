"""The load: signed text messages over keep-alive connections, each waiting for its 200.

Started as ``python -m bench.ingest_load PORT CONNECTIONS REQUESTS SERIES``; everything is made and
signed before the first byte is sent. Prints how long it took and how many were not answered 200.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import Final

import uvloop

from connector.receive.signature import sign

PATH: Final = "/webhooks/whatsapp"
SECRET: Final = b"the secret of the benchmark"


def make_body(series: str, number: int) -> bytes:
    """Return a text message as WhatsApp sends it; no two are alike."""
    phone = f"55119{87650000 + number % 1000}"
    value = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": "551150550000",
            "phone_number_id": "106540352242922",
        },
        "contacts": [{"profile": {"name": "Mariana Figueiredo"}, "wa_id": phone}],
        "messages": [
            {
                "from": phone,
                "id": f"wamid.HBgNNTUxMTk4NzY1NDMyMRUCABIYFjNFQjBCQ0ZFOTk{series}{number:08d}",
                "timestamp": str(1_764_000_000 + number // 100),
                "text": {"body": f"Olá, bom dia! O pedido {number} já saiu para entrega?"},
                "type": "text",
            }
        ],
    }
    entry = {"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def make_request(body: bytes) -> bytes:
    """Return the request that carries a body, signed."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: connector.example.com\r\nUser-Agent: facebookexternalua\r\n"
        f"Accept: */*\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    return head.encode() + b"X-Hub-Signature-256: " + sign(body, SECRET) + b"\r\n\r\n" + body


class _Sender(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last has come."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._done = done
        self._answer = b""
        self.refused = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as every protocol does
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._answer.endswith(b"\r\n\r\n"):
            self.refused += not self._answer.startswith(b"HTTP/1.1 200 ")
            self._answer = b""
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._done.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


async def _send_all(port: int, connections: int, requests: list[bytes]) -> None:
    loop = asyncio.get_running_loop()
    waiting = iter(requests)
    senders: list[_Sender] = []
    done: list[asyncio.Future[None]] = []
    started = time.perf_counter()
    for _ in range(connections):
        done.append(loop.create_future())
        senders.append(_Sender(waiting, done[-1]))
        await loop.create_connection(lambda: senders[-1], "127.0.0.1", port)
    await asyncio.gather(*done)
    seconds = time.perf_counter() - started
    refused = sum(sender.refused for sender in senders)
    sys.stdout.write(json.dumps({"seconds": seconds, "refused": refused}) + "\n")


if __name__ == "__main__":
    _port, _connections, _count = map(int, sys.argv[1:4])
    _made = [make_request(make_body(sys.argv[4], number)) for number in range(_count)]
    uvloop.run(_send_all(_port, _connections, _made))
