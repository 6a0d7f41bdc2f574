"""One HTTP client for a CRM account: it signs, paces, limits and classifies.

An adapter sees answers to the question it asked; everything else is a ``CrmError``. The question
behind each class is not whether a request failed but whether the CRM can have applied it, and that
is decided by what left this machine (httpcore's trace) and by the status, not by an exception's
name. No message holds a body, a query, a token or an address.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from time import perf_counter
from typing import Any, Final

import httpx

from connector import metrics
from connector.clock import Clock
from connector.crm.answers import answer, is_html, is_json, read_body, write_json
from connector.crm.attempt import Attempt
from connector.crm.budget import Budgets, Draws
from connector.crm.gate import GateClosedError
from connector.crm.settings import AdapterSettings
from connector.crm.tally import count_call
from connector.crm.transport import CappedTransport, PinnedTransport
from connector.errors import (
    ConfigError,
    CrmAccessError,
    CrmError,
    CrmInDoubtError,
    CrmRejectedError,
    CrmThrottledError,
    CrmUnavailableError,
)

_MOST_BYTES: Final = 32 * 1024 * 1024
_CONNECT_TIMEOUT: Final = 10.0
_CLOCKS_EVERY: Final = 30.0
"""Seconds between two comparisons of our clock with a CRM's."""
_HALF_A_SECOND: Final = 0.5
"""What a date in whole seconds lacks on average."""
_LOCKOUT: Final = timedelta(minutes=10)
"""How long a content network that answers in the CRM's place with an HTML page is left alone."""
_ACCOUNT_MOVES: Final = 477
"""HubSpot's word for an account that is being moved between data centres."""
_THROTTLED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, _ACCOUNT_MOVES})
_REFUSED: Final = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}
)

OnResult = Callable[[bool | None], None]
"""Told of each request: ``True`` the CRM answered as a CRM does, ``False`` it or the way to it is
broken, ``None`` this says nothing of its health (throttled, refused, stopped by our gate)."""
Classify = Callable[[httpx.Response, bool], CrmError | httpx.Response | None]
"""An adapter's own first look at an answer, with whether it was to a write: an error to raise, the
response to return as it is, or ``None`` for the built-in classes."""


class CrmClient:
    """Sends an adapter's requests to one destination."""

    def __init__(
        self,
        *,
        destination: str,
        settings: AdapterSettings,
        budgets: Budgets,
        request_timeout: float,
        clock: Clock,
        auth: httpx.Auth | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        on_result: OnResult | None = None,
    ) -> None:
        self.destination: Final = destination
        self.budgets: Final = budgets
        self.clock: Final = clock
        self.classify: Classify | None = None
        """Set by an adapter whose CRM uses statuses in its own way."""
        self._settings = settings
        self._auth = auth
        self._request_timeout = request_timeout
        self._on_result = on_result
        self._traced = transport is None
        self._clocks_at = 0.0
        self._http = httpx.AsyncClient(
            transport=CappedTransport(
                transport or PinnedTransport(settings.allow_networks), most_bytes=_MOST_BYTES
            ),
            timeout=httpx.Timeout(request_timeout, connect=min(request_timeout, _CONNECT_TIMEOUT)),
            headers={"User-Agent": "whatsapp-crm-connector"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )

    @property
    def scopes(self) -> frozenset[str] | None:
        """What the credentials may do, where the CRM told it with an access token."""
        scopes: frozenset[str] | None = getattr(self._auth, "scopes", None)
        return scopes

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        call: str,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        draws: Draws | None = None,
        writes: bool | None = None,
        gated: bool | None = None,
        wants_json: bool = True,
    ) -> httpx.Response:
        """Send one request, once its ``draws`` fit the budgets, and return the answer if it is one.

        ``call`` names it in metrics, from a closed list such as ``contacts.upsert``. ``writes``
        says whether it can change the CRM (default: unless it is a GET; a search by POST can not),
        ``gated`` whether it has to pass the gate (default: if it writes); a write that may start at
        any time because it only completes another needs no gate. ``content`` is JSON that has been
        written already and goes as it is. ``payload`` has the parsed body of the answer.

        Returned are 2xx, and 4xx that judge the request itself (400, 404, 405, 409, 410, 412, 413,
        414, 415, 422, 423 and the like). Raises

        - ``CrmAccessError``: 401, 402, 403, a redirect;
        - ``CrmThrottledError``: 429, 477, a used-up daily budget;
        - ``CrmUnavailableError``: no byte left (``started`` false), or a read failed or met 5xx;
        - ``CrmInDoubtError``: a write left and its outcome is not known.
        """
        if writes is None:
            writes = method.upper() not in {"GET", "HEAD"}
        attempt = Attempt(
            writes=writes, gated=writes if gated is None else gated, traced=self._traced
        )
        request = self._build(
            method,
            path,
            headers={"Accept": "application/json" if wants_json else "*/*", **(headers or {})},
            json=json,
            content=content,
            params=params,
            data=data,
            files=files,
            extensions={"trace": attempt.trace},
        )
        async with self.budgets.hold(draws or {}):
            with self._count(call) as count:
                response = await self._send(request, attempt, count)
                self._compare_clocks(response)
                self._settings.observe(response, self.budgets)
                return self._judge(response, attempt, wants_json=wants_json)

    def _build(
        self, method: str, path: str, *, json: Any, content: bytes | None, **parts: Any
    ) -> httpx.Request:
        try:
            if json is not None and content is None:
                content = write_json(json)
            if content is not None:
                parts["content"] = content
                parts["headers"].setdefault("Content-Type", "application/json")
            return self._http.build_request(method, self.address + path, **parts)
        except ConfigError as error:
            raise CrmAccessError(str(error), reason="setup", remedy=error.remedy) from None
        except (httpx.InvalidURL, TypeError, ValueError, RecursionError):
            raise CrmRejectedError("the request cannot be written", code="unwritable") from None

    @property
    def address(self) -> str:
        """Where the CRM's API stands now. Raises ``ConfigError``, which does not repeat it."""
        moved: str | None = getattr(self._auth, "base_url", None)
        return moved or self._settings.endpoint

    async def _send(
        self, request: httpx.Request, attempt: Attempt, count: "_Count"
    ) -> httpx.Response:
        """Return the whole answer, within the deadline. A refusal is one without its body, too."""
        response: httpx.Response | None = None
        try:
            async with asyncio.timeout(self._request_timeout):
                response = await self._http.send(request, auth=self._auth, stream=True)
                count.code = str(response.status_code)
                body = await read_body(response, most_bytes=_MOST_BYTES)
        except GateClosedError:
            count.code = "gate"
            raise
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, OSError) as error:
            if response is not None and response.is_client_error:
                return answer(response, b"")
            count.code, failure = attempt.failure(error)
            raise failure from None
        finally:
            if response is not None:
                await response.aclose()
        return answer(response, body)

    def _compare_clocks(self, response: httpx.Response) -> None:
        """Note now and then how far our clock is from the CRM's, which tells whole seconds."""
        if self.clock.boot() < self._clocks_at:
            return
        try:
            theirs = parsedate_to_datetime(response.headers.get("Date", ""))
            skew = (self.clock.now() - theirs).total_seconds() - _HALF_A_SECOND
        except (TypeError, ValueError, OverflowError):
            return
        self._clocks_at = self.clock.boot() + _CLOCKS_EVERY
        metrics.CLOCK_SKEW.labels(self.destination).set(skew)

    def _judge(
        self, response: httpx.Response, attempt: Attempt, *, wants_json: bool
    ) -> httpx.Response:
        """Return the answer if it judges the request, else raise what it means."""
        if self.classify is not None:
            verdict = self.classify(response, attempt.writes)
            if isinstance(verdict, CrmError):
                raise verdict
            if verdict is not None:
                return verdict
        status = response.status_code
        if status in _THROTTLED:
            cooldown = self._settings.cooldown(response)
            raise CrmThrottledError(
                "the CRM says: too many requests", cooldown=cooldown, status=status
            )
        if status in _REFUSED:
            if status == HTTPStatus.FORBIDDEN and is_html(response):
                raise CrmUnavailableError(
                    "the network in front of the CRM shuts us out", status=status, cooldown=_LOCKOUT
                )
            raise self._settings.refusal(response)
        if response.is_redirect or response.is_informational:
            raise CrmAccessError(
                "the CRM redirects, which is not followed",
                reason="setup",
                status=status,
                remedy="write the address that it redirects to into base_url",
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            raise attempt.unknown(f"the CRM answered {status}", status=status)
        if wants_json and response.is_success and response.content and not is_json(response):
            raise attempt.unknown("the CRM's answer is not JSON", status=status)
        return response

    @contextmanager
    def _count(self, call: str) -> Iterator["_Count"]:
        """Count one request, and tell the breaker how it went."""
        count = _Count()
        count_call()
        started = perf_counter()
        try:
            yield count
        except CrmError as error:
            count.healthy = _health(error)
            raise
        else:
            count.healthy = True
        finally:
            seconds = perf_counter() - started
            metrics.CRM_REQUESTS.labels(self.destination, call, count.code).inc()
            metrics.CRM_SECONDS.labels(self.destination, call).observe(seconds)
            if self._on_result is not None:
                self._on_result(count.healthy)


@dataclass(slots=True)
class _Count:
    """How one request went: its status, or a word where there is none."""

    code: str = "cancelled"
    healthy: bool | None = None


def _health(error: CrmError) -> bool | None:
    if isinstance(error, CrmUnavailableError | CrmInDoubtError):
        return None if isinstance(error, GateClosedError) else False
    return None
