"""One try at a request: what of it left this machine, and what its failure means."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

from connector.crm.gate import require_open_gate
from connector.crm.transport import ResponseTooLargeError
from connector.errors import CrmError, CrmInDoubtError, CrmUnavailableError
from connector.failpoints import failpoint

_NEVER_LEFT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
_FAILPOINTS: Final[Mapping[str, str]] = {
    "http11.send_request_headers.started": "send.before_write",
    "http11.send_request_headers.complete": "send.after_headers",
    "http11.send_request_body.complete": "send.after_body",
    "http11.receive_response_headers.complete": "answer.after_status",
    "http11.receive_response_body.complete": "answer.after_body",
}


class Attempt:
    """Watches one request through httpcore's trace and passes it through the gate.

    ``traced`` is false for a transport that tells nothing (httpx's mock): there, what is not surely
    unsent counts as sent.
    """

    def __init__(self, *, writes: bool, gated: bool, traced: bool) -> None:
        self.writes: Final = writes
        self._gated = gated
        self._left = not traced

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of one of httpcore's events. Raises ``GateClosedError`` at the first byte."""
        if self.writes and event in _FAILPOINTS:
            failpoint(_FAILPOINTS[event])
        if event == "http11.send_request_headers.started":
            if self._gated:
                require_open_gate()
            self._left = True
        elif event == "http11.receive_response_headers.complete":
            _version, status, *_rest = info["return_value"]
            if status == HTTPStatus.UNAUTHORIZED:
                self._left = False  # refused, so not applied; it may go again with a new token

    def failure(self, error: Exception) -> tuple[str, CrmError]:
        """Return a word for a transport's failure, and what it means for the CRM."""
        word, text = _describe(error)
        if isinstance(error, _NEVER_LEFT) or not self._left:
            return word, CrmUnavailableError(f"{text}, before anything was sent", started=False)
        return word, self.unknown(text)

    def unknown(self, text: str, *, status: int | None = None) -> CrmError:
        """Return the error for a request that left and was not answered as it should."""
        if self.writes:
            return CrmInDoubtError(text, status=status)
        return CrmUnavailableError(text, status=status)


def _describe(error: Exception) -> tuple[str, str]:
    match error:
        case httpx.PoolTimeout():
            return "connect", "no connection became free"
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return "connect", "the CRM cannot be reached"
        case TimeoutError() | httpx.TimeoutException():
            return "timeout", "the CRM did not answer in time"
        case ResponseTooLargeError():
            return "too_large", "the CRM's answer is larger than any should be"
        case httpx.DecodingError():
            return "garbled", "the CRM's answer cannot be decoded"
        case _:
            return "reset", "the connection to the CRM broke"
