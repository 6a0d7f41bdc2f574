"""A destination at work: its adapter, its mapping, and what the CRM's schema makes of them."""

import dataclasses
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from connector.crm.adapter import Adapter
from connector.crm.client import CrmClient
from connector.deliver.plan import OnDeleted
from connector.mapping.labels import Labels
from connector.mapping.models import Field, Mapping
from connector.mapping.render import Renderer
from connector.model.number import Number
from connector.model.record import CrmObject, FieldInfo, Limits, RecordKind


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How texts are made, the same for every destination."""

    language: str
    time_zone: ZoneInfo
    mask: tuple[str, ...] = ()
    labels: Labels | None = None


@dataclass(slots=True)
class Destination:
    """One configured CRM account."""

    name: str
    adapter: Adapter
    client: CrmClient
    mapping: Mapping
    contact: CrmObject
    message: CrmObject
    numbers: MappingOf[str, Number]
    """Our numbers by name."""
    render_settings: RenderSettings
    batch_wait: timedelta
    country: str | None = None
    """How a phone that people typed without its country code is read."""
    on_deleted: OnDeleted = "new_inbound"
    repeat_in_doubt: frozenset[RecordKind] = frozenset()
    """The record kinds that cannot be looked up and are written again in doubt, maybe doubled."""
    degraded: frozenset[str] = frozenset()
    """Mapped fields that the CRM lacks now, as ``contact.fields.NAME``; left out."""
    _schemas: dict[str, MappingOf[str, FieldInfo]] = field(default_factory=dict)
    _renderer: Renderer | None = None

    @property
    def ready(self) -> bool:
        """Whether the CRM's schema has been read."""
        return bool(self._schemas)

    @property
    def limits(self) -> Limits:
        """What the adapter takes at once."""
        return self.adapter.limits

    @property
    def record(self) -> RecordKind:
        """Whether this destination holds messages or whole conversations."""
        return "conversation" if self.mapping.message.granularity == "conversation" else "message"

    @property
    def repeatable(self) -> frozenset[RecordKind]:
        """The record kinds whose write may be repeated without a look-up."""
        return self._kinds(self.limits.repeatable)

    @property
    def repeatable_for(self) -> MappingOf[RecordKind, timedelta]:
        """How long a create of a record kind may be repeated with the bytes that were sent."""
        kinds: MappingOf[RecordKind, str] = {
            "contact": self.contact.name,
            self.record: self.message.name,
        }
        spans = self.limits.repeatable_for
        return {kind: spans[name] for kind, name in kinds.items() if name in spans}

    @property
    def untraceable(self) -> frozenset[RecordKind]:
        """The record kinds of which the CRM cannot be asked whether it holds one."""
        return self._kinds(self.limits.untraceable)

    @property
    def unsure(self) -> frozenset[RecordKind]:
        """The record kinds that the CRM may hold although asking for one does not find it."""
        return self._kinds(self.limits.unsure)

    def _kinds(self, names: frozenset[str]) -> frozenset[RecordKind]:
        kinds: set[RecordKind] = set()
        if self.contact.name in names:
            kinds.add("contact")
        if self.message.name in names:
            kinds.add(self.record)
        return frozenset(kinds)

    def may_repeat(self, obj: CrmObject, *, linked: bool) -> bool:
        """Say whether a write may be repeated: an update by id always may."""
        return linked or obj.name in self.limits.repeatable

    def object_of(self, record: RecordKind) -> CrmObject:
        """Return the CRM object that carries a kind of record."""
        return self.contact if record == "contact" else self.message

    def expected_draws(self, obj: CrmObject, records: int) -> dict[str, float]:
        """Return what a write of so many records will draw from the budgets, at the least."""
        calls = -(-records // self.limits.upsert[obj.name])
        return {"burst": calls}

    async def learn_schema(self) -> list[str]:
        """Read the CRM's schema and fit the mapping to it; return required fields it lacks.

        Optional fields that are missing are degraded: left out until they are back.
        """
        missing: list[str] = []
        degraded: set[str] = set()
        # Both or none: an adapter tells what may be repeated only once it has seen both.
        schemas = {
            obj.name: await self.adapter.describe(obj) for obj in (self.contact, self.message)
        }
        for part, obj in (("contact", self.contact), ("message", self.message)):
            schema = schemas[obj.name]
            fields = (
                self.mapping.contact.fields if part == "contact" else self.mapping.message.fields
            )
            for name, spec in fields.items():
                if schema and name not in schema:
                    path = f"{part}.fields.{name}"
                    (missing.append if spec.required else degraded.add)(path)
        self._schemas = schemas
        self.degraded = frozenset(degraded)
        self._renderer = None
        return missing

    @property
    def renderer(self) -> Renderer:
        """Return what renders records; ``learn_schema`` must have been called."""
        if self._renderer is None:
            self._renderer = Renderer(
                self._fitting_mapping(),
                contact_schema=self._schemas[self.contact.name],
                message_schema=self._schemas[self.message.name],
                language=self.render_settings.language,
                time_zone=self.render_settings.time_zone,
                mask=self.render_settings.mask,
                labels=self.render_settings.labels,
            )
        return self._renderer

    def _fitting_mapping(self) -> Mapping:
        if not self.degraded:
            return self.mapping
        return dataclasses.replace(
            self.mapping,
            contact=dataclasses.replace(
                self.mapping.contact, fields=self._kept("contact", self.mapping.contact.fields)
            ),
            message=dataclasses.replace(
                self.mapping.message, fields=self._kept("message", self.mapping.message.fields)
            ),
        )

    def _kept(self, part: str, fields: MappingOf[str, Field]) -> dict[str, Field]:
        return {
            name: spec
            for name, spec in fields.items()
            if f"{part}.fields.{name}" not in self.degraded
        }
