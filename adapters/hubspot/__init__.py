"""HubSpot, on its dated API: contacts by a unique property of ours, messages on their timelines.

How a message is written depends on what the portal takes. Where ``communications`` (or ``notes``)
can have a unique property, messages are upserted by key and then linked, and may be repeated at
will: 1,000 of them are 10 calls and one for all their links. Where the portal refuses that, they
are created with their links in one step, 100 a call, and a doubtful one is looked up among its
contact's records: by a property without unique values, or by a mark in its text.

settings   address, pace, what headers and refusals say    objects   names, paths, link types
errors     what an error is about                          values    every value is a text
calls      HubSpot's calls, one function each              schema    properties, and ours among them
writing    records in, outcomes out                        finding   look-ups
account    what the token is good for                      owners    e-mails to ids
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final

from adapters.hubspot import finding, schema
from adapters.hubspot.account import read_account
from adapters.hubspot.calls import MOST_LINKED, MOST_RECORDS, Calls, objects_in
from adapters.hubspot.objects import kind_of
from adapters.hubspot.owners import OWNER, Owners
from adapters.hubspot.reading import read_records
from adapters.hubspot.settings import HubSpotSettings
from adapters.hubspot.values import cut_body, read_key, read_time, spell
from adapters.hubspot.writing import Entry, Writer
from connector.crm import (
    Account,
    AdapterSettings,
    Change,
    CrmClient,
    CrmObject,
    FieldInfo,
    JsonScalar,
    Limits,
    Listed,
    Lookup,
    Outcome,
    Page,
    Record,
    Rejected,
    gather_in_batches,
)

__all__ = ["HubSpot", "HubSpotSettings"]

_MESSAGES_AT_ONCE: Final = 1_000
"""Messages of one ``upsert``: ten calls that write, and one that links all of them."""
_ERASERS: Final = 4
_PAGE: Final = 200
_MARK: Final = "<br><small>{key}</small>"
"""What a body ends in where no property carries our key. It is visible text because HubSpot may
drop comments and attributes."""


class HubSpot:
    """The adapter for a HubSpot account."""

    settings_model: ClassVar[type[AdapterSettings]] = HubSpotSettings
    mapping: ClassVar[str | None] = "hubspot"

    def __init__(
        self,
        settings: HubSpotSettings,
        client: CrmClient,
        *,
        contact: CrmObject,
        message: CrmObject,
        requests: Mapping[str, Any],
    ) -> None:
        del settings, requests  # the client knows the first, and HubSpot's requests are fixed
        self._client = client
        self._calls = Calls(client)
        self._owners = Owners(self._calls, client.clock)
        self._contact = contact
        self._message = message
        self._fields: dict[str, Mapping[str, FieldInfo]] = {}
        self._key_missing = False

    @property
    def limits(self) -> Limits:
        """Sizes and what may be repeated; messages may be where their key property is unique."""
        repeatable = {self._contact.name}
        messages = MOST_RECORDS
        if self._unique_key(self._message) is not None:
            repeatable.add(self._message.name)
            messages = _MESSAGES_AT_ONCE
        return Limits(
            upsert={self._contact.name: MOST_RECORDS, self._message.name: messages},
            find=MOST_LINKED,
            read=MOST_RECORDS,
            erase=MOST_RECORDS,
            in_order=MOST_RECORDS,
            repeatable=frozenset(repeatable),
            made_at={name: kind_of(name).made for name in (self._contact.name, self._message.name)},
            find_lag=0.0,  # look-ups by key read records; only phones are searched
        )

    async def describe(self, obj: CrmObject) -> Mapping[str, FieldInfo]:
        """Read the properties of a kind of record."""
        fields = await schema.describe(self._calls, obj.name)
        self._fields[obj.name] = fields
        return fields

    async def find(self, obj: CrmObject, lookups: Sequence[Lookup]) -> Sequence[tuple[str, ...]]:
        """Look contacts up by key or phone, messages by key, open deals and tickets by contact.

        Of a contact asked for by both, the key is looked up only where somebody has the phone:
        otherwise every hundred new contacts would cost a call more, to learn what writing them by
        key finds out anyway. A look-up by key alone always reads.
        """
        if obj.kind in {"deal", "ticket"}:
            return await finding.find_open(self._calls, obj.name, lookups)
        await self._require_key(obj)
        key = self._unique_key(obj)
        if obj.kind == "contact":
            return await finding.find_contacts(self._calls, lookups, key=key)
        if key is None:
            return await finding.find_messages(self._calls, obj.name, lookups, key=obj.key)
        keys = [lookup.key for lookup in lookups if lookup.key is not None]
        found = await finding.find_by_key(self._calls, obj.name, keys, key=key)
        return finding.match_keys(lookups, found)

    async def upsert(self, obj: CrmObject, records: Sequence[Record]) -> Sequence[Outcome]:
        """Write records by id, by our key, or, where HubSpot has no unique property, new ones."""
        if not records:
            return []
        await self._require_key(obj)
        entries = await self._prepare(obj, records)
        sent = [entry for entry in entries if isinstance(entry, Entry)]
        key = self._unique_key(obj)
        writer = Writer(self._calls, obj.name, key=key)
        if records[0].crm_id is not None:
            outcomes = await writer.update(sent)
        elif key is not None:
            outcomes = await writer.upsert(sent)
        else:
            outcomes = await writer.create(sent)
        following = iter(outcomes)
        return [next(following) if isinstance(entry, Entry) else entry for entry in entries]

    async def read(
        self, obj: CrmObject, crm_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, JsonScalar]]:
        """Read properties, following ids that were merged away."""
        return await read_records(self._calls, obj.name, crm_ids, fields)

    async def erase(self, obj: CrmObject, crm_ids: Sequence[str]) -> None:
        """Erase contacts for good, with their activities; put other records into the recycle bin.

        HubSpot erases nothing but contacts for good.
        """
        if obj.kind == "contact":
            await gather_in_batches(crm_ids, 1, self._calls.erase_contacts, concurrency=_ERASERS)
        else:
            archive = partial(self._calls.archive, obj.name)
            await gather_in_batches(crm_ids, MOST_RECORDS, archive)

    async def account(self) -> Account:
        """Ask who we are; after a pause for a missing key property, also whether it is there."""
        found = await read_account(
            self._client, self._calls, contact=self._contact.name, message=self._message.name
        )
        if self._key_missing:
            for obj in (self._contact, self._message):
                schema.require_key(obj, await self.describe(obj))
            self._key_missing = False
        return found

    async def setup(self, *, apply: bool) -> Sequence[Change]:
        """Make the properties that carry our keys, unique where the portal lets them be."""
        changes = [
            *await schema.set_up(self._calls, self._contact, apply=apply),
            *await schema.set_up(self._calls, self._message, apply=apply),
        ]
        self._fields.clear()
        return changes

    async def list(self, obj: CrmObject, since: datetime, cursor: str | None) -> Page:
        """Search what changed, in the order of ids, which paging by position cannot outrun."""
        modified = kind_of(obj.name).modified
        filters = [
            {
                "propertyName": modified,
                "operator": "GTE",
                "value": str(int(since.timestamp() * 1000)),
            },
            {"propertyName": "hs_object_id", "operator": "GT", "value": cursor or "0"},
        ]
        page = await self._calls.search_page(
            obj.name,
            {
                "filterGroups": [{"filters": filters}],
                "properties": [modified, *([obj.key] if obj.key else [])],
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                "limit": _PAGE,
                "after": "0",
            },
        )
        records = [
            Listed(
                crm_id=str(result.get("id")),
                key=read_key((properties := result.get("properties") or {}).get(obj.key or "")),
                fields=properties,
                changed_at=read_time(result.get("updatedAt") or properties.get(modified)),
            )
            for result in objects_in(page.get("results"))
        ]
        return Page(records, records[-1].crm_id if len(records) == _PAGE else None)

    def _unique_key(self, obj: CrmObject) -> str | None:
        """Return the key property if it is unique, as far as the schema was read."""
        field = self._fields.get(obj.name, {}).get(obj.key or "")
        return field.name if field is not None and field.unique else None

    async def _require_key(self, obj: CrmObject) -> None:
        """Raise ``MissingKeyError`` where the key property is missing, also after another look."""
        fields = self._fields.get(obj.name)
        if fields is not None:
            try:
                schema.require_key(obj, fields)
            except schema.MissingKeyError:
                fields = None
            else:
                return
        try:
            schema.require_key(obj, await self.describe(obj))
        except schema.MissingKeyError:
            self._key_missing = True
            raise

    async def _prepare(
        self, obj: CrmObject, records: Sequence[Record]
    ) -> Sequence[Entry | Rejected]:
        """Spell records as HubSpot takes them; reject those of an owner nobody is."""
        owners = await self._owners.resolve(
            str(record.fields[OWNER]) for record in records if record.fields.get(OWNER)
        )
        body = kind_of(obj.name).body
        entries: list[Entry | Rejected] = []
        for record in records:
            properties = {name: spell(value) for name, value in record.fields.items()}
            if properties.get(OWNER):
                owner = owners[properties[OWNER]]
                if owner is None:
                    reason = "HubSpot: no owner has this e-mail"
                    entries.append(Rejected("OWNER_NOT_FOUND", reason, OWNER))
                    continue
                properties[OWNER] = owner
            if obj.key is not None and record.crm_id is None:
                properties[obj.key] = record.key
            if body is not None and body in properties:
                end = _MARK.format(key=record.key) if obj.key is None else ""
                properties[body] = cut_body(properties[body], room=len(end)) + end
            entries.append(
                Entry(record.key, properties, record.crm_id, links=record.linked_crm_ids)
            )
        return entries
