"""What people do in Pipedrive's own pages, and what a test wants to see.

GET    /_sandbox/state     counts, calls, tokens, and every record (``?objects=none``, or some
                           kinds, leaves records out); custom fields under their labels
POST   /_sandbox/create    a record as people make one: ``{type, body}``, the body as the API takes
                           it, but custom fields by label
POST   /_sandbox/edit      ``{type, id, body}``
POST   /_sandbox/delete    ``{type, id}``
POST   /_sandbox/merge     ``{removed, survivor}``
POST   /_sandbox/field     ``{name, type}`` adds a custom field of persons, as often as asked;
                           DELETE ``{name}`` takes every field of that name away
POST   /_sandbox/index     let searches see everything now
POST   /_sandbox/reset     forget records, calls and faults; ``{"schema": true}`` also fields
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import Field
from starlette.routing import Route

from connector.sandbox.control import Body, Control, Deletion, Merge, Order, reset_wire, wire_state
from connector.sandbox.pipedrive import activities, deals, fields, merging, notes, persons
from connector.sandbox.pipedrive.answers import Answer, not_found
from connector.sandbox.pipedrive.company import RECORDS, Company
from connector.sandbox.pipedrive.inputs import Json
from connector.sandbox.pipedrive.store import Query
from connector.sandbox.wire import Wire


class _Record(Order):
    type: str
    body: dict[str, Any]


class _Edit(Order):
    type: str
    id: int
    body: dict[str, Any]


class _Field(Order):
    name: str
    type: str = "varchar"
    options: list[str] | None = None


class _Reset(Order):
    definitions: bool = Field(default=False, alias="schema")


Create = Callable[[Company, Any], Answer]
Update = Callable[[Company, int, Any], Answer]
Delete = Callable[[Company, int], Answer]

_VERBS: Final[Mapping[str, tuple[Create, Update, Delete]]] = {
    "persons": (persons.create_person, persons.update_person, persons.delete_person),
    "activities": (
        activities.create_activity,
        activities.update_activity,
        activities.delete_activity,
    ),
    "notes": (notes.create_note, notes.update_note, notes.delete_note),
    "deals": (deals.create_deal, deals.update_deal, deals.delete_deal),
}


class SideDoor:
    """The orders that only a Pipedrive takes."""

    def __init__(self, company: Company, wire: Wire) -> None:
        self._company = company
        self._wire = wire

    def routes(self) -> list[Route]:
        """Return the routes of the side door, without their prefix."""
        company = self._company
        control = Control(
            self._wire,
            settings=company.settings,
            tokens=company.access,
            transaction=company.store.transaction,
        )
        return control.routes(
            (
                ("GET", "/state", self._state),
                ("POST", "/create", self._create),
                ("POST", "/edit", self._edit),
                ("POST", "/delete", self._delete),
                ("POST", "/merge", self._merge),
                ("POST", "/field", self._add_field),
                ("DELETE", "/field", self._drop_field),
                ("POST", "/index", self._index),
                ("POST", "/reset", self._reset),
            )
        )

    def _state(self, _: Body, query: Mapping[str, str]) -> Any:
        objects = query.get("objects")
        kinds = RECORDS if objects is None else objects.split(",")
        return {**show_state(self._company, kinds), **wire_state(self._wire)}

    def _create(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = _Record.model_validate(body)
        create = _verbs(asked.type)[0]
        return _data(create(self._company, _by_code(self._company, asked.body)))

    def _edit(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = _Edit.model_validate(body)
        update = _verbs(asked.type)[1]
        return _data(update(self._company, asked.id, _by_code(self._company, asked.body)))

    def _delete(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = Deletion.model_validate(body)
        return _data(_verbs(asked.type)[2](self._company, asked.id))

    def _merge(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = Merge.model_validate(body)
        return {"id": merging.merge(self._company, asked.removed, asked.survivor).id}

    def _add_field(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = _Field.model_validate(body)
        field: Json = {"field_name": asked.name, "field_type": asked.type}
        if asked.options is not None:
            field["options"] = [{"label": label} for label in asked.options]
        return _data(fields.create_field(self._company, field))

    def _drop_field(self, body: Body, _: Mapping[str, str]) -> Any:
        name = _Field.model_validate(body).name
        for record in fields.definitions(self._company):
            if record.body["field_name"] == name:
                fields.delete_field(self._company, record.body["field_code"])
        return {}

    def _index(self, _: Body, __: Mapping[str, str]) -> Any:
        self._company.store.index_all()
        return {}

    def _reset(self, body: Body, _: Mapping[str, str]) -> Any:
        self._company.reset(schema=_Reset.model_validate(body).definitions)
        reset_wire(self._wire)
        return {}


def show_state(company: Company, kinds: Sequence[str]) -> Json:
    """Return how many records there are, what was spent, and the records of some kinds whole."""
    counts = company.store.counts()
    shows: Mapping[str, Callable[[], list[Json]]] = {
        "persons": lambda: show_persons(company),
        "activities": lambda: [
            activities.show_activity(each) for each in company.store.live("activities", Query())
        ],
        "notes": lambda: [notes.show_note(each) for each in company.store.live("notes", Query())],
        "deals": lambda: [deals.show_deal(each) for each in company.store.live("deals", Query())],
    }
    return {
        "counts": {kind: counts.get(kind, 0) for kind in RECORDS},
        "tokens": company.quota.tokens,
        "tokens_today": company.quota.tokens_today,
        **{kind: shows[kind]() for kind in kinds if kind in shows},
    }


def show_persons(company: Company) -> list[Json]:
    """Return every person, with custom fields under the labels people see."""
    labels = {
        record.body["field_code"]: record.body["field_name"]
        for record in fields.definitions(company)
    }
    shown: list[Json] = []
    for person in company.store.live("persons", Query()):
        record = persons.show_person(company, person, tuple(labels))
        values = record.pop("custom_fields")
        shown.append({**record, "custom": {labels[code]: values[code] for code in labels}})
    return shown


def _verbs(kind: str) -> tuple[Create, Update, Delete]:
    if kind not in _VERBS:
        raise not_found(kind)
    return _VERBS[kind]


def _by_code(company: Company, body: Json) -> Json:
    """Return a body whose custom fields stand under their codes instead of their labels."""
    customs = body.get("custom_fields")
    if not isinstance(customs, dict):
        return body
    codes = {
        record.body["field_name"]: record.body["field_code"]
        for record in fields.definitions(company)
    }
    return {
        **body,
        "custom_fields": {codes.get(name, name): value for name, value in customs.items()},
    }


def _data(answer: Answer) -> Any:
    return answer.body["data"] if isinstance(answer.body, dict) else None
