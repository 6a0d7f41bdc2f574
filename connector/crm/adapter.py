"""What an adapter is: the one protocol between the connector and a kind of CRM.

An adapter translates records into requests and responses into outcomes, and nothing else: no
retries, waits, logging, state or ledger. An adapter's module imports ``connector.crm`` only.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol

from connector.crm.client import CrmClient
from connector.crm.settings import AdapterSettings
from connector.model.outcome import Outcome
from connector.model.record import (
    Account,
    Change,
    CrmObject,
    FieldInfo,
    JsonScalar,
    Limits,
    Lookup,
    Page,
    Record,
)


class FixesBodies(Protocol):
    """What an adapter also has whose ``Limits.repeatable_for`` names an object."""

    def write_body(self, obj: CrmObject, record: Record) -> bytes:
        """Return what a create of this record sends, to be kept before it is sent.

        Where it has to go again it comes back as ``Record.body``. Raises ``CrmRejectedError``.
        """
        ...


class Adapter(Protocol):
    """One kind of CRM: translates records into requests and responses into outcomes."""

    settings_model: ClassVar[type[AdapterSettings]]
    mapping: ClassVar[str | None]
    """The shipped mapping used where a destination names none, such as ``hubspot``."""

    def __init__(
        self,
        settings: Any,
        client: CrmClient,
        *,
        contact: CrmObject,
        message: CrmObject,
        requests: Mapping[str, Any],
    ) -> None:
        """Take validated settings, a client bound to the destination, and the mapped objects.

        ``settings`` is an instance of ``settings_model``. ``requests`` holds the parts of the
        mapping file that the mapping language leaves to the adapter (REST request templates).
        """
        ...

    @property
    def limits(self) -> Limits:
        """Batch sizes and which objects are repeatable; true after ``describe`` of each object."""
        ...

    async def describe(self, obj: CrmObject) -> Mapping[str, FieldInfo]:
        """Read the live schema of an object, by field name. Called before the first ``upsert``."""
        ...

    async def find(self, obj: CrmObject, lookups: Sequence[Lookup]) -> Sequence[tuple[str, ...]]:
        """Return, for each look-up in order, the ids of every record that fits, oldest first.

        Never guesses. A record that carries our key is the only hit. Phone candidates are verified
        by ``connector.crm.phones.same_phone`` before they count. Where a write by key would find
        the record anyway, one that carries our key may be overlooked in a look-up by both if nobody
        has the phone; a look-up by key alone never overlooks it.
        """
        ...

    async def upsert(self, obj: CrmObject, records: Sequence[Record]) -> Sequence[Outcome]:
        """Write records, which all have a ``crm_id`` or all have none; one outcome each, in order.

        Raises ``CrmRejectedError`` only if the CRM refused the request as a whole and wrote
        nothing. Links in ``linked_crm_ids`` are part of a record: ``Written`` means both are there,
        and ``Vanished`` also that the contact it is linked to is not. Where it takes several calls,
        a record may be ``NotSent`` for what the client raised in one of them.
        """
        ...

    async def read(
        self, obj: CrmObject, crm_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, JsonScalar]]:
        """Return the named fields of the records that exist, by the id that was asked.

        Where the CRM answers under another id (a merge), the fields hold it under ``"crm_id"``.
        """
        ...

    async def erase(self, obj: CrmObject, crm_ids: Sequence[str]) -> None:
        """Delete records for good where the CRM can; one that is already gone is no error."""
        ...

    async def account(self) -> Account:
        """Ask who we are: credentials, missing permissions, quota left. Also a pause's probe."""
        ...

    async def setup(self, *, apply: bool) -> Sequence[Change]:
        """Say which key fields and types the CRM lacks; with ``apply``, create them."""
        ...

    async def list(self, obj: CrmObject, since: datetime, cursor: str | None) -> Page:
        """Return one page of the records changed at or after ``since``, for sweeps."""
        ...
