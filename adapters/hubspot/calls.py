"""HubSpot's calls, one function each: inputs in, results and troubles out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx

from adapters.hubspot.errors import Json, Trouble, read_trouble, refused
from adapters.hubspot.objects import links_path, records_path
from adapters.hubspot.settings import BURST, SEARCH
from connector.crm import (
    CrmClient,
    CrmError,
    CrmInDoubtError,
    CrmUnavailableError,
    gather_in_batches,
    payload,
)

MOST_RECORDS: Final = 100
"""Records of one batch."""
MOST_LINKS: Final = 2_000
MOST_LINKED: Final = 1_000
"""Records whose links one call reads."""
_PAGE: Final = 200
_READERS: Final = 4
"""Reads under way at once."""


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What a batch was answered. An input may be in neither part: then nothing is known of it."""

    results: Sequence[Json]
    troubles: Sequence[Trouble]


class Calls:
    """The calls of one account. Each raises what the client raises, and ``CrmRejectedError``."""

    def __init__(self, client: CrmClient) -> None:
        self._client = client

    async def get(self, path: str, *, call: str, params: Mapping[str, str] | None = None) -> Json:
        """Read one thing. Raises ``CrmRejectedError`` with status 404 where it is not there."""
        response = await self._client.request("GET", path, call=call, params=params, draws=BURST)
        return _require_object(response, writes=False)

    async def create(self, path: str, body: Json, *, call: str) -> Json:
        """Make one thing."""
        response = await self._client.request("POST", path, call=call, json=body, draws=BURST)
        return _require_object(response, writes=True)

    async def write(self, kind: str, verb: str, inputs: Sequence[Json]) -> BatchAnswer:
        """``create``, ``update`` or ``upsert`` at most 100 records."""
        response = await self._client.request(
            "POST",
            records_path(kind, f"batch/{verb}"),
            call=f"{kind}.{verb}",
            json={"inputs": inputs},
            draws=BURST,
        )
        return _read_batch(response, writes=True)

    async def archive(self, kind: str, ids: Sequence[str]) -> None:
        """Put at most 100 records into the recycle bin; one that is gone is no error."""
        response = await self._client.request(
            "POST",
            records_path(kind, "batch/archive"),
            call=f"{kind}.archive",
            json={"inputs": [{"id": each} for each in ids]},
            draws=BURST,
        )
        if not response.is_success:
            raise refused(response)

    async def erase_contacts(self, crm_ids: Sequence[str]) -> None:
        """Delete contacts and their activities for good, a call each; one that is gone is none."""
        for crm_id in crm_ids:
            response = await self._client.request(
                "POST",
                records_path("contacts", "gdpr-delete"),
                call="contacts.erase",
                json={"objectId": crm_id},
                draws=BURST,
            )
            if not response.is_success and response.status_code != HTTPStatus.NOT_FOUND:
                raise refused(response)

    async def read(
        self,
        kind: str,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        id_property: str | None = None,
    ) -> BatchAnswer:
        """Read any number of records, by their ids or by a unique property."""

        async def read_some(some: Sequence[str]) -> BatchAnswer:
            body: dict[str, Any] = {
                "inputs": [{"id": each} for each in some],
                "properties": list(properties),
                "propertiesWithHistory": [],
            }
            if id_property is not None:
                body["idProperty"] = id_property
            response = await self._client.request(
                "POST",
                records_path(kind, "batch/read"),
                call=f"{kind}.read",
                json=body,
                draws=BURST,
                writes=False,
            )
            _read_records(_require_object(response, writes=False), response)
            return _read_batch(response, writes=False)

        distinct = list(dict.fromkeys(ids))
        return _join(
            await gather_in_batches(distinct, MOST_RECORDS, read_some, concurrency=_READERS)
        )

    async def search(self, kind: str, body: Json) -> Sequence[Json]:
        """Return every record that a search finds, over all its pages."""
        found: list[Json] = []
        after = "0"
        while True:
            page = await self.search_page(kind, {**body, "limit": _PAGE, "after": after})
            found += objects_in(page.get("results"))
            following = _next_page(page)
            if following is None:
                return found
            after = following

    async def search_page(self, kind: str, body: Json) -> Json:
        """Return one page of a search."""
        response = await self._client.request(
            "POST",
            records_path(kind, "search"),
            call=f"{kind}.search",
            json=body,
            draws=SEARCH,
            writes=False,
        )
        page = _require_object(response, writes=False)
        _read_records(page, response)
        return page

    async def link(self, start: str, end: str, inputs: Sequence[Json]) -> BatchAnswer:
        """Link at most 2,000 pairs of records; a link that exists is no error.

        It completes records that exist already, harms nothing at any time, and so needs no gate.
        """
        response = await self._client.request(
            "POST",
            links_path(start, end, "batch/create"),
            call=f"{start}.link",
            json={"inputs": inputs},
            draws=BURST,
            gated=False,
        )
        return _read_batch(response, writes=True)

    async def linked(self, start: str, end: str, ids: Sequence[str]) -> Mapping[str, list[str]]:
        """Return the ids that each of any number of records is linked to, in no order.

        A record may answer under another id, after a merge. Its links then count for each id that
        was asked and of which nothing was said: too much can be told apart later, a record that is
        overlooked would be written twice.
        """
        found: dict[str, list[str]] = {each: [] for each in ids}
        strays: list[str] = []
        silent = set(found)
        asked: list[Json] = [{"id": each} for each in found]
        while asked:
            some, asked = asked[:MOST_LINKED], asked[MOST_LINKED:]
            response = await self._client.request(
                "POST",
                links_path(start, end, "batch/read"),
                call=f"{start}.linked",
                json={"inputs": some},
                draws=BURST,
                writes=False,
            )
            answer = _read_batch(response, writes=False)
            silent.difference_update(each for trouble in answer.troubles for each in trouble.ids)
            for result in answer.results:
                start_of = result.get("from")
                if not isinstance(start_of, dict) or not isinstance(result.get("to"), list):
                    raise _unreadable(response, writes=False)
                origin = str(start_of.get("id"))
                silent.discard(origin)
                found.get(origin, strays).extend(
                    str(each.get("toObjectId")) for each in objects_in(result.get("to"))
                )
                following = _next_page(result)
                if following is not None:
                    asked.append({"id": origin, "after": following})
        return {each: ends + (strays if each in silent else []) for each, ends in found.items()}


def _read_batch(response: httpx.Response, *, writes: bool) -> BatchAnswer:
    if not response.is_success:
        raise refused(response)
    body = _require_object(response, writes=writes)
    if not isinstance(body.get("results"), list):
        raise _unreadable(response, writes=writes)
    return BatchAnswer(
        [
            each
            for each in objects_in(body["results"])
            if isinstance(each.get("properties") or {}, dict)
        ],
        [read_trouble(each) for each in objects_in(body.get("errors"))],
    )


def _read_records(body: Json, response: httpx.Response) -> Sequence[Json]:
    """Return the records that were read.

    One that is overlooked might be written twice: an answer with one that is unreadable is none.
    """
    results = body.get("results")
    if not isinstance(results, list) or not all(_is_record(each) for each in results):
        raise _unreadable(response, writes=False)
    return results


def _is_record(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str | int)
        and isinstance(value.get("properties") or {}, dict)
    )


def _require_object(response: httpx.Response, *, writes: bool) -> dict[str, Any]:
    if not response.is_success:
        raise refused(response)
    body = payload(response)
    if not isinstance(body, dict):
        raise _unreadable(response, writes=writes)
    return body


def _unreadable(response: httpx.Response, *, writes: bool) -> CrmError:
    text = "HubSpot's answer does not have the form that it should"
    if writes:
        return CrmInDoubtError(text, status=response.status_code)
    return CrmUnavailableError(text, status=response.status_code)


def _join(answers: Sequence[BatchAnswer]) -> BatchAnswer:
    return BatchAnswer(
        [result for answer in answers for result in answer.results],
        [trouble for answer in answers for trouble in answer.troubles],
    )


def _next_page(body: Json) -> str | None:
    paging = body.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return None if after is None else str(after)


def objects_in(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects of a list; nothing where it is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
