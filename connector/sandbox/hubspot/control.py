"""The side door of a HubSpot: what only it can be asked and ordered, beside what every sandbox can.

GET    /_sandbox/state            counts, calls, and every record with its links (``?objects=none``,
                                  or some kinds, leaves records out)
POST   /_sandbox/create           a record as people make one: ``{type, properties, links}``
POST   /_sandbox/edit             ``{type, id, properties}``; the empty text or null clears a value
POST   /_sandbox/delete           ``{type, id}``; with ``"erase": true`` a GDPR deletion
POST   /_sandbox/merge            ``{type, primary, secondary}``
POST   /_sandbox/index            let searches see everything now
POST   /_sandbox/reset            forget records, calls and faults; ``{"schema": true}`` also
                                  properties
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from starlette.routing import Route

from connector.sandbox.control import Body, Control, Order, reset_wire, wire_state
from connector.sandbox.hubspot.merging import merge_records
from connector.sandbox.hubspot.object_types import OBJECT_TYPES, object_type
from connector.sandbox.hubspot.portal import Portal
from connector.sandbox.hubspot.side_door import (
    create_record,
    delete_record,
    edit_record,
    index_everything,
    show_state,
)
from connector.sandbox.wire import Wire

Query = Mapping[str, str]


class _Record(Order):
    type: str
    properties: dict[str, str | None] = Field(default_factory=dict)
    links: list[tuple[str, int]] = Field(default_factory=list)


class _Edit(Order):
    type: str
    id: int
    properties: dict[str, str | None]


class _Deletion(Order):
    type: str
    id: int
    erase: bool = False


class _Merge(Order):
    type: str = "contacts"
    primary: int
    secondary: int


class _Reset(Order):
    definitions: bool = Field(default=False, alias="schema")


def control_routes(portal: Portal, wire: Wire) -> list[Route]:
    """Return the routes of the side door, without their prefix."""
    control = Control(
        wire,
        settings=portal.settings,
        tokens=portal.access,
        transaction=portal.store.transaction,
        settings_changed=portal.definitions.refresh,
    )
    orders = _Orders(portal, wire)
    return control.routes(
        (
            ("GET", "/state", orders.state),
            ("POST", "/create", orders.create),
            ("POST", "/edit", orders.edit),
            ("POST", "/delete", orders.delete),
            ("POST", "/merge", orders.merge),
            ("POST", "/index", orders.index),
            ("POST", "/reset", orders.reset),
        )
    )


class _Orders:
    """The orders that only a HubSpot takes."""

    def __init__(self, portal: Portal, wire: Wire) -> None:
        self._portal = portal
        self._wire = wire

    def state(self, _: Body, query: Query) -> Any:
        objects = query.get("objects")
        names = list(OBJECT_TYPES) if objects is None else objects.split(",")
        shown = show_state(self._portal, [name for name in names if name in OBJECT_TYPES])
        return {**shown, **wire_state(self._wire)}

    def create(self, body: Body, _: Query) -> Any:
        asked = _Record.model_validate(body)
        kind = object_type(asked.type)
        return {"id": str(create_record(self._portal, kind, asked.properties, asked.links))}

    def edit(self, body: Body, _: Query) -> Any:
        asked = _Edit.model_validate(body)
        kind = object_type(asked.type)
        return {"id": str(edit_record(self._portal, kind, asked.id, asked.properties))}

    def delete(self, body: Body, _: Query) -> Any:
        asked = _Deletion.model_validate(body)
        delete_record(self._portal, object_type(asked.type), asked.id, erase=asked.erase)
        return {}

    def merge(self, body: Body, _: Query) -> Any:
        asked = _Merge.model_validate(body)
        kind = object_type(asked.type)
        return {"id": str(merge_records(self._portal, kind, asked.primary, asked.secondary).id)}

    def index(self, _: Body, __: Query) -> Any:
        index_everything(self._portal)
        return {}

    def reset(self, body: Body, _: Query) -> Any:
        asked = _Reset.model_validate(body)
        self._portal.store.clear()
        self._portal.quota.reset()
        reset_wire(self._wire)
        if asked.definitions:
            self._portal.definitions.forget()
        return {}
