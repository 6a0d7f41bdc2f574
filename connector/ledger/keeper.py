"""Holding a lease from async code: claimed, renewed by a sibling task, given back at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.errors import LeaseLostError, LedgerError
from connector.failpoints import failpoint
from connector.ledger.leases import Lease, claim_lease, lease_end, release_lease, renew_lease
from connector.ledger.ledger import Ledger
from connector.waiting import wait_for_any

log = structlog.get_logger()

_POLL = 1.0
"""Seconds between two looks at a lease that somebody else holds: it may be given back early."""
_SLACK = 0.01
"""Seconds after the end of a lease at which it is surely over."""
_TRUST = 0.7
"""A holder trusts its lease for this part of its life, counted from before the claim."""


class HeldLease:
    """A lease that this process holds, and until when it may act on it."""

    def __init__(self, ledger: Ledger, lease: Lease, *, life: float, since: float) -> None:
        self.lease = lease
        self._ledger = ledger
        self._life = life
        self._trusted_until = since + life * _TRUST

    async def renew(self) -> None:
        """Prolong the lease. Raises ``LeaseLostError`` if it is somebody else's by now."""
        since = self._ledger.clock.boot()
        failpoint("lease.before_renewal")
        await self._ledger.write(_renew, self._ledger, self.lease, timedelta(seconds=self._life))
        self._trusted_until = since + self._life * _TRUST

    async def ensure(self, seconds: float) -> None:
        """Make sure that the lease can be trusted for so long, renewing it if need be."""
        if self._trusted_until - self._ledger.clock.boot() < seconds:
            await self.renew()

    @property
    def trusted_until(self) -> float:
        """The moment, on the boot clock, until which this holder may act."""
        return self._trusted_until


async def hold(
    ledger: Ledger,
    name: str,
    *,
    owner: str,
    life: float,
    stop: asyncio.Event,
    body: Callable[[HeldLease], Awaitable[None]],
) -> None:
    """Carry out ``body`` whenever this process holds the lease ``name``, until ``stop``.

    ``body`` ends by itself at ``stop``; if the lease is lost it is cancelled, and what it was
    doing is left to the fence and to the next holder.
    """
    while not stop.is_set():
        since = ledger.clock.boot()
        try:
            lease: Lease | float = await ledger.write(
                _claim, ledger, name, owner=owner, life=timedelta(seconds=life)
            )
        except LedgerError as error:
            log.warning("lease.unclaimed", lease=name, error=str(error))
            lease = _POLL
        if not isinstance(lease, Lease):
            await wait_for_any(stop, seconds=min(_POLL, lease))
            continue
        held = HeldLease(ledger, lease, life=life, since=since)
        log.info("lease.claimed", lease=name, epoch=lease.epoch)
        failpoint("lease.claimed")
        try:
            await _carry_out(held, body, every=life / 3)
        except LeaseLostError:
            metrics.LEASE_LOST.inc()
            log.warning("lease.lost", lease=name, epoch=lease.epoch)
        except LedgerError as error:
            log.error("role.failed", lease=name, error=str(error), remedy=error.remedy)
            await wait_for_any(stop, seconds=1.0)
        await _give_back(ledger, lease)


async def _carry_out(
    held: HeldLease, body: Callable[[HeldLease], Awaitable[None]], *, every: float
) -> None:
    async def keep() -> None:
        while True:
            await asyncio.sleep(every)
            await held.renew()

    keeping = asyncio.create_task(keep())
    working = asyncio.ensure_future(body(held))
    try:
        await asyncio.wait({keeping, working}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            keeping.result()
        await working
    finally:
        working.cancel()
        keeping.cancel()
        await asyncio.gather(keeping, working, return_exceptions=True)


async def _give_back(ledger: Ledger, lease: Lease) -> None:
    failpoint("lease.before_release")
    try:
        await ledger.write(release_lease, lease)
    except LedgerError as error:
        log.warning("lease.not_released", lease=lease.name, error=str(error))


def _claim(
    connection: Connection, ledger: Ledger, name: str, *, owner: str, life: timedelta
) -> Lease | float:
    """Claim a lease, or return the seconds until it runs out."""
    now = ledger.now(connection)
    claimed = claim_lease(connection, name, owner=owner, now=now, life=life)
    if claimed is not None:
        return claimed
    ends_at = lease_end(connection, name)
    return 0.0 if ends_at is None else max(0.0, (ends_at - now).total_seconds()) + _SLACK


def _renew(connection: Connection, ledger: Ledger, lease: Lease, life: timedelta) -> None:
    renew_lease(connection, lease, now=ledger.now(connection), life=life)
