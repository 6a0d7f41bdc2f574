"""Contacts that are not written now: a person has to decide, or decided against it."""

from collections.abc import Mapping

from sqlalchemy import Connection

from connector.deliver.link import Matches
from connector.ledger import deliveries
from connector.ledger.deliveries import Delivery, Parked
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import lock_lanes
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.reviews import open_review


async def set_aside(
    ledger: Ledger,
    destination: str,
    due: Mapping[int, Delivery],
    matches: Matches,
    *,
    held: HeldLease,
) -> None:
    """Park contacts that a person must decide on, and skip those a person decided against.

    ``due`` holds the contacts' own deliveries by contact id.
    """
    if not matches.review and not matches.skip:
        return

    def work(connection: Connection) -> None:
        check_lease(connection, held.lease)
        lock_lanes(connection, {row.lane_id for row in due.values()})
        now = ledger.now(connection)
        for contact_id, ids in matches.review.items():
            open_review(
                connection,
                kind="ambiguous",
                destination=destination,
                contact_id=contact_id,
                candidates=[{"crm_id": crm_id} for crm_id in ids],
                now=now,
            )
        deliveries.settle_parked(
            connection,
            [
                Parked(due[contact_id].id, "ambiguous", f"{len(ids)} records of the CRM match")
                for contact_id, ids in matches.review.items()
            ],
            now=now,
        )
        deliveries.settle_skipped(
            connection, [due[contact_id].id for contact_id in matches.skip], reason="operator"
        )

    await ledger.write(work)
