"""Telling somebody: one POST when an alert begins to fire, one when it is over.

What is owed stands in the ledger until an address has taken it, so each is told at least once,
in order, however long the address is away. A crash between its answer and our note tells one
again; ``X-Connector-Alert`` names the change, the same both times.
"""

import asyncio
import hmac
import json
from hashlib import sha256
from typing import Any, Final

import httpx
import structlog
from sqlalchemy import Connection

from connector.config.models import Config
from connector.ledger.alarms import Alarm, Change, mark_told, owed_alarms
from connector.ledger.keeper import HeldLease
from connector.ledger.leases import Lease, check_lease
from connector.ledger.ledger import Ledger
from connector.runtime.status import alert_json
from connector.runtime.version import VERSION
from connector.waiting import wait_for_any

log = structlog.get_logger()

SIGNATURE: Final = "X-Connector-Signature-256"
_PATIENCE: Final = 10.0
"""Seconds for the address to answer."""
_IDLE: Final = 60.0
"""Seconds after which it is looked anew whether anything is owed."""
_MOST_DOUBLINGS: Final = 16


def alarm_json(alarm: Alarm, change: Change) -> dict[str, Any]:
    """Return the body of an alert's POST."""
    return {"alert": alarm.alert, "state": change} | alert_json(alarm)


def sign(body: bytes, secret: str) -> str:
    """Return the value of the signature's header."""
    return f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}"


class Teller:
    """Posts what is owed to ``[alerts] webhook``, under the lease of the schedule."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self._alerts = config.alerts
        self._tuning = config.tuning
        self._ledger = ledger
        self._failures = 0

    async def run(self, held: HeldLease, *, wake: asyncio.Event, stop: asyncio.Event) -> None:
        """Tell what is owed until ``stop``; ``wake`` says that there is more."""
        if self._alerts.webhook is None:
            await stop.wait()
            return
        async with httpx.AsyncClient(
            trust_env=False,
            timeout=_PATIENCE,
            follow_redirects=False,
            headers={"User-Agent": f"whatsapp-crm-connector/{VERSION}"},
        ) as client:
            while not stop.is_set():
                wake.clear()
                if await self._tell_all(client, held, stop):
                    self._failures = 0
                    await wait_for_any(wake, stop, seconds=_IDLE)
                else:
                    await wait_for_any(stop, seconds=self._backoff())
                    self._failures += 1

    def _backoff(self) -> float:
        doubled: float = self._tuning.backoff_min * 2 ** min(self._failures, _MOST_DOUBLINGS)
        return min(doubled, self._tuning.backoff_max)

    async def _tell_all(
        self, client: httpx.AsyncClient, held: HeldLease, stop: asyncio.Event
    ) -> bool:
        """Tell everything, the oldest first; ``False`` at the first that was not taken."""
        for alarm in await self._ledger.read(owed_alarms):
            for change in alarm.owed:
                if stop.is_set():
                    return True
                if not await self._tell(client, alarm, change):
                    return False
                await self._ledger.write(_mark, held.lease, alarm.id, change)
        return True

    async def _tell(self, client: httpx.AsyncClient, alarm: Alarm, change: Change) -> bool:
        body = json.dumps(alarm_json(alarm, change), ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Connector-Alert": f"{alarm.id}-{change}",
        }
        if self._alerts.secret is not None:
            headers[SIGNATURE] = sign(body, self._alerts.secret.reveal())
        address = self._alerts.webhook.reveal() if self._alerts.webhook else ""
        try:
            async with client.stream("POST", address, content=body, headers=headers) as answer:
                if answer.is_success:  # what it says beside that is not read, however long it is
                    return True
                reason = str(answer.status_code)
        except httpx.HTTPError as error:
            reason = type(error).__name__
        log.warning("alert.untold", alert=alarm.alert, state=change, reason=reason)
        return False


def _mark(connection: Connection, lease: Lease, alarm_id: int, change: Change) -> None:
    check_lease(connection, lease)
    mark_told(connection, alarm_id, change)
