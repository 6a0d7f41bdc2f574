"""The properties a portal has: those of every portal, and those that were created here."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from connector.sandbox.hubspot.built_in import BUILT_IN, Property
from connector.sandbox.hubspot.refusals import bad_request
from connector.sandbox.hubspot.settings import Settings
from connector.sandbox.hubspot.store import Store

MOST_UNIQUE: Final = 10
"""Unique properties that one object type may have."""

_BUILT_IN_GROUPS: Final = {"information": "Information"}


class Definitions:
    """What properties and groups exist, by object type. Kept in memory, written through."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._own: dict[str, dict[str, Property]] = {kind: {} for kind in BUILT_IN}
        self._archived: dict[str, dict[str, Property]] = {kind: {} for kind in BUILT_IN}
        self._groups: dict[str, dict[str, str]] = {
            kind: dict(_BUILT_IN_GROUPS) for kind in BUILT_IN
        }
        rows = store.connection.execute("SELECT type, body, archived FROM definition")
        for kind, body, archived in rows:
            definition = _read(body)
            (self._archived if archived else self._own)[kind][definition.name] = definition
        rows = store.connection.execute("SELECT type, name, label FROM property_group")
        for kind, name, label in rows:
            self._groups[kind][name] = label
        self._merged: dict[str, Mapping[str, Property]] = {}

    def of(self, kind: str) -> Mapping[str, Property]:
        """Return the live definitions of one object type, by name."""
        found = self._merged.get(kind)
        if found is None:
            found = self._merged[kind] = {**self._built_in(kind), **self._own[kind]}
        return found

    def unique(self, kind: str) -> list[str]:
        """Return the names of the properties whose values are unique."""
        return [name for name, each in self.of(kind).items() if each.unique]

    def groups(self, kind: str) -> Mapping[str, str]:
        """Return the labels of the property groups, by name."""
        return self._groups[kind]

    def create_group(self, kind: str, name: str, label: str) -> None:
        """Add a group, which must not exist."""
        self._groups[kind][name] = label
        self._store.connection.execute(
            "INSERT INTO property_group VALUES (?, ?, ?)", (kind, name, label)
        )

    def create(self, kind: str, definition: Property) -> Property:
        """Add a property, which must not exist. An archived one of that name comes back instead."""
        former = self._archived[kind].pop(definition.name, None)
        if former is not None:
            definition = former
        elif definition.unique:
            self._check_unique(kind)
        self._own[kind][definition.name] = definition
        self._write(kind, definition, archived=False)
        return definition

    def change(self, kind: str, name: str, changes: Mapping[str, Any]) -> Property:
        """Replace parts of the definition of a property of one's own."""
        definition = self._own[kind][name] = replace(self._own[kind][name], **changes)
        self._write(kind, definition, archived=False)
        return definition

    def archive(self, kind: str, name: str) -> None:
        """Take a property away. Its values stay in the records, unseen."""
        definition = self._own[kind].pop(name, None)
        if definition is None:
            raise bad_request(f"Property {name} cannot be archived")
        self._archived[kind][name] = definition
        self._write(kind, definition, archived=True)

    def forget(self) -> None:
        """Drop every property and group that was created here."""
        for kind in BUILT_IN:
            self._own[kind].clear()
            self._archived[kind].clear()
            self._groups[kind] = dict(_BUILT_IN_GROUPS)
        self._store.connection.execute("DELETE FROM definition")
        self._store.connection.execute("DELETE FROM property_group")
        self._merged.clear()

    def refresh(self) -> None:
        """Take notice that a setting which decides a built-in definition changed."""
        self._merged.clear()

    def _built_in(self, kind: str) -> Mapping[str, Property]:
        found = BUILT_IN[kind]
        if kind == "contacts" and self._settings.whatsapp_phone_read_only:
            name = "hs_whatsapp_phone_number"
            return {**found, name: replace(found[name], read_only=True)}
        return found

    def _check_unique(self, kind: str) -> None:
        if kind in self._settings.refuse_unique_on:
            raise bad_request(f"Properties with unique values are not supported for {kind}")
        if len([each for each in self._own[kind].values() if each.unique]) >= MOST_UNIQUE:
            raise bad_request(f"At most {MOST_UNIQUE} properties with unique values are allowed")

    def _write(self, kind: str, definition: Property, *, archived: bool) -> None:
        self._merged.clear()
        self._store.connection.execute(
            "INSERT INTO definition VALUES (?, ?, ?, ?) ON CONFLICT (type, name)"
            " DO UPDATE SET body = excluded.body, archived = excluded.archived",
            (kind, definition.name, json.dumps(asdict(definition)), archived),
        )


def _read(body: str) -> Property:
    values = json.loads(body)
    values["options"] = tuple(tuple(each) for each in values["options"])
    return Property(**values)
