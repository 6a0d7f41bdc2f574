"""Search: filters over what the index knows, which lags behind the records."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.sandbox.hubspot.built_in import Property
from connector.sandbox.hubspot.inputs import Json, read_object, read_texts
from connector.sandbox.hubspot.object_types import ObjectType, object_type
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.records import show_wanted
from connector.sandbox.hubspot.refusals import Answer, bad_request
from connector.sandbox.hubspot.store import SEARCHED, Stored
from connector.sandbox.hubspot.values import milliseconds_of
from connector.sandbox.hubspot.writing import every_property

LONGEST_BODY: Final = 3_000
"""Characters of a request body."""
MOST_RESULTS: Final = 200
"""Results of one page."""
DEEPEST: Final = 10_000
"""Results that paging can reach."""
MOST_VALUES: Final = 100
"""Values of one IN filter."""
_MOST_GROUPS: Final = 5
_MOST_FILTERS: Final = 6
_MOST_FILTERS_IN_ALL: Final = 18

_ONE_VALUE: Final = frozenset(
    {"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}
)
_LISTS: Final = frozenset({"IN", "NOT_IN"})
_BARE: Final = frozenset({"HAS_PROPERTY", "NOT_HAS_PROPERTY"})
_SEARCHED_BY_WORDS: Final = ("firstname", "lastname", "email", "phone", "company", "dealname")

Key = float | str


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one property, or on the records that one is linked to."""

    name: str
    operator: str
    values: tuple[str, ...]
    definition: Property | None
    """``None`` where the condition is on links."""

    def holds(self, found: Sequence[str]) -> bool:
        """Say whether the condition holds for the values found: none, one, or several links."""
        match self.operator:
            case "HAS_PROPERTY":
                return bool(found)
            case "NOT_HAS_PROPERTY":
                return not found
            case "NEQ" | "NOT_IN" | "NOT_CONTAINS_TOKEN":
                return not any(self._one(each) for each in found)
            case _:
                return any(self._one(each) for each in found)

    def _one(self, text: str) -> bool:
        value, wanted = self._key(text), [self._key(each) for each in self.values]
        match self.operator:
            case "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN":
                return _has_token(text, self.values[0])
            case "LT" | "LTE" | "GT" | "GTE" | "BETWEEN":
                return _ranks(self.operator, value, wanted)
            case _:
                return value in wanted

    def _key(self, text: str) -> Key:
        kind = self.definition.type if self.definition else "string"
        if kind in {"datetime", "date"}:
            moment = milliseconds_of(text)
            return text.lower() if moment is None else float(moment)
        if kind == "number":
            try:
                return float(text)
            except ValueError:
                return text.lower()
        return text.lower()


def search(portal: Portal, kind: ObjectType, raw: bytes, body: Any) -> Answer:
    """Return one page of the records that fit one of the filter groups, oldest first."""
    if len(raw.decode("utf-8", "replace")) > LONGEST_BODY:
        raise bad_request(f"The request body is longer than {LONGEST_BODY} characters")
    keys = {"filterGroups", "properties", "limit", "after", "sorts"}
    required = keys if portal.settings.full_form else ()
    read_object(body, allowed={*keys, "query"}, required=required)
    groups = _read_groups(portal, kind, body.get("filterGroups", []))
    wanted = read_texts(body.get("properties", []), "properties")
    limit, after = _read_page(body)
    sort = _read_sort(body.get("sorts", []))
    records = [
        record
        for record in _candidates(portal, kind, groups)
        if _fits(portal, kind, record, groups) and _has_words(record, body.get("query"))
    ]
    _sort(records, kind, sort)
    page = records[after : after + limit]
    answer: Json = {
        "total": len(records),
        "results": [show_wanted(portal, kind, each, wanted) for each in page],
    }
    if after + len(page) < len(records):
        answer["paging"] = {"next": {"after": str(after + len(page)), "link": "?after"}}
    return Answer(200, answer)


def _read_groups(portal: Portal, kind: ObjectType, value: Any) -> list[list[Filter]]:
    if not isinstance(value, list) or len(value) > _MOST_GROUPS:
        raise bad_request(f"'filterGroups' must be a list of at most {_MOST_GROUPS}")
    groups: list[list[Filter]] = []
    for group in value:
        read_object(group, allowed={"filters"}, required={"filters"}, what="a filter group")
        filters = group["filters"]
        if not isinstance(filters, list) or not 1 <= len(filters) <= _MOST_FILTERS:
            raise bad_request(f"'filters' must be a list of 1 to {_MOST_FILTERS}")
        groups.append([_read_filter(portal, kind, each) for each in filters])
    if sum(map(len, groups)) > _MOST_FILTERS_IN_ALL:
        raise bad_request(f"At most {_MOST_FILTERS_IN_ALL} filters are allowed")
    return groups


def _read_filter(portal: Portal, kind: ObjectType, value: Any) -> Filter:
    allowed = {"propertyName", "operator", "value", "values", "highValue"}
    read_object(value, allowed=allowed, required={"propertyName", "operator"}, what="a filter")
    name, operator = value["propertyName"], value["operator"]
    definition = None
    if isinstance(name, str) and name.startswith("associations."):
        object_type(name.removeprefix("associations."))
    else:
        definition = portal.definitions.of(kind.name).get(name)
        if definition is None:
            raise bad_request(f"There was a problem with the request: no property {name!r}")
    if operator in _BARE:
        values: list[str] = []
    elif operator in _LISTS:
        values = read_texts(value.get("values"), "values")
        if not 1 <= len(values) <= MOST_VALUES:
            raise bad_request(f"{operator} takes 1 to {MOST_VALUES} values")
    elif operator == "BETWEEN":
        values = read_texts([value.get("value"), value.get("highValue")], "value and highValue")
    elif operator in _ONE_VALUE:
        values = read_texts([value.get("value")], "value")
    else:
        raise bad_request(f"Unknown operator {operator!r}")
    return Filter(name, operator, tuple(values), definition)


def _read_page(body: Mapping[str, Any]) -> tuple[int, int]:
    limit, after = body.get("limit", 10), body.get("after", "0")
    if type(limit) is not int or not 1 <= limit <= MOST_RESULTS:
        raise bad_request(f"'limit' must be 1 to {MOST_RESULTS}")
    text = str(after)
    if isinstance(after, bool) or not re.fullmatch(r"\d{0,9}", text, re.ASCII):
        raise bad_request("'after' must be the cursor of a former answer")
    start = int(text or 0)
    if start + limit > DEEPEST:
        raise bad_request(f"Paging reaches {DEEPEST} results and no more")
    return limit, start


def _read_sort(value: Any) -> tuple[str, bool] | None:
    """Return the property to sort by and whether downwards."""
    if not isinstance(value, list) or len(value) > 1:
        raise bad_request("'sorts' must be a list of at most one")
    if not value:
        return None
    each = value[0]
    if isinstance(each, str):
        return each.removeprefix("-"), each.startswith("-")
    read_object(each, allowed={"propertyName", "direction"}, required={"propertyName"})
    return str(each["propertyName"]), each.get("direction") == "DESCENDING"


def _sort(records: list[Stored], kind: ObjectType, sort: tuple[str, bool] | None) -> None:
    records.sort(key=lambda each: (each.created, each.id))
    if sort is not None:
        name, downwards = sort
        records.sort(
            key=lambda each: _place(every_property(kind, each).get(name)), reverse=downwards
        )


def _place(value: str | None) -> tuple[int, float, str]:
    if value is None:
        return 0, 0.0, ""
    try:
        return 1, float(value), ""
    except ValueError:
        return 2, 0.0, value


def _candidates(
    portal: Portal, kind: ObjectType, groups: Sequence[Sequence[Filter]]
) -> Iterable[Stored]:
    """Return, as the index knows them, the records among which all that fit must be."""
    definitions = portal.definitions.of(kind.name)
    terms: list[tuple[str, str]] = []
    claims: list[tuple[str, str]] = []
    for group in groups:
        exact = [each for each in group if each.operator in {"EQ", "IN"} and each.definition]
        term = next((each for each in exact if each.name in SEARCHED), None)
        claim = next((each for each in exact if definitions[each.name].unique), None)
        if term is not None:
            terms += [(term.name, value.lower()) for value in term.values]
        elif claim is not None:
            claims += [(claim.name, value.lower()) for value in claim.values]
        else:
            return _everything(portal, kind, groups)
    if not groups:
        return _everything(portal, kind, groups)
    return _narrowed(portal, kind, terms, claims)


_VIEW: Final = (
    "SELECT id, type, CASE WHEN indexed_at > ?1 THEN old WHEN archived = 0 THEN properties END,"
    " created, updated FROM object WHERE type = ?2"
)


_NARROWED: Final = (
    _VIEW + " AND id IN (SELECT object FROM term, json_each(?3) AS wanted"  # noqa: S608 - constant
    " WHERE term.name = wanted.value ->> 0 AND term.value = wanted.value ->> 1"
    " UNION SELECT object FROM claim, json_each(?4) AS wanted WHERE claim.type = ?2"
    " AND claim.name = wanted.value ->> 0 AND claim.value = wanted.value ->> 1)"
)


def _everything(
    portal: Portal, kind: ObjectType, groups: Sequence[Sequence[Filter]]
) -> Iterable[Stored]:
    since = min((_since(kind, group) for group in groups), default=0)
    rows = portal.store.connection.execute(
        _VIEW + " AND updated >= ?3", (portal.now(), kind.name, since)
    )
    return _seen(rows)


def _since(kind: ObjectType, group: Sequence[Filter]) -> int:
    """Return the time before which nothing fits a group, in epoch milliseconds."""
    for each in group:
        if each.name in {kind.modified, "hs_lastmodifieddate"} and each.operator in {"GT", "GTE"}:
            return milliseconds_of(each.values[0]) or 0
    return 0


def _narrowed(
    portal: Portal,
    kind: ObjectType,
    terms: Sequence[tuple[str, str]],
    claims: Sequence[tuple[str, str]],
) -> Iterable[Stored]:
    values = portal.now(), kind.name, json.dumps(terms), json.dumps(claims)
    return _seen(portal.store.connection.execute(_NARROWED, values))


def _seen(rows: Iterable[tuple[int, str, str | None, int, int]]) -> Iterable[Stored]:
    for number, kind, properties, created, updated in rows:
        if properties is not None:
            yield Stored(number, kind, json.loads(properties), created, updated)


def _fits(
    portal: Portal, kind: ObjectType, record: Stored, groups: Sequence[Sequence[Filter]]
) -> bool:
    if not groups:
        return True
    values = every_property(kind, record)

    def found(name: str) -> Sequence[str]:
        if name.startswith("associations."):
            end = object_type(name.removeprefix("associations."))
            links = portal.store.links([record.id], end.name).get(record.id, [])
            return [str(link.end) for link in links]
        value = values.get(name)
        return [] if value is None else [value]

    return any(all(each.holds(found(each.name)) for each in group) for group in groups)


def _has_words(record: Stored, query: object) -> bool:
    if query is None or query == "":
        return True
    text = " ".join(record.properties.get(name, "") for name in _SEARCHED_BY_WORDS).lower()
    return all(word in text for word in str(query).lower().split())


def _has_token(text: str, token: str) -> bool:
    pattern = re.escape(token.lower()).replace(r"\*", r"\S*")
    return re.search(rf"(?<!\w){pattern}(?!\w)", text.lower()) is not None


_RANK: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "LT": lambda value, wanted: value < wanted,
    "LTE": lambda value, wanted: value <= wanted,
    "GT": lambda value, wanted: value > wanted,
    "GTE": lambda value, wanted: value >= wanted,
}


def _ranks(operator: str, value: Key, wanted: Sequence[Key]) -> bool:
    if any(type(each) is not type(value) for each in wanted):
        return False
    if operator == "BETWEEN":
        return _RANK["LTE"](wanted[0], value) and _RANK["LTE"](value, wanted[1])
    return _RANK[operator](value, wanted[0])
