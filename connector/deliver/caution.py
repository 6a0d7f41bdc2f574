"""After a death: rows are marked before they are rendered, in ever smaller company.

A row that is being sent counts a death of its own, written down by ``begin``. One that kills the
process earlier, while it is rendered, would not: every process would take it up, and die. So a
holder that comes after one that did not give its lease back marks what it renders, for as long as
that takes, until it has seen all that was due. That costs some writes for each flush, after a death
only.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from connector.deliver.claim import Claim
from connector.deliver.plan import LanePlan, smallest_company
from connector.ledger.deliveries import Delivery
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import lock_lanes
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.suspicion import mark, unmark


class Caution:
    """What a holder does more carefully than it would otherwise."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._on = False
        self._in_turn = False
        """Whether it is the suspects' turn: others may come without end."""

    def begin(self) -> None:
        """Be careful: somebody died."""
        self._on = True

    def end(self) -> None:
        """Be careful no more: all that was due was taken up, and nobody died of it."""
        self._on = False

    def take_up(self, claim: Claim) -> None:
        """Leave in a claim what may go together; it is ``full`` where something was left out."""
        if not self._on:
            return
        chosen = choose_company(claim.plans, suspects=self._in_turn)
        left_out = {plan.lane_id for plan in claim.plans} - {plan.lane_id for plan in chosen}
        self._in_turn = bool(left_out) and not self._in_turn
        claim.full = claim.full or bool(left_out)
        claim.plans = chosen
        claim.lanes = [lane for lane in claim.lanes if lane.id not in left_out]

    async def mark(self, rows: Collection[Delivery], held: HeldLease) -> list[Delivery]:
        """Count a death of rows that are about to be rendered; return which."""
        if not (self._on and rows):
            return []

        def work(connection: Connection) -> set[int]:
            check_lease(connection, held.lease)
            lock_lanes(connection, {row.lane_id for row in rows})
            return mark(connection, [row.id for row in rows])

        marked = await self._ledger.write(work)
        return [row for row in rows if row.id in marked]

    async def unmark(self, rows: Collection[Delivery], held: HeldLease) -> None:
        """Take it back: they are rendered, and nobody died."""
        if not rows:
            return

        def work(connection: Connection) -> None:
            check_lease(connection, held.lease)
            lock_lanes(connection, {row.lane_id for row in rows})
            unmark(connection, [row.id for row in rows])

        await self._ledger.write(work)


def choose_company(plans: Sequence[LanePlan], *, suspects: bool = False) -> list[LanePlan]:
    """Return the lanes that may go together: those nobody suspects; else the largest company.

    ``suspects``: those nobody suspects had their turn.
    A suspected lane goes with no more of its rows than that, the contact before its messages.
    """
    sizes = {plan.lane_id: smallest_company(_rows(plan)) for plan in plans}
    free = [plan for plan in plans if not sizes[plan.lane_id]]
    if free and not (suspects and len(free) < len(plans)):
        return free
    if not plans:
        return []
    largest = max(sizes.values())
    chosen = [plan for plan in plans if sizes[plan.lane_id] == largest][:largest]
    for plan in chosen:
        if plan.contact is not None and plan.contact.crm_id is None and largest == 1:
            plan.messages = []
        plan.messages = plan.messages[:largest]
    return chosen


def _rows(plan: LanePlan) -> list[Delivery]:
    return ([plan.contact] if plan.contact is not None else []) + plan.messages
