"""A conversation that outgrows one CRM record goes on in another, which is wanted here.

The recorder knows a conversation by one key and puts one row on its lane. Where the messages are
more than a record holds, each further part has a row of its own, put there when the first one is
delivered and renewed with it; a part that has not changed costs no call.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

from connector.deliver.claim import Claim
from connector.deliver.destination import Destination
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import Wanted, want
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger
from connector.ledger.markers import carrier_marker
from connector.model.conversation_parts import part_key, read_part_key

_NOT_URGENT = 10
"""The priority of backfill, which leaves that of the lane as it is."""


async def continue_conversations(
    ledger: Ledger, destination: Destination, claim: Claim, *, held: HeldLease
) -> None:
    """Want the further parts of the conversations that a claim delivers."""
    wanted = list(_further_parts(ledger, destination, claim))
    if not wanted:
        return

    def work(connection: Connection) -> None:
        check_lease(connection, held.lease)
        want(connection, wanted, now=ledger.now(connection))

    await ledger.write(work)


def _further_parts(ledger: Ledger, destination: Destination, claim: Claim) -> Iterator[Wanted]:
    for plan in claim.plans:
        for row in plan.messages:
            conversation, number = read_part_key(row.source_id)
            if row.record != "conversation" or number != 1:
                continue
            number = 2
            while messages := claim.conversations.get(key := part_key(conversation, number)):
                yield Wanted(
                    destination=destination.name,
                    contact_id=plan.contact_id,
                    record="conversation",
                    source_id=key,
                    marker=carrier_marker(
                        ledger.keyed_hash,
                        destination.name,
                        "conversation",
                        wamid=None,
                        conversation=key,
                    ),
                    position=int(messages[0].sent_at.timestamp() * 1000),
                    priority=_NOT_URGENT,
                    renew=True,
                )
                number += 1
