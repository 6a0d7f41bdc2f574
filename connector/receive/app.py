"""What the public listener answers: to the handshake, and to events, which are stored first.

Everything is decided here by content, by synchronous calls; bytes, connections and time limits are
``connector.receive.connection``'s. It is not an ASGI app: the task, the event and the scope that
one needs for each request cost more CPU than storing it (``bench/ingest.py`` measures that).
"""

import re
from collections.abc import Callable, Sequence
from hmac import compare_digest
from time import perf_counter
from typing import Final
from urllib.parse import parse_qs

from connector import metrics
from connector.errors import ConnectorError
from connector.failpoints import failpoint
from connector.receive import answers
from connector.receive.answers import Answer
from connector.receive.group_commit import GroupCommit
from connector.receive.signature import judge_signature

Headers = Sequence[tuple[bytes, bytes]]
Reply = Callable[[Answer], None]

HEADERS: Final = (b"x-hub-signature-256", b"content-length", b"content-encoding")
"""The headers that matter."""
_SIGNATURE, _LENGTH, _ENCODING = HEADERS
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")


class ReceiveApp:
    """Answers Meta. While ``draining`` is set, new events are sent away with 503."""

    def __init__(
        self,
        intake: GroupCommit,
        *,
        path: str,
        app_secrets: Sequence[bytes],
        verify_token: bytes,
        max_body_bytes: int = 4 * 1024 * 1024,
        max_held_bytes: int = 64 * 1024 * 1024,
        room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take events at ``path``, signed with any of ``app_secrets``.

        ``max_held_bytes`` bounds the bodies that all requests together hold in memory; ``room``
        says whether the ledger's disk has room for more.
        """
        self.draining = False
        self.intake = intake
        self.app_secrets = tuple(app_secrets)
        self.max_body_bytes = max_body_bytes
        self.max_held_bytes = max_held_bytes
        self.held_bytes = 0
        self._path = path.encode("ascii")
        self._verify_token = verify_token
        self._room = room
        self._handshakes = _Allowance(burst=20, per_second=2)

    def begin(self, method: bytes, target: bytes, headers: Headers) -> "Answer | Event":
        """Take a request by its head: answer it at once, or let its body come.

        Header names are in lower case; others than ``HEADERS`` need not be given. Anything that
        is not asked at our path, such as ``/replies``, which is reserved, is 404.
        """
        path, _, query = target.partition(b"?")
        if path != self._path:
            return answers.NOT_FOUND
        if method == b"POST":
            return self._admit(headers)
        if method == b"GET":
            return self._shake_hands(query)
        return answers.NOT_FOUND

    def _admit(self, headers: Headers) -> "Answer | Event":
        signature: bytes | None = None
        length = 0
        for name, value in headers:
            if name == _SIGNATURE:
                signature = value if signature is None else b"given twice"
            elif name == _LENGTH:
                length = int(value)
            elif name == _ENCODING:
                return answers.ENCODED
        if signature is None:
            return answers.UNSIGNED
        if length > self.max_body_bytes:
            return answers.TOO_LARGE
        if self.draining or self.intake.full:
            return answers.BUSY
        if not self._room():
            return answers.LEDGER_FAILS
        return Event(self, signature)

    def _shake_hands(self, query: bytes) -> Answer:
        """Give back the challenge to whoever knows the verify token."""
        if not self._handshakes.take():
            return answers.TOO_MANY_HANDSHAKES
        try:
            given = parse_qs(query.decode("ascii"), max_num_fields=16)
        except ValueError:
            given = {}
        token, challenge, mode = (
            given.get(f"hub.{name}", [""])[0] for name in ("verify_token", "challenge", "mode")
        )
        knows = compare_digest(token.encode("utf-8", "surrogateescape"), self._verify_token)
        if not knows or mode != "subscribe":
            return answers.WRONG_TOKEN
        if _CHALLENGE.fullmatch(challenge) is None:
            return answers.NOT_UNDERSTOOD
        return answers.answer_challenge(challenge)


class Event:
    """An event whose body is coming. Ends with ``finish``, or with ``drop``."""

    __slots__ = ("_app", "_begun_at", "_body", "_reply", "_signature", "_size")

    def __init__(self, app: ReceiveApp, signature: bytes) -> None:
        self._app = app
        self._signature = signature
        self._body: bytes | bytearray = b""
        self._size = 0
        self._begun_at = perf_counter()

    def add(self, piece: bytes) -> Answer | None:
        """Take a piece of the body; answers where it grows larger than it may."""
        app = self._app
        if not self._size:
            self._body = piece
        else:
            # One buffer that grows. A list of pieces, joined at the end, would leave the heap full
            # of holes: with many large bodies at once it took twice the memory of what was held.
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece
        self._size += len(piece)
        app.held_bytes += len(piece)
        if self._size > app.max_body_bytes:
            return answers.TOO_LARGE
        if app.held_bytes > app.max_held_bytes:
            return answers.BUSY
        return None

    def finish(self, reply: Reply) -> None:
        """Store the body, then ``reply``: at once where it is refused, else after the commit."""
        app = self._app
        body = bytes(self._body)
        self._body = b""
        self._reply = reply
        failpoint("receive.before_signature")
        if judge_signature(self._signature, body, app.app_secrets) != "valid":
            self._end(answers.WRONGLY_SIGNED)
            return
        failpoint("receive.after_signature")
        if not app.intake.offer(body, self._stored):
            self._end(answers.BUSY)

    def drop(self) -> None:
        """Forget the body."""
        self._app.held_bytes -= self._size
        self._size = 0
        self._body = b""

    def _stored(self, error: ConnectorError | None) -> None:
        failpoint("receive.before_reply")
        metrics.WEBHOOK_BYTES.observe(self._size)
        self._end(answers.STORED if error is None else answers.LEDGER_FAILS)

    def _end(self, answer: Answer) -> None:
        self.drop()
        self._reply(answer)
        metrics.WEBHOOK_SECONDS.observe(perf_counter() - self._begun_at)


class _Allowance:
    """A budget that refills: ``burst`` at once, ``per_second`` in the long run."""

    def __init__(self, *, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at = perf_counter()

    def take(self) -> bool:
        now = perf_counter()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
