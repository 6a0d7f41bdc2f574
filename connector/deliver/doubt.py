"""Doubt: a create that may or may not have been applied is looked up before it is repeated.

Only for CRMs that cannot upsert by our key. A row is looked at no sooner than its ``verify_at``
(gate, deadline and quiet period after it was begun), and goes again only after two look-ups, some
seconds apart, that found nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.config.models import TuningSettings
from connector.deliver.claim import Claim
from connector.deliver.destination import Destination
from connector.errors import CrmError
from connector.failpoints import failpoint
from connector.ledger import deliveries
from connector.ledger.deliveries import Delivery, Parked, Synced
from connector.ledger.keeper import HeldLease
from connector.ledger.lanes import lock_lanes
from connector.ledger.leases import check_lease
from connector.ledger.ledger import Ledger
from connector.model.record import Lookup

log = structlog.get_logger()

LOOKUPS = 2
"""Look-ups that must find nothing before a record is written again."""
RESENDS = 3
"""Times a record is written again for doubt before a person has to look."""
_MARGIN = timedelta(seconds=120)
"""How much earlier than our own clock the CRM may say that a record was made."""


@dataclass(slots=True)
class _Findings:
    synced: list[Synced] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    later: list[int] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    found: list[tuple[Delivery, str]] = field(default_factory=list)
    """Rows that the CRM has after all, with their ids there."""


async def resolve_doubt(
    ledger: Ledger,
    destination: Destination,
    claim: Claim,
    *,
    held: HeldLease,
    tuning: TuningSettings,
) -> None:
    """Look up every row of a claim that is in doubt and has been quiet for long enough."""
    rows = [(plan.contact_id, row) for plan in claim.plans for row in plan.verify]
    if not rows:
        return
    findings = _Findings()
    for kind in ("contact", destination.record):
        await _look_up(
            destination,
            claim,
            [(contact_id, row) for contact_id, row in rows if row.record == kind],
            findings,
        )

    def work(connection: Connection) -> None:
        check_lease(connection, held.lease)
        lock_lanes(connection, {row.lane_id for _, row in rows})
        now = ledger.now(connection)
        deliveries.settle_synced(connection, findings.synced, now=now)
        deliveries.settle_parked(connection, findings.parked, now=now)
        deliveries.settle_pending(connection, findings.again, counts=False, resend=True)
        deliveries.settle_in_doubt(
            connection,
            findings.later,
            detail="looked up once, not found; looked up again soon",
            verify_at=now + timedelta(seconds=tuning.verify_gap),
        )
        failpoint("verify.before_commit")

    await ledger.write(work)
    for result, count in (
        ("found", len(findings.synced)),
        ("resent", len(findings.again)),
        ("parked", len(findings.parked)),
    ):
        if count:
            metrics.IN_DOUBT_RESOLVED.labels(destination.name, result).inc(count)
    for parked in findings.parked:
        metrics.DELIVERY_PARKED.labels(destination.name, parked.code).inc()
    await _measure_lateness(destination, findings.found, deadline=tuning.request_timeout)
    log.info(
        "doubt.looked_up",
        destination=destination.name,
        found=len(findings.synced),
        again=len(findings.again),
        later=len(findings.later),
        parked=len(findings.parked),
    )


async def _look_up(
    destination: Destination,
    claim: Claim,
    rows: Sequence[tuple[int, Delivery]],
    findings: _Findings,
) -> None:
    if not rows:
        return
    if rows[0][1].record in destination.untraceable:
        for _, row in rows:
            _give_up(destination, row, findings)
        return
    size = destination.limits.find
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        obj = destination.object_of(part[0][1].record)
        failpoint("verify.before_read")
        found = await destination.adapter.find(
            obj, [_lookup(claim, contact_id, row) for contact_id, row in part]
        )
        failpoint("verify.after_read")
        for (_, row), hits in zip(part, found, strict=True):
            _conclude(destination, row, hits, findings)


def _give_up(destination: Destination, row: Delivery, findings: _Findings) -> None:
    """Decide a row that cannot be looked up: by the mapping's word, and not for ever."""
    if row.record not in destination.repeat_in_doubt:
        detail = "this CRM can only create, so nothing tells whether it did"
        findings.parked.append(Parked(row.id, "in_doubt", detail))
    elif row.resends >= RESENDS:
        detail = "written again three times without an answer: look in the CRM"
        findings.parked.append(Parked(row.id, "in_doubt", detail))
    else:
        findings.again.append(row.id)


def _lookup(claim: Claim, contact_id: int, row: Delivery) -> Lookup:
    link = claim.links.get(contact_id)
    return Lookup(
        key=row.marker,
        contact_crm_id=link.crm_id if link and row.record != "contact" else None,
        since=row.sent_at - _MARGIN if row.sent_at else None,
    )


def _conclude(
    destination: Destination, row: Delivery, hits: Sequence[str], findings: _Findings
) -> None:
    if hits:
        if len(hits) > 1:
            metrics.DUPLICATES_FOUND.labels(destination.name, row.record, "reported").inc()
            log.warning("delivery.duplicate", destination=destination.name, copies=len(hits))
        # Generation 0 and no hash: what was written is not known, so the row is compared again.
        findings.synced.append(Synced(row.id, 0, hits[0], ""))
        findings.found.append((row, hits[0]))
    elif row.lookups + 1 < LOOKUPS:
        findings.later.append(row.id)
    elif row.record in destination.unsure:
        detail = "looked up twice and not found, where this CRM's search may miss what is there"
        findings.parked.append(Parked(row.id, "in_doubt", detail))
    elif row.resends >= RESENDS:
        detail = "written again three times and never found: look in the CRM, then retry or discard"
        findings.parked.append(Parked(row.id, "in_doubt", detail))
    else:
        findings.again.append(row.id)


async def _measure_lateness(
    destination: Destination, found: Sequence[tuple[Delivery, str]], *, deadline: float
) -> None:
    """Tell how long after our deadline the CRM made what it never answered for.

    It says whether the quiet period is long enough. Only a figure: where the CRM does not tell, or
    not now, there is none.
    """
    for record in {row.record for row, _ in found}:
        obj = destination.object_of(record)
        name = destination.limits.made_at.get(obj.name)
        if name is None:
            continue
        rows = {crm_id: row for row, crm_id in found if row.record == record and row.sent_at}
        try:
            told = await destination.adapter.read(obj, list(rows), [name])
        except CrmError as error:
            log.info("doubt.unmeasured", destination=destination.name, error=str(error))
            return
        for crm_id, fields in told.items():
            made_at, sent_at = _read_moment(fields.get(name)), rows[crm_id].sent_at
            if made_at is not None and sent_at is not None:
                late = (made_at - sent_at).total_seconds() - deadline
                metrics.LATE_COMMIT.labels(destination.name).observe(max(late, 0.0))


def _read_moment(value: object) -> datetime | None:
    """Return a time as CRMs write them: ISO 8601, in UTC where no zone is given."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
