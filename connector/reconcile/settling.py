"""Waiting for delivery to write what was marked."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from connector.ledger.destinations import load_standing
from connector.ledger.marks import OnItsWay, count_marked
from connector.reconcile.account import Account, Terms
from connector.reconcile.errands import Errand

_GLANCE: Final = 0.2
_HELD_UP: Final = frozenset({"throttled", "broken", "half_open"})


async def wait_until_settled(
    errand: Errand,
    account: Account,
    terms: Terms,
    *,
    stamp: datetime,
    note: Callable[[int], Awaitable[None]] | None = None,
) -> int:
    """Wait until nothing with this stamp is on its way, or comes any further; return what is left.

    An outage of the CRM is waited out. ``note`` is told how much is left, whenever that changes.
    """
    terms.wake_delivery()
    tuning = terms.tuning
    patience = tuning.request_timeout + tuning.send_gate + 4 * terms.company_wait
    waited, last = 0.0, -1
    while True:
        on_its_way, held_up = await errand.ledger.read(
            _look, errand=errand, name=account.name, stamp=stamp
        )
        if not on_its_way.moving or waited > patience:
            return on_its_way.open
        if on_its_way.open != last and note is not None:
            await note(on_its_way.open)
        waited = 0.0 if held_up or on_its_way.open != last else waited + _GLANCE
        last = on_its_way.open
        await errand.pause(_GLANCE)


def _look(
    connection: Connection, *, errand: Errand, name: str, stamp: datetime
) -> tuple[OnItsWay, bool]:
    state = load_standing(connection, name).state(errand.ledger.now(connection))
    return count_marked(connection, name, stamp=stamp), state in _HELD_UP
