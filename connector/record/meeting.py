"""Meeting the people of a batch: look them up, decide who is who, write that down."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from connector.ledger.contacts import Person, find_contacts, store_contacts
from connector.ledger.merging import merge_contacts
from connector.ledger.recycled import Party, review_recycled
from connector.model.events import Event, LearnEvent, LinkEvent, MessageEvent
from connector.model.identity import Alias
from connector.record.resolve import Resolution, Sighting, aliases_of, resolve


def sight(event: Event) -> Sighting | None:
    """Return what an event shows of a person; ``None`` if it does not say who that is."""
    person = event.person
    if not person.known:
        return None
    seen = Sighting(
        at=event.at,
        user_ids=(person.user_id,) if person.user_id is not None else (),
        wa_ids=(person.wa_id,) if person.wa_id is not None else (),
        parent_user_id=person.parent_user_id,
        username=person.username,
        profile_name=person.profile_name,
    )
    match event:
        case MessageEvent():
            referral = event.content.get("referral")
            return replace(seen, referral=referral, direction=event.direction)
        case LinkEvent():
            return replace(
                seen,
                former_user_ids=event.former_user_ids,
                former_wa_ids=event.former_wa_ids,
            )
        case LearnEvent():
            return replace(
                seen, book_name=event.book_name, in_book=event.in_book, marketing=event.marketing
            )
        case _:
            return seen


def meet(
    connection: Connection,
    sightings: Sequence[Sighting],
    *,
    scope: str,
    keyed_hash: Callable[[str], str],
    variant: str,
    now: datetime,
) -> Resolution:
    """Find or make the contact of each sighting, and store what the sightings teach.

    ``variant`` makes another key where a contact that lost its alias has the usual one. Raises
    ``RaceLostError`` if another process stored one of these people first.
    """
    aliases = {name for sighting in sightings for name in aliases_of(sighting, scope=scope)}
    known = find_contacts(connection, aliases)

    def key_of(first: Alias) -> str:
        return "wc_" + keyed_hash(f"contact|{first.scope}|{first.kind}|{first.value}{variant}")

    resolution = resolve(sightings, known, scope=scope, key_of=key_of)
    store_contacts(connection, resolution.touched, known)
    for survivor, loser in resolution.merged:
        lasting = survivor.lasting.stored_id
        merge_contacts(connection, survivor=lasting, loser=loser.stored_id, now=now)
    for holder, other in resolution.recycled:
        review_recycled(connection, _party(holder), _party(other), now=now)
    return resolution


def _party(person: Person) -> Party:
    return Party(person.lasting.stored_id, person.lasting.key)
