"""Any CRM with a REST API, described by a mapping file alone.

The file says how to sign, how fast to ask, what its answers mean, and for contacts and messages
which requests find, make, change, read and delete one. ``once`` says how a record is kept single:
by a PUT under our key, by an idempotency key, by looking before writing again, or not at all.

settings   the destination, completed by its mapping   plan       the mapping's tables, read whole
auth       who we are                                  limits     how fast
rules      what an answer means                        patterns   over a CRM's words
sections   contacts and messages                       steps      writes, one or up to three
requests   one request, filled from templates          values     its parts, typed and encoded
names      what a request's templates may name         pointers   into answers
calls      the way to the API                          paging     the next page
finding    look-ups and reads                          writing    records in, outcomes out
listing    records met in a sweep                      lacking    what a mapping does without
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar, Final

from adapters.rest.calls import Calls, refused_question
from adapters.rest.finding import Finder
from adapters.rest.lacking import missing_requests
from adapters.rest.listing import listed
from adapters.rest.plan import Preparation, read_plan
from adapters.rest.pointers import Pointer, identity
from adapters.rest.sections import Section
from adapters.rest.settings import RestSettings
from adapters.rest.writing import Writer
from connector.crm import (
    Account,
    AdapterSettings,
    Change,
    CrmAccessError,
    CrmClient,
    CrmObject,
    CrmRejectedError,
    FieldInfo,
    JsonScalar,
    Limits,
    Lookup,
    Outcome,
    Page,
    Record,
    gather_in_batches,
)

__all__ = ["Rest", "RestSettings"]

_AT_ONCE: Final = 100
_READ_AT_ONCE: Final = 10
"""Records of one call that asks; each is a request of its own."""


class Rest:
    """The adapter for whatever a mapping describes."""

    settings_model: ClassVar[type[AdapterSettings]] = RestSettings
    mapping: ClassVar[str | None] = None

    def __init__(
        self,
        settings: RestSettings,
        client: CrmClient,
        *,
        contact: CrmObject,
        message: CrmObject,
        requests: Mapping[str, Any],
    ) -> None:
        self._plan = settings.plan or read_plan(requests, settings)
        self._client = client
        self._calls = Calls(client, self._plan)
        self._concurrency = self._plan.pace.concurrency
        self._sections: dict[str, Section] = {
            contact.name: self._plan.contact,
            message.name: self._plan.message,
        }
        self._finders = {
            name: Finder(self._calls, section, concurrency=self._concurrency)
            for name, section in self._sections.items()
        }
        self._writers = {
            obj.name: Writer(
                self._calls, self._sections[obj.name], self._finders[obj.name], key=obj.key
            )
            for obj in (contact, message)
        }

    @property
    def limits(self) -> Limits:
        """What the mapping's requests take, and what its ``once`` allows."""
        sizes = {name: section.at_once for name, section in self._sections.items()}
        return Limits(
            upsert=sizes,
            find=_AT_ONCE,
            read=_READ_AT_ONCE,
            erase=_AT_ONCE,
            repeatable=self._names(lambda each: each.once == "put"),
            repeatable_for={
                name: each.key_ttl
                for name, each in self._sections.items()
                if each.once == "header" and each.key_ttl is not None
            },
            untraceable=self._names(
                lambda each: each.once == "none" or (each.once == "header" and each.lookup is None)
            ),
            unsure=self._names(lambda each: not each.strong),
            unread=self._names(lambda each: each.read is None),
            unlisted=self._names(lambda each: each.list is None),
            replaced=self._names(lambda each: each.replaced),
            concurrency=self._concurrency if set(sizes.values()) == {1} else 1,
        )

    async def describe(self, obj: CrmObject) -> Mapping[str, FieldInfo]:
        """Say nothing of fields: an API that nobody knows has no schema to ask for."""
        del obj
        return {}

    async def find(self, obj: CrmObject, lookups: Sequence[Lookup]) -> Sequence[tuple[str, ...]]:
        """Look records up by our key or by phone. Deals and tickets are not known here."""
        finder = self._finders.get(obj.name)
        if finder is None:
            return [() for _ in lookups]
        return await finder.find(lookups)

    async def upsert(self, obj: CrmObject, records: Sequence[Record]) -> Sequence[Outcome]:
        """Write records as the mapping says."""
        return await self._writers[obj.name].write(records) if records else []

    def write_body(self, obj: CrmObject, record: Record) -> bytes:
        """Return what creating a record sends, for ``once = "header"``."""
        return self._writers[obj.name].write_body(record)

    async def read(
        self, obj: CrmObject, crm_ids: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Mapping[str, JsonScalar]]:
        """Read records; nothing where the mapping has no request for it."""
        if self._sections[obj.name].read is None:
            return {}
        return await self._finders[obj.name].read(crm_ids, fields)

    async def erase(self, obj: CrmObject, crm_ids: Sequence[str]) -> None:
        """Delete records. Raises ``CrmRejectedError`` where the mapping has no request for it."""
        section = self._sections[obj.name]
        request = section.delete
        if request is None:
            raise CrmRejectedError(
                f"the mapping has no [{section.kind}.delete]", code="no_delete_request"
            )

        async def one(ids: Sequence[str]) -> None:
            answer = await self._calls.send(
                request, {"crm_id": ids[0]}, call=f"{section.kind}.delete", wants_json=False
            )
            if answer.meaning not in {"ok", "gone"}:
                raise answer.refusal(request)

        await gather_in_batches(crm_ids, 1, one, concurrency=self._concurrency)

    async def account(self) -> Account:
        """Ask the question of ``[ping]``, if there is one."""
        ping = self._plan.ping
        if ping is None:
            return Account(id="", name="not asked: the mapping has no [ping]")
        answer = await self._calls.send(ping.request, {}, call="ping", wants_json=False)
        if answer.meaning != "ok":
            raise refused_question(answer, ping.request)
        return Account(
            id=_told(ping.id, answer.payload) or "",
            name=_told(ping.name, answer.payload) or "the CRM answers, the credentials are good",
        )

    async def setup(self, *, apply: bool) -> Sequence[Change]:
        """Make what ``[[setup]]`` names, and say what the mapping has to do without."""
        changes = [await self._prepare(each, apply=apply) for each in self._plan.setup]
        return [*changes, *missing_requests(self._plan)]

    async def list(self, obj: CrmObject, since: datetime, cursor: str | None) -> Page:
        """Return one page of what changed. Raises ``CrmAccessError`` where nothing lists it."""
        section = self._sections[obj.name]
        search = section.list
        if search is None:
            raise CrmAccessError(f"the mapping has no [{section.kind}.list]", reason="setup")
        found, following = await self._calls.page(
            search.request,
            {"since": since},
            cursor,
            records=search.records,
            paging=search.paging,
            call=f"{section.kind}.list",
        )
        records = [listed(section, search, obj.key, each) for each in found]
        return Page([each for each in records if each is not None], following)

    async def _prepare(self, wanted: Preparation, *, apply: bool) -> Change:
        if await self._is_there(wanted):
            return Change(wanted.what, "present")
        if not apply:
            return Change(wanted.what, "wanted")
        answer = await self._calls.send(wanted.make, {}, call="setup", wants_json=False)
        if answer.meaning in {"ok", "conflict_exists"}:
            return Change(wanted.what, "created")
        return Change(wanted.what, "refused", str(answer.refusal(wanted.make)))

    async def _is_there(self, wanted: Preparation) -> bool:
        """Ask for something; 403 is how some APIs speak of what does not exist."""
        try:
            answer = await self._calls.send(wanted.ask, {}, call="setup", wants_json=False)
        except CrmAccessError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            return False
        return answer.meaning == "ok"

    def _names(self, fits: Any) -> frozenset[str]:
        return frozenset(name for name, section in self._sections.items() if fits(section))


def _told(pointer: Pointer | None, payload: Any) -> str | None:
    return None if pointer is None else identity(pointer.of(payload))
