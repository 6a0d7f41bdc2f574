"""Whether a destination may be worked for: its standing, a cheap question, and its schema."""

from sqlalchemy import Connection

from connector.config.models import TuningSettings
from connector.deliver.destination import Destination
from connector.deliver.standing import Gatekeeper
from connector.errors import CrmError, PauseReason
from connector.ledger import deliveries, destinations
from connector.ledger.destinations import Standing
from connector.ledger.keeper import HeldLease
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger

POLL = 1.0
"""Seconds after which work put down by another process is noticed."""
_SCHEMA_AGE = 300.0
"""Seconds between two looks at the CRM's schema while something about it is wrong."""


class Probe:
    """Asks one CRM how it is, and what fields it has, when there is reason to."""

    def __init__(self, ledger: Ledger, destination: Destination, tuning: TuningSettings) -> None:
        self._ledger = ledger
        self._destination = destination
        self._tuning = tuning
        self._schema_read_at = float("-inf")
        self._probed_at = float("-inf")
        self._suspected: dict[str, float] = {}

    async def admit(self, standing: Standing, gatekeeper: Gatekeeper) -> float | None:
        """Return ``None`` if the destination may be worked for, else the seconds to wait."""
        now = await self._ledger.read(self._ledger.now)
        if standing.blocked_until is not None and standing.blocked_until > now:
            return min(POLL, (standing.blocked_until - now).total_seconds())
        if standing.paused_reason == "operator":
            return POLL
        if standing.paused_reason is not None and not self._is_probe_due():
            return POLL
        try:
            return POLL if await self._ask(standing, gatekeeper) else None
        except CrmError as error:
            stopped = await gatekeeper.note_failure(error)
            return POLL if stopped else self._tuning.backoff_min

    async def _ask(self, standing: Standing, gatekeeper: Gatekeeper) -> list[str]:
        """Ask a paused or broken CRM one cheap question, and read its schema where that is due.

        Returns the required fields that the CRM lacks; the destination is paused for them.
        """
        broken = standing.blocked_reason == "broken" and standing.outages > 0
        if standing.paused_reason is not None or broken:
            self._schema_read_at = float("-inf")
            await self._destination.adapter.account()
        missing = await self._learn_schema(gatekeeper) if self._is_schema_due() else []
        if not missing and standing.paused_reason is not None:
            await gatekeeper.resume()
        elif not missing and broken:
            await self._ledger.write(
                destinations.unblock, self._destination.name, outages=standing.outages
            )
        return missing

    def _is_probe_due(self) -> bool:
        now = self._ledger.clock.boot()
        if now - self._probed_at < self._tuning.probe:
            return False
        self._probed_at = now
        return True

    def _is_schema_due(self) -> bool:
        age = self._ledger.clock.boot() - self._schema_read_at
        return (
            not self._destination.ready
            or age == float("inf")
            or (bool(self._destination.degraded) and age > _SCHEMA_AGE)
        )

    async def _learn_schema(self, gatekeeper: Gatekeeper) -> list[str]:
        self._schema_read_at = self._ledger.clock.boot()
        missing = await self._destination.learn_schema()
        name = self._destination.name
        await self._ledger.write(destinations.degrade, name, sorted(self._destination.degraded))
        if missing:
            keys = any(path.endswith(".key") for path in missing)
            reason: PauseReason = "setup" if keys else "schema"
            await gatekeeper.pause(reason, f"the CRM lacks {', '.join(missing)}")
        return missing

    async def heed_suspects(
        self, suspects: dict[int, str], gatekeeper: Gatekeeper, held: HeldLease
    ) -> None:
        """Look at the schema again if the CRM refused records for a field that may be gone.

        If it is, those records go again without it, or wait for a required one, instead of
        thousands of dead letters.
        """
        now = self._ledger.clock.boot()
        fresh = {
            fieldname
            for fieldname in suspects.values()
            if now - self._suspected.get(fieldname, float("-inf")) > _SCHEMA_AGE
        }
        if not fresh:
            return
        self._suspected |= dict.fromkeys(fresh, now)
        try:
            before = self._destination.degraded
            missing = await self._learn_schema(gatekeeper)
        except CrmError as error:
            await gatekeeper.note_failure(error)
            return
        gone = {path.rpartition(".")[2] for path in self._destination.degraded - before}
        gone |= {path.rpartition(".")[2] for path in missing}
        again = [row_id for row_id, fieldname in suspects.items() if fieldname in gone]

        def work(connection: Connection) -> None:
            check_lease(connection, held.lease)
            deliveries.settle_pending(connection, again, counts=False)

        await self._ledger.write(work)
