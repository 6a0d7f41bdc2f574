"""Runs an application on loopback: beside a test in one process, or as a process of its own."""

import asyncio
import json
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connector.sandbox.wire import TRANSPORT

HOST: Final = "127.0.0.1"


class Connection(HttpToolsProtocol):
    """A connection that tells the application of its transport."""

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self.scope[TRANSPORT] = self.transport  # type: ignore[typeddict-unknown-key]  # ours


class Server(uvicorn.Server):
    """Says when it listens, drops its connections when it ends, leaves signals alone."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=2,
            )
        )
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen and drop every connection: a held one would never end by itself."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Change nothing: the program around it decides."""
        yield


def listen(port: int) -> socket.socket:
    """Return a listening socket on loopback; port 0 takes a free one.

    Its protocol is named because asyncio turns Nagle's delay off only where it is: without it each
    answer may wait 40 ms for an acknowledgement.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(1024)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the base URL of a listening socket."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


@asynccontextmanager
async def serve(app: ASGIApp, *, port: int = 0) -> AsyncIterator[str]:
    """Serve an application in this event loop for the time of the block; gives its base URL."""
    listener = listen(port)
    server = Server(app)
    task = asyncio.create_task(server.serve([listener]))
    ready = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            raise RuntimeError("the server ended before it listened")
        yield url_of(listener)
    finally:
        ready.cancel()
        server.should_exit = True
        await task


@contextmanager
def serve_in_thread(app: ASGIApp, *, port: int = 0) -> Iterator[str]:
    """Serve an application in a thread for the time of the block, for callers without a loop."""
    listener = listen(port)
    started: threading.Event = threading.Event()
    stop: list[asyncio.Event] = []
    loop_of: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        ending = asyncio.Event()
        server = Server(app)
        task = asyncio.create_task(server.serve([listener]))
        await server.listening.wait()
        stop.append(ending)
        loop_of.append(asyncio.get_running_loop())
        started.set()
        await ending.wait()
        server.should_exit = True
        await task

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    if not started.wait(10):
        raise RuntimeError("the server did not start within 10 seconds")
    try:
        yield url_of(listener)
    finally:
        loop_of[0].call_soon_threadsafe(stop[0].set)
        thread.join(10)


def run_process(app: ASGIApp, port: int) -> None:
    """Serve until SIGTERM or SIGINT; says where in one JSON line on stdout once it listens."""
    listener = listen(port)

    async def run() -> None:
        server = Server(app)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, setattr, server, "should_exit", True)
        task = asyncio.create_task(server.serve([listener]))
        await server.listening.wait()
        sys.stdout.write(json.dumps({"url": url_of(listener)}) + "\n")
        sys.stdout.flush()
        await task

    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        runner.run(run())


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - it does not exist everywhere
    except ImportError:
        return None
    return uvloop.new_event_loop
