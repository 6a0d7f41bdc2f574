"""What people do in the CRM's own pages, and what a test wants to see.

GET    /_sandbox/state     counts, calls and every record (``?objects=none``, or some kinds)
POST   /_sandbox/create    a record as people make one: ``{type, fields}``
POST   /_sandbox/edit      ``{type, id, fields}``
POST   /_sandbox/delete    ``{type, id}``
POST   /_sandbox/merge     ``{removed, survivor}``: two contacts
POST   /_sandbox/index     let searches see everything now
POST   /_sandbox/reset     forget records, calls and faults
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.routing import Route

from connector.sandbox.control import (
    Body,
    Control,
    Deletion,
    Merge,
    Order,
    RefusedError,
    reset_wire,
    wire_state,
)
from connector.sandbox.rest import records
from connector.sandbox.rest.account import KINDS, Account
from connector.sandbox.rest.answers import RefusalError
from connector.sandbox.wire import Wire


class _Record(Order):
    type: str
    fields: dict[str, Any]


class _Edit(Order):
    type: str
    id: int
    fields: dict[str, Any]


class SideDoor:
    """The orders that only this CRM takes."""

    def __init__(self, account: Account, wire: Wire) -> None:
        self._account = account
        self._wire = wire

    def routes(self) -> list[Route]:
        """Return the routes of the side door, without their prefix."""
        account = self._account
        control = Control(
            self._wire,
            settings=account.settings,
            tokens=account.access,
            transaction=account.store.transaction,
        )
        return control.routes(
            (
                ("GET", "/state", self._state),
                ("POST", "/create", self._create),
                ("POST", "/edit", self._edit),
                ("POST", "/delete", self._delete),
                ("POST", "/merge", self._merge),
                ("POST", "/index", self._index),
                ("POST", "/reset", self._reset),
            )
        )

    def _state(self, _: Body, query: Mapping[str, str]) -> Any:
        objects = query.get("objects")
        kinds = KINDS if objects is None else objects.split(",")
        counts = self._account.store.counts()
        return {
            "counts": {kind: counts.get(kind, 0) for kind in KINDS},
            **{
                kind: [records.show(each) for each in self._account.store.live(kind)]
                for kind in kinds
                if kind in KINDS
            },
            **wire_state(self._wire),
        }

    def _create(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = _Record.model_validate(body)
        with _as_an_order():
            kind = records.require_kind(asked.type)
            return {"id": records.create(self._account, kind, asked.fields).id}

    def _edit(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = _Edit.model_validate(body)
        with _as_an_order():
            kind = records.require_kind(asked.type)
            return {"id": records.change(self._account, kind, asked.id, asked.fields).id}

    def _delete(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = Deletion.model_validate(body)
        with _as_an_order():
            records.delete(self._account, records.require_kind(asked.type), asked.id)
        return {}

    def _merge(self, body: Body, _: Mapping[str, str]) -> Any:
        asked = Merge.model_validate(body)
        with _as_an_order():
            return {"id": records.merge(self._account, asked.removed, asked.survivor).id}

    def _index(self, _: Body, __: Mapping[str, str]) -> Any:
        self._account.store.connection.execute("UPDATE record SET created = created - 3600")
        return {}

    def _reset(self, _: Body, __: Mapping[str, str]) -> Any:
        self._account.store.clear()
        reset_wire(self._wire)
        return {}


@contextmanager
def _as_an_order() -> Iterator[None]:
    """Refuse an order as the API would refuse a call."""
    try:
        yield
    except RefusalError as error:
        raise RefusedError(error.answer.status, error.answer.body) from None
