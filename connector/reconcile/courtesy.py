"""When a sweep may ask the CRM something: only in what live traffic leaves over.

Live messages go first: a sweep waits while some of them are overdue, and never takes a budget below
half, so that the other half is always free for them. That a CRM asks for fewer calls holds for
deliveries as well, so it is written down where they heed it. That it will not show something does
not: a sweep then fails alone.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import Connection

from connector.crm.tally import tally_calls
from connector.errors import CrmAccessError, CrmThrottledError, CrmUnavailableError
from connector.ledger import destinations
from connector.ledger.destinations import Standing
from connector.ledger.lanes import is_live_work_overdue
from connector.ledger.leases import check_lease
from connector.reconcile.account import Account, Terms
from connector.reconcile.errands import Errand

T = TypeVar("T")

FREE_SHARE: Final = 0.5
"""The part of every budget that is left to deliveries."""
_TRIES: Final = 5
_GLANCE: Final = 0.2
_OVERDUE: Final = 5.0
"""Seconds beyond the wait for company after which live work counts as waiting."""


class Courtesy:
    """Asks one CRM on behalf of one run, and counts how often."""

    def __init__(self, errand: Errand, account: Account, terms: Terms) -> None:
        self._errand = errand
        self._account = account
        self._terms = terms
        self._calls = 0

    def take_calls(self) -> int:
        """Return how many requests were made since this was asked last."""
        calls, self._calls = self._calls, 0
        return calls

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do ``work`` once the CRM has time for it, and again where it was away for a moment.

        Raises ``CrmError`` where the CRM does not serve us, or stays away.
        """
        for tries in range(_TRIES):
            await self.wait_for_time()
            try:
                with tally_calls() as tally:
                    try:
                        return await work()
                    finally:
                        self._calls += tally.calls
            except CrmThrottledError as error:
                await self._throttle(error)
            except CrmUnavailableError:
                if tries == _TRIES - 1:
                    raise
                await self._errand.pause(self._terms.tuning.backoff_min * 2**tries)
        raise CrmUnavailableError("the CRM asked for fewer calls, time and again")

    async def wait_for_time(self) -> None:
        """Wait until the destination is open, no live work is overdue, and half a budget is free.

        Raises ``CrmAccessError`` where the destination is paused and stays so for a probe's time.
        """
        errand, ledger = self._errand, self._errand.ledger
        paused_for = 0.0
        while True:
            standing, overdue, now = await ledger.read(self._look)
            if standing.paused_reason is not None:
                if paused_for > self._terms.tuning.probe:
                    raise _paused(standing)
                paused_for += _GLANCE
            elif not (
                overdue
                or (standing.blocked_until is not None and standing.blocked_until > now)
                or self._account.client.budgets.scarcity() > FREE_SHARE
            ):
                return
            await errand.pause(_GLANCE)

    def _look(self, connection: Connection) -> tuple[Standing, bool, datetime]:
        now = self._errand.ledger.now(connection)
        patience = timedelta(seconds=_OVERDUE + 4 * self._terms.company_wait)
        name = self._account.name
        standing = destinations.load_standing(connection, name)
        return standing, is_live_work_overdue(connection, name, since=now - patience), now

    async def _throttle(self, error: CrmThrottledError) -> None:
        """Keep away for as long as the CRM says; a day's allowance of our own gates nobody else."""
        if error.status is None:
            await self._errand.pause(min(error.cooldown.total_seconds(), 60.0))
            return

        def block(connection: Connection) -> None:
            check_lease(connection, self._errand.held.lease)
            until = self._errand.ledger.now(connection) + error.cooldown
            destinations.block(connection, self._account.name, until=until, reason="throttled")

        await self._errand.ledger.write(block)


def _paused(standing: Standing) -> CrmAccessError:
    detail = f": {standing.paused_detail}" if standing.paused_detail else ""
    return CrmAccessError(
        f"the destination is paused ({standing.paused_reason}){detail}",
        reason=standing.paused_reason or "operator",
        remedy=f"connector check {standing.name}",
    )
