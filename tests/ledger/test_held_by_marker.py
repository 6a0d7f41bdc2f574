"""Whose record a CRM shows: by the whole marker, or by its end where a CRM has room for no more."""

from collections.abc import Callable
from datetime import datetime

from connector.ledger.lanes import Wanted, want
from connector.ledger.ledger import Ledger
from connector.ledger.sweeps import MARKER_END, held_by_marker


def test_a_delivery_is_found_by_its_marker_or_the_end_of_it(
    ledger: Ledger, new_contacts: Callable[[int], list[int]], start: datetime
) -> None:
    [person] = new_contacts(1)
    markers = [f"wv_{ledger.keyed_hash(str(number))}" for number in range(4)]
    wanted = [
        Wanted("hubspot", person, "conversation", f"c{number}", marker, number)
        for number, marker in enumerate(markers)
    ]
    ledger.transact(want, wanted, now=start)

    def find(*names: str) -> list[str]:
        found = ledger.query(held_by_marker, "hubspot", names, after=0, upto=1000)
        return [row.marker for row in found]

    assert find(markers[1], markers[2][-MARKER_END:]) == markers[1:3]
    assert find(markers[0][-MARKER_END:-1], markers[0][:MARKER_END], "") == []
    assert ledger.query(held_by_marker, "other", markers, after=0, upto=1000) == []
