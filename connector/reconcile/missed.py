"""Webhooks that never came: messages which something later speaks of, and that are not here.

A status, an edit or a deletion of a message that did not come leaves a row of the kind ``unseen``;
a reply or a reaction names it by its id. What was sent before the connector was there is named just
so, and counts as well: nothing tells it apart.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from connector.ledger.gaps import Place, count_unseen, named_messages, unknown_hashes
from connector.ledger.ledger import Ledger
from connector.ledger.markers import hash_wamid

_AT_ONCE: Final = 2_000


async def count_missed(
    ledger: Ledger, numbers: Iterable[str], *, since: datetime
) -> dict[str, int]:
    """Return how many messages are missed, by number: those that something since then speaks of."""
    return {number: await _count(ledger, number, since=since) for number in numbers}


async def _count(ledger: Ledger, number: str, *, since: datetime) -> int:
    unseen = await ledger.read(count_unseen, number, since=since)
    missed: set[str] = set()
    after: Place | None = None
    while True:
        named, after = await ledger.read(
            named_messages, number, since=since, after=after, limit=_AT_ONCE
        )
        hashes = {hash_wamid(ledger.keyed_hash, wamid) for wamid in named}
        missed |= await ledger.read(unknown_hashes, hashes)
        if after is None:
            return unseen + len(missed)
