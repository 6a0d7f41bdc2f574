"""Pipedrive's calls and what each costs in tokens (its own specification says).

v2 for everything that has a v2; v1, at twice the price, for notes, users and activity types.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from adapters.pipedrive.answers import (
    Json,
    PipedriveRejectedError,
    additional,
    data_of,
    found_in,
    numbered,
    record_of,
    records_of,
    refused,
)
from adapters.pipedrive.settings import draws, search_draws
from connector.crm import CrmClient, CrmUnavailableError

MOST_LISTED: Final = 500
"""Records of one page, which costs the same as a page of one."""
MOST_IDS: Final = 100
"""Ids of one call that reads by id."""
LIST_COST: Final = 10
SEARCH_COST: Final = 20

_V1: Final = "/api/v1"
_V2: Final = "/api/v2"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: where it is, how it is changed, and what that costs."""

    name: str
    path: str
    update: Literal["PATCH", "PUT"]
    read_cost: int
    list_cost: int
    write_cost: int
    delete_cost: int


PERSONS: Final = Kind("persons", f"{_V2}/persons", "PATCH", 1, 10, 5, 3)
ACTIVITIES: Final = Kind("activities", f"{_V2}/activities", "PATCH", 1, 10, 5, 3)
DEALS: Final = Kind("deals", f"{_V2}/deals", "PATCH", 1, 10, 5, 3)
NOTES: Final = Kind("notes", f"{_V1}/notes", "PUT", 2, 20, 10, 6)


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list."""

    records: Sequence[Json]
    cursor: str | None
    answered_at: datetime | None
    """By the CRM's own clock, where the answer tells."""


class Calls:
    """The calls of one company. Each raises what the client does, or ``PipedriveRejectedError``."""

    def __init__(self, client: CrmClient) -> None:
        self._client = client

    async def create(self, kind: Kind, body: Json) -> Json:
        """Make a record. Never to be repeated without a look: nothing keeps it from being two."""
        response = await self._client.request(
            "POST",
            kind.path,
            call=f"{kind.name}.create",
            json=body,
            draws=draws(kind.write_cost),
        )
        return record_of(response, writes=True)

    async def update(self, kind: Kind, number: int, body: Json) -> Json:
        """Change a record; may be repeated."""
        response = await self._client.request(
            kind.update,
            f"{kind.path}/{number}",
            call=f"{kind.name}.update",
            json=body,
            draws=draws(kind.write_cost),
        )
        return record_of(response, writes=True)

    async def read(self, kind: Kind, number: int) -> Json | None:
        """Return a record; ``None`` for one that is gone."""
        response = await self._client.request(
            "GET",
            f"{kind.path}/{number}",
            call=f"{kind.name}.read",
            draws=draws(kind.read_cost),
        )
        try:
            record = record_of(response, writes=False)
        except PipedriveRejectedError as error:
            if error.gone:
                return None
            raise
        return None if is_gone(record) else record

    async def delete(self, kind: Kind, number: int) -> None:
        """Delete a record; one that is gone is no error."""
        response = await self._client.request(
            "DELETE",
            f"{kind.path}/{number}",
            call=f"{kind.name}.delete",
            draws=draws(kind.delete_cost),
        )
        if not response.is_success:
            refusal = refused(response)
            if not refusal.gone:
                raise refusal

    async def page(
        self, kind: Kind, params: Mapping[str, str], cursor: str | None = None
    ) -> ListPage:
        """Return one page of a list. The cursor of v1 is an offset."""
        v1 = kind is NOTES
        asked = {"limit": str(MOST_LISTED), **params}
        if cursor is not None:
            asked["start" if v1 else "cursor"] = cursor
        response = await self._client.request(
            "GET",
            kind.path,
            call=f"{kind.name}.list",
            params=asked,
            draws=draws(kind.list_cost),
        )
        records = numbered(response)
        more = additional(response)
        following = _next_offset(more) if v1 else more.get("next_cursor")
        return ListPage(
            [each for each in records if not is_gone(each)],
            None if following is None else str(following),
            _read_date(response.headers.get("Date", "")),
        )

    async def pages(self, kind: Kind, params: Mapping[str, str]) -> AsyncIterator[ListPage]:
        """Yield every page of a list; one that fails ends it with its error."""
        cursor: str | None = None
        while True:
            page = await self.page(kind, params, cursor)
            yield page
            if page.cursor is None:
                return
            if page.cursor == cursor:
                raise CrmUnavailableError("Pipedrive's list goes round in circles")
            cursor = page.cursor

    async def search_phones(self, digits: str) -> Sequence[Json]:
        """Search persons by a part of a phone; the index lags by seconds."""
        found: list[Json] = []
        cursor: str | None = None
        while True:
            params = {"term": digits, "fields": "phone", "limit": str(MOST_LISTED)}
            if cursor is not None:
                params["cursor"] = cursor
            response = await self._client.request(
                "GET",
                f"{PERSONS.path}/search",
                call="persons.search",
                params=params,
                draws=search_draws(SEARCH_COST),
            )
            found += found_in(response)
            following = additional(response).get("next_cursor")
            if following is None or following == cursor:
                return found
            cursor = str(following)

    async def search_field(self, code: str, value: str) -> Sequence[int]:
        """Search persons by the exact value of a custom field; the index lags by seconds."""
        response = await self._client.request(
            "GET",
            f"{_V2}/itemSearch/field",
            call="persons.search_field",
            params={"term": value, "entity_type": "person", "field": code, "match": "exact"},
            draws=search_draws(SEARCH_COST),
        )
        return [each["id"] for each in numbered(response)]

    async def person_fields(self) -> Sequence[Json]:
        """Return the definitions of every field of persons."""
        found: list[Json] = []
        cursor: str | None = None
        while True:
            params = {"limit": str(MOST_LISTED)} | ({} if cursor is None else {"cursor": cursor})
            response = await self._client.request(
                "GET",
                f"{_V2}/personFields",
                call="person_fields.list",
                params=params,
                draws=draws(LIST_COST),
            )
            found += records_of(data_of(response, writes=False))
            following = additional(response).get("next_cursor")
            if following is None or following == cursor:
                return found
            cursor = str(following)

    async def create_person_field(self, name: str) -> None:
        """Define a custom text field of persons."""
        response = await self._client.request(
            "POST",
            f"{_V2}/personFields",
            call="person_fields.create",
            json={"field_name": name, "field_type": "varchar"},
            draws=draws(5),
        )
        data_of(response, writes=True)

    async def activity_types(self) -> Sequence[Json]:
        """Return the types of activities in use."""
        return await self._list_v1("activityTypes", call="activity_types.list")

    async def create_activity_type(self, name: str) -> None:
        """Define a type of activity; Pipedrive makes its key of the name."""
        response = await self._client.request(
            "POST",
            f"{_V1}/activityTypes",
            call="activity_types.create",
            json={"name": name, "icon_key": "bubble"},
            draws=draws(10),
        )
        data_of(response, writes=True)

    async def users(self) -> Sequence[Json]:
        """Return every user of the company."""
        return await self._list_v1("users", call="users.list")

    async def me(self) -> Json:
        """Return who the token belongs to."""
        response = await self._client.request(
            "GET", f"{_V1}/users/me", call="users.me", draws=draws(2)
        )
        return record_of(response, writes=False)

    async def _list_v1(self, path: str, *, call: str) -> Sequence[Json]:
        response = await self._client.request("GET", f"{_V1}/{path}", call=call, draws=draws(20))
        return records_of(data_of(response, writes=False))


def number_of(crm_id: str) -> int:
    """Return a record's id as Pipedrive spells it: a number; 0, which nothing has, for any other.

    An operator may have chosen an id that is none.
    """
    return int(crm_id) if crm_id.isascii() and crm_id.isdigit() and len(crm_id) < 19 else 0


def is_gone(record: Any) -> bool:
    """Say whether a record is one that was deleted: v2 and v1 say it in different words."""
    return record.get("is_deleted") is True or record.get("active_flag") is False


def _next_offset(more: Json) -> Any:
    pagination = more.get("pagination")
    if not isinstance(pagination, dict) or not pagination.get("more_items_in_collection"):
        return None
    return pagination.get("next_start")


def _read_date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
