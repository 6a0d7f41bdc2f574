"""Following: who is left of a contact that the CRM says is gone.

People merge records, and not every CRM leads from the one that went to the one that stayed. So
before a contact waits as vanished, its successor is looked for: by our key, then by its phone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from connector.deliver.destination import Destination
from connector.deliver.settlement import Item, Settlement
from connector.errors import CrmError, CrmRejectedError
from connector.ledger.deliveries import Parked, Synced
from connector.model.contact import Contact
from connector.model.identity import lookup_spellings
from connector.model.record import Lookup

Ids = tuple[str, ...]


async def follow_contacts(
    destination: Destination,
    people: Mapping[int, Contact],
    settlement: Settlement,
    *,
    now: datetime,
) -> None:
    """Settle the contacts of a batch that are gone. ``people`` holds them by id.

    One with one successor goes on as that one, and is written anew; one that may be several is for
    a person to decide, unless the mapping takes the oldest; one with none waits as vanished. Where
    the CRM can not be asked now, all is as if it had not been sent.
    """
    if not settlement.gone:
        return
    lost = {int(item.row.source_id): item for item in settlement.gone}
    try:
        successors = await _find(destination, [people[each] for each in lost], lost)
    except CrmRejectedError:
        successors = {}
    except CrmError as error:
        settlement.cause = settlement.cause or error
        settlement.unsent += [item.row.id for item in settlement.gone]
        return
    on_many = destination.mapping.contact.on_many
    for contact_id, item in lost.items():
        left = successors.get(contact_id, ())
        if len(left) == 1 or (left and on_many == "oldest"):
            settlement.relinked += 1
            # Generation 0 and no hash: what that record holds is not known, so it is written anew.
            settlement.synced.append(Synced(item.row.id, 0, left[0], ""))
        elif left and on_many == "review":
            detail = f"it was deleted in the CRM, where {len(left)} records match now"
            settlement.parked.append(Parked(item.row.id, "ambiguous", detail, gone_at=now))
            settlement.reviews[contact_id] = left
        else:
            detail = "somebody deleted this contact in the CRM; it returns with its next message"
            settlement.parked.append(Parked(item.row.id, "vanished", detail, gone_at=now))


async def _find(
    destination: Destination, contacts: Sequence[Contact], lost: Mapping[int, Item]
) -> dict[int, Ids]:
    """Return who may be left of each contact, by its id."""
    found: dict[int, Ids] = {contact.id: () for contact in contacts}
    by_phone = "phone" in destination.mapping.contact.match
    for with_phone in (False, True):
        left = [each for each in contacts if not found[each.id]]
        if with_phone:
            left = [each for each in left if by_phone and each.phone]
        size = destination.limits.find
        for start in range(0, len(left), size):
            part = left[start : start + size]
            hits = await destination.adapter.find(
                destination.contact,
                [_lookup(destination, each, with_phone=with_phone) for each in part],
            )
            for contact, ids in zip(part, hits, strict=True):
                gone = lost[contact.id].record.crm_id
                found[contact.id] = tuple(each for each in ids if each != gone)
    return found


def _lookup(destination: Destination, contact: Contact, *, with_phone: bool) -> Lookup:
    if not with_phone:
        return Lookup(key=contact.key)
    return Lookup(
        key=contact.key,
        phones=lookup_spellings(contact.phone or ""),
        country=destination.country,
    )
