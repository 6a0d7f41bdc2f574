"""What sweeps need of a destination, and what the operator decided about it.

Delivery's own ``Destination`` fits. The two stages know nothing of each other: the process that
holds a destination hands one and the same object to both, so that they share its client, its budget
and what it knows of the CRM's schema.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from connector.config.models import ReconcileSettings, TuningSettings
from connector.config.units import Rate
from connector.crm.adapter import Adapter
from connector.crm.client import CrmClient
from connector.mapping.render import Renderer
from connector.model.identity import Alias
from connector.model.number import Number
from connector.model.record import CrmObject, Limits, RecordKind


class Account(Protocol):
    """A configured CRM account at work."""

    @property
    def name(self) -> str:
        """The operator's word for it."""
        ...

    @property
    def adapter(self) -> Adapter:
        """What speaks the CRM's language."""
        ...

    @property
    def client(self) -> CrmClient:
        """What carries the requests, with the account's budgets."""
        ...

    @property
    def numbers(self) -> Mapping[str, Number]:
        """Our numbers by name."""
        ...

    @property
    def country(self) -> str | None:
        """How a phone without its country code is read."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the CRM's schema has been read."""
        ...

    @property
    def limits(self) -> Limits:
        """What the adapter takes at once."""
        ...

    @property
    def record(self) -> RecordKind:
        """Whether messages or whole conversations are its records."""
        ...

    @property
    def renderer(self) -> Renderer:
        """What makes records, for the CRM's schema as it is."""
        ...

    def object_of(self, record: RecordKind) -> CrmObject:
        """Return the CRM's kind of record that carries a kind of ours."""
        ...

    async def learn_schema(self) -> list[str]:
        """Read the CRM's schema; return the required fields it lacks."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator decided about one destination."""

    settings: ReconcileSettings
    tuning: TuningSettings
    numbers: frozenset[str]
    """Names of the numbers whose messages it takes."""
    rate: Rate
    company_wait: float
    """Seconds that a change waits for others, so that they share a call."""
    is_blocked: Callable[[Iterable[Alias]], bool]
    """Whether somebody with these aliases is kept out of every CRM."""
    wake_delivery: Callable[[], object]
    """Says that something was put on a lane."""
