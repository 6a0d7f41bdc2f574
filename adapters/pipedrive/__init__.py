"""Pipedrive: persons, and their conversations as activities.

Nothing here can be repeated by key: there is no unique field, no idempotency key and no batch. So a
create is sent once, and one of unknown outcome is looked up in a list of what changed, which sees
every write at once: persons by a custom field that holds our key, activities by a mark in their
subject, notes by one in their text. Everything else is an update by id.

A company has tokens for a day. By default one activity holds a contact's whole day and its note is
rewritten, which costs 5 tokens however many messages came; a person is looked for in memory, not by
searches, where that costs less.

settings  address, pace, what headers and refusals say    patience       429 after 429
calls     Pipedrive's calls, and what each costs          answers        data out, errors read
fields    names and labels to codes                       values         spelling, and back
bodies    records as requests                             owners         e-mails to ids
person, person_index, people     who is who               person_writing persons
markers   our mark                                        entries        activities and notes
deals     the open ones                                   account        the company, its set-up
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from adapters.pipedrive.account import MissingKeyError, read_account, require_key, set_up
from adapters.pipedrive.calls import PERSONS, Calls, number_of
from adapters.pipedrive.deals import find_open
from adapters.pipedrive.entries import KINDS, Entries
from adapters.pipedrive.fields import Fields, activity_fields, note_fields, person_fields
from adapters.pipedrive.owners import Owners
from adapters.pipedrive.patience import Patience
from adapters.pipedrive.people import People
from adapters.pipedrive.person_reading import list_persons, read_persons
from adapters.pipedrive.person_writing import PersonWriter
from adapters.pipedrive.settings import PipedriveSettings
from connector.crm import (
    Account,
    AdapterSettings,
    Change,
    ConfigError,
    CrmAccessError,
    CrmClient,
    CrmObject,
    FieldInfo,
    JsonScalar,
    Limits,
    Lookup,
    Outcome,
    Page,
    Problem,
    Record,
    nearest_name,
)

__all__ = ["Pipedrive", "PipedriveSettings"]

_MOST_AT_ONCE: Final = 10
"""Writes under way at once, each of another contact."""

_DATED: Final = ("persons", "activities")
"""Records whose time of making nobody writes; a note's is what the mapping says."""


class Pipedrive:
    """The adapter for a Pipedrive company."""

    settings_model: ClassVar[type[AdapterSettings]] = PipedriveSettings
    mapping: ClassVar[str | None] = "pipedrive"

    def __init__(
        self,
        settings: PipedriveSettings,
        client: CrmClient,
        *,
        contact: CrmObject,
        message: CrmObject,
        requests: Mapping[str, Any],
    ) -> None:
        del requests  # Pipedrive's requests are fixed
        _require_objects(contact, message)
        self._client = client
        self._calls = Calls(client)
        self._contact = contact
        self._message = message
        self._concurrency = max(1, min(_MOST_AT_ONCE, settings.allowed_rate.requests // 4))
        self._owners = Owners(self._calls, client.clock)
        self._people = People(self._calls, client.clock)
        self._entries = Entries(self._calls, self._people, self._owners, kind=message.name)
        self._fields: dict[str, Fields] = {}
        self._key_missing = False
        client.classify = Patience(settings, client.clock).judge

    @property
    def limits(self) -> Limits:
        """One record a call; nothing may be repeated by key."""
        return Limits(
            upsert={self._contact.name: 1, self._message.name: 1},
            find=100,
            read=100,
            erase=100,
            repeatable=frozenset(),
            made_at=dict.fromkeys(_DATED, "add_time"),
            concurrency=self._concurrency,
            find_lag=0.0,  # look-ups by key read lists; only phones may be searched
        )

    async def describe(self, obj: CrmObject) -> Mapping[str, FieldInfo]:
        """Read the fields of persons; of activities only their types differ between companies."""
        fields = await self._read_fields(obj)
        self._fields[obj.name] = fields
        return fields.describe()

    async def find(self, obj: CrmObject, lookups: Sequence[Lookup]) -> Sequence[tuple[str, ...]]:
        """Look persons up by key or phone, entries by their mark, open deals by person.

        See ``people`` for what finds a person by phone, and why a key is not always asked for.
        """
        if not lookups:
            return []
        if obj.kind == "deal":
            return await find_open(self._calls, lookups)
        if obj.kind == "ticket":
            raise CrmAccessError(
                "Pipedrive has no tickets",
                reason="setup",
                remedy="take `ticket` out of the mapping's [message.associate]",
            )
        if obj.kind == "message":
            return await self._entries.find(lookups)
        await self._require_key()
        return await self._people.find(lookups)

    async def upsert(self, obj: CrmObject, records: Sequence[Record]) -> Sequence[Outcome]:
        """Make records, or change those whose ids are known."""
        if obj.kind == "contact":
            key = await self._require_key()
            fields = await self._known_fields(obj)
            writer = PersonWriter(self._calls, self._people, self._owners, fields=fields, key=key)
            return [await writer.write(record) for record in records]
        fields = await self._known_fields(obj)
        return [await self._entries.write(fields, record) for record in records]

    async def read(
        self, obj: CrmObject, crm_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, JsonScalar]]:
        """Read fields; a person that was merged away leads to who is left, if that can be told."""
        if not crm_ids:
            return {}
        known = await self._known_fields(obj)
        if obj.kind == "contact":
            await self._require_key()
            return await read_persons(self._people, known, crm_ids, fields)
        return await self._entries.read(known, crm_ids, fields)

    async def erase(self, obj: CrmObject, crm_ids: Sequence[str]) -> None:
        """Delete records; Pipedrive forgets them for good after 30 days.

        A person's activities and notes are not deleted with it: ours are erased as messages.
        """
        if obj.kind != "contact":
            await self._entries.erase(crm_ids)
            return
        for crm_id in crm_ids:
            await self._calls.delete(PERSONS, number_of(crm_id))

    async def account(self) -> Account:
        """Ask who we are; after a pause for a missing key field, also whether it is there."""
        account = await read_account(self._client, self._calls, messages=self._message.name)
        if self._key_missing:
            await self._find_key(await self._read_fields(self._contact))
        return account

    async def setup(self, *, apply: bool) -> Sequence[Change]:
        """Make the person field that carries our key, and a type for WhatsApp activities."""
        changes = await set_up(
            self._calls, key=self._contact.key, messages=self._message.name, apply=apply
        )
        self._fields.clear()
        return changes

    async def list(self, obj: CrmObject, since: datetime, cursor: str | None) -> Page:
        """List what changed. Pipedrive's lists never show what was deleted or merged away."""
        known = await self._known_fields(obj)
        if obj.kind == "contact":
            await self._require_key()
            return await list_persons(self._calls, self._people, known, since, cursor)
        return await self._entries.page(known, since, cursor)

    async def _read_fields(self, obj: CrmObject) -> Fields:
        if obj.kind == "contact":
            return person_fields(await self._calls.person_fields())
        if obj.name == "notes":
            return note_fields()
        return activity_fields(await self._calls.activity_types())

    async def _known_fields(self, obj: CrmObject) -> Fields:
        if obj.name not in self._fields:
            await self.describe(obj)
        return self._fields[obj.name]

    async def _require_key(self) -> str:
        """Return the name of our key's field. Raises ``MissingKeyError``, after another look."""
        fields = self._fields.get(self._contact.name)
        if fields is not None:
            try:
                return self._note_key(fields)
            except MissingKeyError:
                self._fields.pop(self._contact.name)
        return await self._find_key(await self._known_fields(self._contact))

    async def _find_key(self, fields: Fields) -> str:
        self._key_missing = True
        key = self._note_key(fields)
        self._key_missing = False
        return key

    def _note_key(self, fields: Fields) -> str:
        self._people.know_key_by(require_key(fields, self._contact.key))
        return str(self._contact.key)


def _require_objects(contact: CrmObject, message: CrmObject) -> None:
    """Raise ``ConfigError`` for kinds of records that Pipedrive does not have."""
    problems = [
        Problem(
            "",
            f"{part}.object",
            f"Pipedrive keeps no {part}s in {name!r}",
            expected=" or ".join(kinds),
            nearest=nearest_name(name, kinds),
            path=(part, "object"),
        )
        for part, name, kinds in (
            ("contact", contact.name, (PERSONS.name,)),
            ("message", message.name, KINDS),
        )
        if name not in kinds
    ]
    if problems:
        raise ConfigError(problems, remedy="mend the mapping")
