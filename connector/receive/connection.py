"""One connection of the public listener: HTTP/1.1 by httptools, and every limit in time and size.

Written for this one use, because it has to end what is silent or slow, and because a general server
costs more CPU a webhook than storing it does. Requests that a client sends before it has the
answer to its last (pipelining, which nobody who posts webhooks does) are not taken: the connection
is closed after that answer.
"""

import asyncio
from dataclasses import dataclass
from logging import getLogger
from typing import Final, cast

import httptools

from connector.receive import answers
from connector.receive.answers import Answer
from connector.receive.app import HEADERS, Event, ReceiveApp

_log: Final = getLogger(__name__)
_KEEP: Final = b"\r\n"
_CLOSE: Final = b"connection: close\r\n\r\n"
_EXPECT: Final = b"expect"
_LENGTHS: Final = frozenset(map(len, (*HEADERS, _EXPECT)))
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may take, and all together. Times are in seconds."""

    receipt: float = 10.0
    """From a request's first byte to its last."""
    body: float = 3.0
    """From the end of a request's headers to its last byte."""
    idle: float = 15.0
    """Of a connection that has no request."""
    drain: float = 10.0
    """For the requests under way when the listener stops."""
    head_bytes: int = 64 * 1024
    connections: int = 2048
    backlog: int = 2048


class Floor:
    """What the connections of a listener have in common."""

    def __init__(self, app: ReceiveApp, limits: Limits) -> None:
        self.app = app
        self.limits = limits
        self.connections: set[Connection] = set()
        self.date = b""
        """The ``Date`` header's line; the listener renews it."""
        self.empty = asyncio.Event()
        """Set while there is no connection."""
        self.empty.set()


class Connection(asyncio.Protocol):
    """Reads requests one after the other and writes their answers."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._idle_since = self._loop.time()
        self._begun_at: float | None = None
        self._headed_at: float | None = None
        self._head_bytes = 0
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._event: Event | None = None
        self._waiting = False
        """Whether a request is received whole and not answered yet."""
        self._keep_alive = True
        self._deaf = False
        """Whether nothing more is read: the connection is about to be closed."""

    # The transport calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        floor = self._floor
        if len(floor.connections) >= floor.limits.connections:
            self._end_with(answers.BUSY)
            return
        floor.connections.add(self)
        floor.empty.clear()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._deaf:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._close_when_answered()
        except httptools.HttpParserCallbackError:
            _log.exception("a request could not be answered")
            self._end_with(answers.BROKEN)
        except httptools.HttpParserError:
            self._refuse_the_rest()
        if self._begun_at is not None and self._headed_at is None:
            self._head_bytes += len(data)
            if self._head_bytes > self._floor.limits.head_bytes:
                self._end_with(answers.HEAD_TOO_LARGE)

    def pause_writing(self) -> None:
        """Read nothing from a client that does not read its answers."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget what was not received whole; what was is stored all the same."""
        self._transport = None
        self._deaf = True
        self._drop_event()
        self._floor.connections.discard(self)
        if not self._floor.connections:
            self._floor.empty.set()

    # The parser calls these.

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._waiting or self._deaf:
            self._close_when_answered()
            return
        self._begun_at = self._loop.time()
        self._headed_at = None
        self._head_bytes = 0
        self._target = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        """Take (a part of) the request's target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, if it may be one that matters: most are told by their length alone."""
        if len(name) in _LENGTHS:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Answer at once, or wait for the body."""
        if self._deaf:
            return
        self._headed_at = self._loop.time()
        parser = self._parser
        if parser.should_upgrade():  # the parser would take the body for another protocol
            self._end_with(answers.NOT_UNDERSTOOD)
            return
        self._keep_alive = parser.should_keep_alive()
        outcome = self._floor.app.begin(parser.get_method(), self._target, self._headers)
        if isinstance(outcome, Answer):
            self._answer(outcome)
            return
        self._event = outcome
        if (_EXPECT, b"100-continue") in self._headers and self._transport is not None:
            self._transport.write(_CONTINUE)

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body; one that belongs to an answered request is thrown away."""
        if self._event is None:
            return
        refusal = self._event.add(piece)
        if refusal is not None:
            self._drop_event()
            self._answer(refusal)

    def on_message_complete(self) -> None:
        """Let the event be stored."""
        if self._deaf:
            return
        self._begun_at = None
        event = self._event
        if event is not None:
            self._event = None
            self._waiting = True
            event.finish(self._answer)

    # The listener calls these.

    def end_overdue(self, now: float) -> None:
        """Close the connection if it has taken longer than it may."""
        limits = self._floor.limits
        if self._waiting or self._deaf:
            return
        if self._begun_at is None:
            if now - self._idle_since > limits.idle:
                self._close()
        elif now - self._begun_at > limits.receipt or (
            self._headed_at is not None and now - self._headed_at > limits.body
        ):
            answered = self._headed_at is not None and self._event is None
            self._close() if answered else self._end_with(answers.TOO_SLOW)

    def drain(self) -> None:
        """Close the connection, after the request that is under way."""
        if self._begun_at is None and not self._waiting:
            self._close()
        else:
            self._keep_alive = False

    def abort(self) -> None:
        """Close the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, answer: Answer) -> None:
        self._waiting = False
        self._idle_since = self._loop.time()
        answer.count.inc()
        if answer.refusal is not None:
            answer.refusal.inc()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        floor = self._floor
        keep = self._keep_alive and not floor.app.draining
        transport.write(answer.head + floor.date + (_KEEP if keep else _CLOSE) + answer.body)
        if not keep:
            self._close()

    def _end_with(self, answer: Answer) -> None:
        if not self._deaf:
            self._keep_alive = False
            self._answer(answer)
        self._close()

    def _refuse_the_rest(self) -> None:
        """Answer what is no HTTP, unless an earlier request is waiting for its answer."""
        if self._waiting:
            self._close_when_answered()
        else:
            self._end_with(answers.NOT_UNDERSTOOD)

    def _close_when_answered(self) -> None:
        self._keep_alive = False
        if self._waiting:
            self._deaf = True
        else:
            self._close()

    def _close(self) -> None:
        self._deaf = True
        self._drop_event()
        if self._transport is not None:
            self._transport.close()

    def _drop_event(self) -> None:
        if self._event is not None:
            self._event.drop()
            self._event = None
