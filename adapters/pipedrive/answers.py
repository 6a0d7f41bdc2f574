"""Answers of Pipedrive: data out of their wrapping, and errors as far as they can be understood.

The specification declares no error bodies. An error's text holds its machine word, the status and a
field's name only: its sentences, in ``said``, may repeat the values that people typed.
"""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

from connector.crm import CrmInDoubtError, CrmRejectedError, CrmUnavailableError, payload

Json = Mapping[str, Any]

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{2,79}")
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class PipedriveRejectedError(CrmRejectedError):
    """Pipedrive refused a call with a 4xx that judges the call itself."""

    def __init__(self, status: int, word: str, sentence: str) -> None:
        super().__init__(
            f"Pipedrive: {word or status}",
            code=str(status),
            status=status,
            said=sentence.strip() or None,
        )

    @property
    def gone(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status in _GONE

    def names(self, fields: Iterable[str]) -> str | None:
        """Return the first of ``fields`` that Pipedrive complains of by name."""
        for field in fields:
            if re.search(rf"(?<![\w-]){re.escape(field)}(?![\w-])", self.said or ""):
                return field
        return None


def refused(response: httpx.Response) -> PipedriveRejectedError:
    """Return the error of a call that was answered with a 4xx."""
    body = payload(response)
    body = body if isinstance(body, dict) else {}
    code = body.get("code")
    word = code if isinstance(code, str) and _WORD.fullmatch(code) else ""
    sentence = " ".join(str(body.get(name, "")) for name in ("error", "error_info"))
    return PipedriveRejectedError(response.status_code, word, sentence)


def data_of(response: httpx.Response, *, writes: bool) -> Any:
    """Return the ``data`` of an answer. Raises where it was refused or says nothing."""
    if not response.is_success:
        raise refused(response)
    body = payload(response)
    if not isinstance(body, dict) or "data" not in body or body.get("success") is False:
        text = "Pipedrive's answer does not have the form that it should"
        if writes:
            raise CrmInDoubtError(text, status=response.status_code)
        raise CrmUnavailableError(text, status=response.status_code)
    return body["data"]


def record_of(response: httpx.Response, *, writes: bool) -> Json:
    """Return the one record of an answer, which has an ``id``."""
    data = data_of(response, writes=writes)
    if isinstance(data, dict) and isinstance(data.get("id"), int):
        return data
    text = "Pipedrive's answer does not hold the record"
    if writes:
        raise CrmInDoubtError(text, status=response.status_code)
    raise CrmUnavailableError(text, status=response.status_code)


def records_of(value: object) -> list[Json]:
    """Return the objects of a list; v1 answers ``null`` for none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def numbered(response: httpx.Response) -> list[Json]:
    """Return the records of a list, each of which has an ``id``.

    One that is overlooked might be written twice: a list with one that can not be read is none.
    """
    return _numbered(data_of(response, writes=False), response)


def found_in(response: httpx.Response) -> list[Json]:
    """Return the records that a search found, each of which has an ``id``."""
    data = data_of(response, writes=False)
    hits = data.get("items") if isinstance(data, dict) else data
    if isinstance(hits, list):
        hits = [each.get("item") if isinstance(each, dict) else each for each in hits]
    return _numbered(hits, response)


def _numbered(value: object, response: httpx.Response) -> list[Json]:
    records = [] if value is None else value
    if isinstance(records, list) and all(
        isinstance(each, dict) and type(each.get("id")) is int for each in records
    ):
        return records
    raise CrmUnavailableError(
        "Pipedrive's list does not have the form that it should", status=response.status_code
    )


def additional(response: httpx.Response) -> Json:
    """Return what an answer says beside its data."""
    body = payload(response)
    more = body.get("additional_data") if isinstance(body, dict) else None
    return more if isinstance(more, dict) else {}
