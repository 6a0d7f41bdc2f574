"""What outcomes make of rows: pure, one settlement for one batch, applied in one transaction."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

from sqlalchemy import Connection

from connector.deliver.quotation import quote
from connector.errors import CrmError
from connector.ledger import deliveries
from connector.ledger.deliveries import Delivery, Parked, Synced
from connector.ledger.reviews import open_review
from connector.model.outcome import (
    Failed,
    InDoubt,
    NotSent,
    Outcome,
    Rejected,
    Vanished,
    Written,
)
from connector.model.record import Record, RecordKind

ATTEMPTS = 8
"""Failures of a record for passing reasons of its own, after which it is parked as exhausted."""
ORPHAN_ATTEMPTS = 3
"""Tries to write a message whose contact the CRM says is gone, though it is not found to be."""
PATIENCE = timedelta(days=7)
"""Age at which one more such failure parks a record, however few there were."""


@dataclass(frozen=True, slots=True)
class Item:
    """A row, rendered: what is to be written for it."""

    row: Delivery
    record: Record
    content_hash: str


@dataclass(slots=True)
class Settlement:
    """What to write down about a batch, and what it means for its lanes and destination."""

    synced: list[Synced] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    unsent: list[int] = field(default_factory=list)
    """Back to pending, as if never tried."""
    failed: list[tuple[int, str, str]] = field(default_factory=list)
    in_doubt: list[tuple[int, str]] = field(default_factory=list)
    failed_lanes: set[int] = field(default_factory=set)
    held_lanes: set[int] = field(default_factory=set)
    """Lanes with a row that is still to be written: what comes after it has to wait for it."""
    lost_contacts: set[int] = field(default_factory=set)
    """Lanes whose contact the CRM does not know any more, by what it says of a message."""
    cause: CrmError | None = None
    """An error that is the destination's, for its gate or breaker."""
    good: bool = False
    """Whether the CRM gave a proper answer about any record."""
    tally: Counter[str] = field(default_factory=Counter)
    relinked: int = 0
    latencies: list[float] = field(default_factory=list)
    schema_suspects: dict[int, str] = field(default_factory=dict)
    """Rows refused for a field, by row id: the field may be gone from the CRM."""
    gone: list[Item] = field(default_factory=list)
    """Contacts that vanished; not settled yet, since who is left of them is to be looked for."""
    reviews: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Contacts that may be several records of the CRM now, by contact id."""


def settle_batch(
    items: Sequence[Item], outcomes: Sequence[Outcome], *, repeatable: bool, now: datetime
) -> Settlement:
    """Turn outcomes into a settlement. ``repeatable`` is whether this write may be repeated."""
    settlement = Settlement()
    for item, outcome in zip(items, outcomes, strict=True):
        _settle_one(settlement, item, outcome, repeatable=repeatable, now=now)
    return settlement


def _settle_one(
    settlement: Settlement, item: Item, outcome: Outcome, *, repeatable: bool, now: datetime
) -> None:
    row = item.row
    match outcome:
        case Written(crm_id):
            settlement.good = True
            settlement.tally["written"] += 1
            settlement.relinked += row.crm_id is not None and row.crm_id != crm_id
            settlement.latencies.append((now - row.queued_at).total_seconds())
            settlement.synced.append(Synced(row.id, row.generation, crm_id, item.content_hash))
        case Rejected():
            settlement.good = True
            settlement.tally["rejected"] += 1
            _settle_rejected(settlement, item, outcome)
        case Vanished():
            settlement.good = True
            settlement.tally["failed"] += 1
            _settle_vanished(settlement, item, now=now)
        case Failed():
            settlement.good = True
            settlement.tally["failed"] += 1
            _settle_failed(settlement, row, outcome, now=now)
        case InDoubt(detail, cause):
            settlement.tally["in_doubt"] += 1
            settlement.held_lanes.add(row.lane_id)
            settlement.cause = settlement.cause or cause
            if repeatable:
                settlement.unsent.append(row.id)
            else:
                settlement.in_doubt.append((row.id, detail))
        case NotSent(cause):
            settlement.tally["not_sent"] += 1
            settlement.held_lanes.add(row.lane_id)
            settlement.cause = settlement.cause or cause
            if _is_doubtful(row):
                settlement.in_doubt.append((row.id, str(cause)))
            else:
                settlement.unsent.append(row.id)
        case _:
            assert_never(outcome)


def _settle_rejected(settlement: Settlement, item: Item, outcome: Rejected) -> None:
    row = item.row
    if outcome.field:
        settlement.schema_suspects[row.id] = outcome.field
    status = outcome.status
    if status is None and outcome.code.isdigit():
        status = int(outcome.code)
    detail = outcome.detail
    if outcome.said:
        detail = f"{detail}: {quote(outcome.said, item.record.fields)}"
    settlement.parked.append(Parked(row.id, f"rejected.{outcome.code}", detail, status=status))


def _is_doubtful(row: Delivery) -> bool:
    """Say whether an earlier create of this row is in doubt: not writing it now changes nothing."""
    return row.state == "in_flight" and row.crm_id is None and row.sent_body is not None


def _settle_failed(
    settlement: Settlement, row: Delivery, outcome: Failed, *, now: datetime
) -> None:
    settlement.failed_lanes.add(row.lane_id)
    settlement.held_lanes.add(row.lane_id)
    if _is_doubtful(row):
        settlement.in_doubt.append((row.id, f"{outcome.code}: {outcome.detail}"))
    elif row.attempts + 1 >= ATTEMPTS or now - row.queued_at > PATIENCE:
        detail = f"{outcome.code}: {outcome.detail}"
        settlement.parked.append(Parked(row.id, "exhausted", detail))
    else:
        settlement.failed.append((row.id, outcome.code, outcome.detail))


def _settle_vanished(settlement: Settlement, item: Item, *, now: datetime) -> None:
    """Leave a contact to be looked for; a message that somebody deleted stays deleted.

    A new message of which the CRM says so waits as well: it is its contact that is gone.
    """
    row = item.row
    if row.record == "contact":
        settlement.gone.append(item)
    elif row.crm_id is not None:
        settlement.synced.append(
            Synced(row.id, row.generation, row.crm_id, item.content_hash, gone_at=now)
        )
    else:
        _settle_orphan(settlement, row)


def _settle_orphan(settlement: Settlement, row: Delivery) -> None:
    """Have the contact of a new message looked for, and try again; it waits if that is gone."""
    detail = "the CRM says that a record this message belongs to is not there"
    if row.attempts + 1 >= ORPHAN_ATTEMPTS:
        settlement.parked.append(Parked(row.id, "vanished", detail))
        return
    settlement.failed_lanes.add(row.lane_id)
    settlement.held_lanes.add(row.lane_id)
    settlement.lost_contacts.add(row.lane_id)
    settlement.failed.append((row.id, "vanished", detail))


def write_settlement(
    connection: Connection,
    settlement: Settlement,
    *,
    destination: str,
    record: RecordKind,
    now: datetime,
) -> None:
    """Apply a settlement. The lease was checked and the lanes are locked."""
    fresh = list(settlement.synced)
    if record != "contact" and fresh:
        taken = deliveries.taken_crm_ids(
            connection, destination, record, [row.crm_id for row in fresh]
        )
        doubles = _doubles(fresh, taken)
        if doubles:
            settlement.synced = [row for row in fresh if row.id not in doubles]
            settlement.parked += [
                Parked(row_id, "duplicate", "the CRM gave the id of another record of ours")
                for row_id in sorted(doubles)
            ]
    for contact_id, crm_ids in settlement.reviews.items():
        open_review(
            connection,
            kind="ambiguous",
            destination=destination,
            contact_id=contact_id,
            candidates=[{"crm_id": crm_id} for crm_id in crm_ids],
            now=now,
        )
    deliveries.settle_synced(connection, settlement.synced, now=now)
    deliveries.settle_parked(connection, settlement.parked, now=now)
    deliveries.settle_pending(connection, settlement.unsent, counts=False)
    deliveries.suspect_contacts(connection, settlement.lost_contacts)
    for row_id, code, detail in settlement.failed:
        deliveries.settle_failed(connection, [row_id], code=code, detail=detail)
    for detail in {detail for _, detail in settlement.in_doubt}:
        ids = [row_id for row_id, said in settlement.in_doubt if said == detail]
        deliveries.settle_in_doubt(connection, ids, detail=detail)


def _doubles(fresh: Iterable[Synced], taken: dict[str, int]) -> set[int]:
    """Return rows whose CRM id belongs to another row, or to an earlier one of this batch."""
    owners = dict(taken)
    doubles: set[int] = set()
    for row in fresh:
        if owners.setdefault(row.crm_id, row.id) != row.id:
            doubles.add(row.id)
    return doubles
