"""What the cases of the contract are written with: people, messages, and a run against the CRM."""

# ruff: noqa: S101 - asserts are what tests are made of

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from connector.crm.batch import send_in_batches
from connector.crm.contract.sandbox import SandboxCrm
from connector.crm.registry import Connection
from connector.model.identity import lookup_spellings
from connector.model.outcome import Outcome, Written
from connector.model.record import CrmObject, Lookup, Record

AWKWARD: Final = 'João "Zé" D\'Ávila <b>&amp; 🎉 ação; 100% \\n ${x} {{ y }} שלום'
"""Text that quoting, escaping and encoding go wrong on."""
MANY: Final = 230
"""Records that are more than a page of anything."""
QUICK: Final = 0.5
"""Seconds after which a case gives up on an answer that will not come."""


def key(number: int) -> str:
    """Return one of our keys."""
    return f"wc_{number:026d}"


def phone(number: int) -> str:
    """Return one of many Brazilian mobiles."""
    return f"+55319{88000000 + number}"


def by_phone(number: str) -> Lookup:
    """Return a look-up by every spelling of a phone."""
    return Lookup(phones=lookup_spellings(number), country="BR")


def person(
    crm: SandboxCrm, number: int, *, name: str | None = None, crm_id: str | None = None
) -> Record:
    """Return one of many contacts."""
    fields = crm.contact_fields(name or f"Ana {number}", phone(number))
    return Record(key(number), fields, crm_id)


def message_to(
    crm: SandboxCrm, contact: Outcome, number: int, *, text: str | None = None
) -> Record:
    """Return one of many messages of a contact that was written."""
    assert isinstance(contact, Written)
    fields = crm.message_fields(text or f"message {number}", contact.crm_id)
    return Record(key(number), fields, linked_crm_ids={"contact": contact.crm_id})


async def describe(at: Connection, crm: SandboxCrm) -> None:
    """Read the schema of both objects, as the worker does first."""
    await at.adapter.describe(crm.contact)
    await at.adapter.describe(crm.message)


async def write(at: Connection, obj: CrmObject, records: Sequence[Record]) -> list[Outcome]:
    """Write records as the worker does: by the batch, halving what is refused as a whole."""
    size = at.adapter.limits.upsert[obj.name]
    return await send_in_batches(records, size, lambda some: at.adapter.upsert(obj, some))


def run(
    crm: SandboxCrm,
    case: Callable[[Connection], Awaitable[None]],
    **options: Any,
) -> None:
    """Run a case with an adapter that is connected to the sandbox."""
    asyncio.run(_with(lambda: crm.connect(**options), case))


def run_unconnected(crm: SandboxCrm, case: Callable[[Connection], Awaitable[None]]) -> None:
    """Run a case with an adapter of an address where nobody listens."""
    asyncio.run(_with(crm.connect_to_nobody, case))


async def _with(
    connect: Callable[[], Connection], case: Callable[[Connection], Awaitable[None]]
) -> None:
    connection = connect()
    try:
        await case(connection)
    finally:
        await connection.aclose()
