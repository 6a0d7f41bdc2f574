"""What to do with the lanes that were claimed. Pure: rows in, intentions out.

The order within a lane: the contact first, then messages by their own time. A message that is
parked is stepped over; a contact that is not in the CRM stops its lane.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from connector.deliver.patience import IMPATIENT, Patience
from connector.ledger.deliveries import OPEN, Delivery
from connector.model.contact import Contact
from connector.model.record import RecordKind

OnDeleted = Literal["new_inbound", "never", "always"]


@dataclass(slots=True)
class LanePlan:
    """One lane's work now."""

    lane_id: int
    contact_id: int
    contact: Delivery | None = None
    """The contact's delivery where the contact has to be written."""
    messages: list[Delivery] = field(default_factory=list)
    verify: list[Delivery] = field(default_factory=list)
    """In doubt, and quiet for long enough to be looked up."""
    skip: list[Delivery] = field(default_factory=list)
    """To be skipped because their contact is."""


def plan_lane(
    lane_id: int,
    contact_id: int,
    *,
    contact: Delivery,
    person: Contact | None,
    rows: Sequence[Delivery],
    repeatable: frozenset[RecordKind],
    repeatable_for: Mapping[RecordKind, timedelta] = MappingProxyType({}),
    on_deleted: OnDeleted,
    now: datetime,
    patience: Patience = IMPATIENT,
) -> LanePlan:
    """Decide one lane. ``rows`` are its open deliveries in order, ``contact`` its contact's row.

    ``repeatable`` holds the record kinds whose write may simply be repeated, ``repeatable_for``
    those whose create may be, byte by byte, for so long after it was first sent. ``patience``
    measures both kinds of wait.
    """

    def is_quiet(row: Delivery) -> bool:
        return row.verify_at is not None and not patience.left(row.verify_at, row.lookups, now)

    def may_repeat(row: Delivery) -> bool:
        return (
            row.record in repeatable
            or row.crm_id is not None
            or _is_remembered(row, repeatable_for.get(row.record), patience, now)
        )

    plan = LanePlan(lane_id, contact_id)
    if contact.state in ("skipped", "erased"):
        plan.skip = [row for row in rows if row.state == "pending"]
        return plan
    if contact.state == "in_flight" and not may_repeat(contact):
        plan.verify = [contact] if is_quiet(contact) else []
        return plan
    if contact.state in OPEN or _returns(contact, person, on_deleted):
        plan.contact = contact
    elif contact.crm_id is None:
        return plan
    linked = contact.crm_id is not None
    _plan_messages(plan, rows, may_repeat=may_repeat, is_quiet=is_quiet, linked=linked)
    return plan


def _plan_messages(
    plan: LanePlan,
    rows: Sequence[Delivery],
    *,
    may_repeat: Callable[[Delivery], bool],
    is_quiet: Callable[[Delivery], bool],
    linked: bool,
) -> None:
    """Take messages up to the first that is in doubt: that is what order means.

    Those in doubt are looked up together: a look changes nothing, so it has no order. But some CRMs
    are asked for a contact's records, so the contact has to be ``linked``.
    """
    held = False
    for row in rows:
        if row.record == "contact":
            continue
        if row.state == "in_flight" and not may_repeat(row):
            held = True
            plan.verify += [row] if linked and is_quiet(row) else []
        elif not held:
            plan.messages.append(row)


def _is_remembered(
    row: Delivery, span: timedelta | None, patience: Patience, now: datetime
) -> bool:
    """Say whether the CRM still knows this create by its idempotency key, and we its bytes."""
    return (
        span is not None
        and row.sent_body is not None
        and row.sent_at is not None
        and patience.age(row.sent_at, now) <= span
    )


def _returns(contact: Delivery, person: Contact | None, on_deleted: OnDeleted) -> bool:
    """Say whether a contact that somebody deleted in the CRM may be made again.

    Only a message that came after the deletion brings one back; backlog, replay and sweeps never.
    """
    if contact.state != "parked" or contact.error_code != "vanished" or on_deleted == "never":
        return False
    if on_deleted == "always":
        return True
    last = person.last_inbound_at if person else None
    return last is not None and contact.gone_at is not None and last > contact.gone_at


def rounds(lanes: Iterable[Sequence[Delivery]], *, at_once: int) -> list[list[Delivery]]:
    """Arrange lanes' rows into rounds that are sent one after the other.

    ``at_once`` 0 puts everything into one round, where a batch keeps the order by itself; else a
    round holds at most that many rows of one lane. Rows that were in flight when the connector
    died, twice or more in a row, come last and in ever smaller company: one of them may be what
    kills it, and the others must not be parked for that.
    """
    together: list[list[Delivery]] = []
    suspects: dict[int, list[Delivery]] = {}
    for rows in lanes:
        if not rows:
            continue
        size = smallest_company(rows)
        if size:
            suspects.setdefault(size, []).extend(rows)
            continue
        step = at_once or len(rows)
        for number, start in enumerate(range(0, len(rows), step)):
            while len(together) <= number:
                together.append([])
            together[number].extend(rows[start : start + step])
    for size, rows in sorted(suspects.items(), reverse=True):
        step = min(size, at_once) if at_once else size
        together += [list(rows[start : start + step]) for start in range(0, len(rows), step)]
    return together


def company(crash_count: int) -> int:
    """Return in how large a round a row may go after so many deaths; 0 is any."""
    return {0: 0, 1: 0, 2: 100, 3: 10}.get(crash_count, 1)


def smallest_company(rows: Iterable[Delivery]) -> int:
    """Return in how large a round rows of one lane may go together; 0 is any."""
    return min(filter(None, (company(row.crash_count) for row in rows)), default=0)
