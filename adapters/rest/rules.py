"""What an answer means: the mapping's ``[[errors]]``, the first that fits, else by its status."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Literal, get_args

import httpx

from adapters.rest.patterns import matches, read_pattern
from adapters.rest.pointers import ABSENT, Pointer, is_none
from adapters.rest.reading import Path, Reader, Table
from connector.crm import payload, retry_after

Meaning = Literal[
    "ok",
    "retry",
    "rate_limited",
    "auth",
    "conflict_exists",
    "gone",
    "permanent",
    "stop_all",
]
MEANINGS: Final[tuple[Meaning, ...]] = get_args(Meaning)

_KEYS: Final = (
    *("status", "method", "header", "content_type", "pointer", "equals", "matches", "class"),
    *("wait", "wait_header", "wait_pointer", "wait_until_pointer", "code"),
)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "SEARCH", "QUERY")
_LONGEST_WAIT: Final = timedelta(hours=1)
_UNTOLD: Final = timedelta(seconds=10)
_MILLISECONDS_FROM: Final = 10**11
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Wait:
    """How long an answer asks us to stay away."""

    fixed: timedelta | None = None
    header: str | None = None
    pointer: Pointer | None = None
    until: Pointer | None = None

    def told_by(self, response: httpx.Response) -> timedelta:
        """Return it, at most an hour."""
        if self.pointer is not None and (told := _seconds(self.pointer, response)) is not None:
            return _clamp(timedelta(seconds=told))
        if self.until is not None and (told := _seconds(self.until, response)) is not None:
            epoch = told / 1000 if told >= _MILLISECONDS_FROM else told
            return _clamp(datetime.fromtimestamp(epoch, UTC) - datetime.now(UTC))
        if self.header is not None:
            renamed = httpx.Response(
                response.status_code,
                headers={
                    "Retry-After": response.headers.get(self.header, ""),
                    "Date": response.headers.get("Date", ""),
                },
            )
            return retry_after(renamed, default=self.fixed or _UNTOLD)
        return self.fixed or retry_after(response)


@dataclass(frozen=True, slots=True)
class Rule:
    """One of ``[[errors]]``. What is not given fits everything."""

    meaning: Meaning
    statuses: frozenset[int] | None = None
    method: str | None = None
    header: str | None = None
    content_type: str | None = None
    pointer: Pointer | None = None
    equals: Any = _NOTHING
    pattern: re.Pattern[str] | None = None
    wait: Wait = Wait()
    code: Pointer | None = None

    def fits(self, response: httpx.Response) -> bool:
        """Say whether the rule is about this answer."""
        if not self._fits_call(response):
            return False
        if self.header is not None and self.header not in response.headers:
            return False
        kind = response.headers.get("Content-Type", "").lower()
        if not kind.startswith((self.content_type or "").lower()):
            return False
        if self.pointer is not None:
            found = self.pointer.of(payload(response))
            return found is not ABSENT and self._fits_value(found)
        if self.header is not None:
            return self._fits_value(response.headers[self.header])
        return self.pattern is None or matches(self.pattern, response.text)

    def _fits_call(self, response: httpx.Response) -> bool:
        if self.method is not None and response.request.method != self.method:
            return False
        return self.statuses is None or response.status_code in self.statuses

    def _fits_value(self, found: Any) -> bool:
        if self.equals is not _NOTHING:
            return found == self.equals and isinstance(found, bool) is isinstance(self.equals, bool)
        if self.pattern is not None:
            return matches(self.pattern, found if isinstance(found, str) else str(found))
        return not is_none(found)


def find_rule(rules: Sequence[Rule], response: httpx.Response) -> Rule | None:
    """Return the first rule that fits."""
    return next((rule for rule in rules if rule.fits(response)), None)


def meaning_of_status(status: int) -> Meaning:
    """Return what an answer means that no rule is about."""
    if 200 <= status < 300:
        return "ok"
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return "gone"
    if status in {HTTPStatus.LOCKED, HTTPStatus.TOO_EARLY}:
        return "retry"
    return "permanent"


def read_rules(reader: Reader, raw: object) -> tuple[Rule, ...]:
    """Read ``[[errors]]``."""
    return tuple(_read_rule(reader, path, each) for path, each in reader.tables(("errors",), raw))


def _read_rule(reader: Reader, path: Path, raw: object) -> Rule:
    table = reader.table(path, raw, _KEYS)
    meaning: Any = reader.word(path, table, "class", MEANINGS, required=bool(table))
    rule = Rule(
        meaning=meaning or "permanent",
        statuses=_read_statuses(reader, path, table),
        method=reader.word(path, table, "method", _METHODS),
        header=reader.text(path, table, "header"),
        content_type=reader.text(path, table, "content_type"),
        pointer=reader.pointer(path, table, "pointer"),
        equals=_read_equals(reader, path, table),
        pattern=_read_pattern(reader, path, table),
        wait=Wait(
            fixed=reader.duration(path, table, "wait"),
            header=reader.text(path, table, "wait_header"),
            pointer=reader.pointer(path, table, "wait_pointer"),
            until=reader.pointer(path, table, "wait_until_pointer"),
        ),
        code=reader.pointer(path, table, "code"),
    )
    if not table.keys() & {"status", "header", "content_type", "pointer", "matches"}:
        reader.complain(path, "fits every answer", expected="status, header, pointer or the like")
    if "equals" in table and not table.keys() & {"pointer", "header"}:
        reader.complain((*path, "equals"), "compares nothing", expected="a pointer or a header")
    return rule


def _read_statuses(reader: Reader, path: Path, table: Table) -> frozenset[int] | None:
    raw = table.get("status")
    if raw is None:
        return None
    found = [each for _, each in reader.tables((*path, "status"), raw)]
    if not all(isinstance(each, int) and 100 <= each < 600 for each in found) or not found:
        reader.complain((*path, "status"), "is not a status", expected="such as 503 or [502, 503]")
        return None
    return frozenset(found)  # type: ignore[arg-type]  # each was looked at


def _read_equals(reader: Reader, path: Path, table: Table) -> Any:
    raw = table.get("equals", _NOTHING)
    if raw is _NOTHING or isinstance(raw, str | int | float):
        return raw
    reader.complain((*path, "equals"), "cannot be compared", expected="a text or a number")
    return _NOTHING


def _read_pattern(reader: Reader, path: Path, table: Table) -> re.Pattern[str] | None:
    text = reader.text(path, table, "matches")
    if text is None:
        return None
    try:
        return read_pattern(text)
    except ValueError as error:
        reader.complain((*path, "matches"), str(error), expected="a short regular expression")
        return None


def _seconds(pointer: Pointer, response: httpx.Response) -> float | None:
    found = pointer.of(payload(response))
    try:
        return None if isinstance(found, bool) else float(found)
    except (TypeError, ValueError):
        return None


def _clamp(wait: timedelta) -> timedelta:
    return min(max(wait, timedelta(0)), _LONGEST_WAIT)


_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{1,79}")
_CODES: Final = ("code", "error_code", "errorCode", "error", "type", "reason", "errno")
_SENTENCES: Final = (
    "message",
    "detail",
    "error_description",
    "description",
    "title",
    "error",
    "msg",
)
_FIELDS: Final = ("field", "fieldName", "property", "param", "parameter", "attribute")


def complaint(response: httpx.Response, rule: Rule | None) -> tuple[str, str | None]:
    """Return the CRM's own machine word, else its status; and the field it complains of, if any.

    For its sentences see ``sentence``.
    """
    body = payload(response)
    spots = list(_spots(body))
    told = [rule.code.of(body)] if rule is not None and rule.code is not None else []
    told += [spot.get(name) for spot in spots for name in _CODES]
    code = next((each for each in told if _is_word(each)), str(response.status_code))
    named = [spot.get(name) for spot in spots for name in _FIELDS]
    if isinstance(body, dict) and isinstance(errors := body.get("errors"), dict):
        named += list(errors)
    return code, next((each for each in named if _is_word(each)), None)


def sentence(response: httpx.Response) -> str | None:
    """Return what the CRM says for people to read; it may repeat what they typed."""
    told = (spot.get(name) for spot in _spots(payload(response)) for name in _SENTENCES)
    return next((each for each in told if isinstance(each, str) and " " in each), None)


def _spots(body: Any) -> Sequence[Mapping[str, Any]]:
    """Return the tables in which APIs say what is wrong."""
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return []
    spots = [first]
    for name in ("error", "errors", "details", "extensions"):
        for spot in list(spots):
            inner = spot.get(name)
            inner = inner[0] if isinstance(inner, list) and inner else inner
            if isinstance(inner, dict):
                spots.append(inner)
    return spots[::-1]


def _is_word(value: object) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None
