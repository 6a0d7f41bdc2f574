"""The server under measurement, a process of its own: our receiver, or a bare one beside it.

Started as ``python -m bench.ingest_server KIND [LEDGER]``. Prints its port, and ends when its
standard input is closed.
"""

import asyncio
import sys
from typing import Any

import uvicorn
import uvloop

from bench.ingest_load import PATH, SECRET
from connector.ledger.engine import open_engine
from connector.ledger.ledger import Ledger
from connector.ledger.space import DiskSpace
from connector.receive.app import ReceiveApp
from connector.receive.group_commit import GroupCommit
from connector.receive.listener import Listener
from connector.receive.signature import judge_signature


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Check the signature of whatever comes, as the receiver does, and store nothing."""
    signature = None
    for name, value in scope["headers"]:
        if name == b"x-hub-signature-256":
            signature = value
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    status = 200 if judge_signature(signature, body, [SECRET]) == "valid" else 403
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})


class _Bare(uvicorn.Server):
    """Says its port once it listens."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        _say(self.servers[0].sockets[0].getsockname()[1])


async def serve_bare(stop: asyncio.Event) -> None:
    """Serve the bare app on a stock uvicorn with the settings that our listener gives it."""
    server = _Bare(
        uvicorn.Config(
            bare,
            port=0,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
    )
    serving = asyncio.create_task(server.serve())
    await stop.wait()
    server.should_exit = True
    await serving


async def serve_receiver(stop: asyncio.Event, url: str) -> None:
    """Serve our receiver, whole."""
    ledger = Ledger(open_engine(url))
    intake = GroupCommit(ledger, on_stored=asyncio.Event().set)
    app = ReceiveApp(
        intake,
        path=PATH,
        app_secrets=[SECRET],
        verify_token=b"a token",
        room=lambda: space.enough,
    )
    space = DiskSpace(url, min_free=1)
    listener = Listener(app, host="127.0.0.1", port=0)
    serving = asyncio.create_task(listener.serve(stop))
    await listener.listening.wait()
    _say(listener.port)
    await serving
    await intake.drain()
    ledger.close()


async def _main(kind: str, url: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    await (serve_bare(stop) if kind == "bare" else serve_receiver(stop, url))


def _say(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
