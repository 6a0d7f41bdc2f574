"""What the dashboard asks for and orders. Whoever serves it hands these in."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from connector.ledger.alarms import Alarm
from connector.ledger.dead_letters import Filter
from connector.ledger.minutes import Minutes
from connector.ledger.runs import Run

Json = Mapping[str, Any]


class Desk(Protocol):
    """Everything behind the pages. What changes something says in whose name."""

    async def status(self) -> Json:
        """Return what ``status --json`` shows."""
        ...

    def advise(self, name: str, destination: Json) -> tuple[str, str]:
        """Return a destination's state in words, and what to do, which may be nothing."""
        ...

    async def minutes(self, since: datetime) -> Minutes:
        """Return what happened in each minute."""
        ...

    async def past_alarms(self) -> Sequence[Alarm]:
        """Return the alerts that are over, the newest first."""
        ...

    async def runs(self, *, before: int | None) -> Sequence[Run]:
        """Return what was carried out, the newest first."""
        ...

    async def letters(self, which: Filter) -> Json:
        """Return what ``dead-letters list --json`` shows."""
        ...

    async def retry(self, which: Filter, *, by: str) -> int:
        """Give dead letters another try; return how many."""
        ...

    async def discard(self, which: Filter, *, reason: str, by: str) -> int:
        """Give dead letters up; return how many."""
        ...

    async def reviews(self) -> Json:
        """Return what ``reviews list --json`` shows."""
        ...

    async def resolve(self, review: int, decision: str, *, by: str) -> None:
        """Carry out a decision. Raises ``ConnectorError`` where it can not be."""
        ...

    async def resume(self, name: str, *, by: str) -> None:
        """End a destination's pause now."""
        ...

    async def find(self, given: str) -> str | None:
        """Return the path of the page about whatever an id or phone names."""
        ...

    async def message(self, message_id: int) -> Json | None:
        """Return the explanation of one message."""
        ...

    async def contact(self, key: str) -> Json | None:
        """Return the explanation of a contact, with its newest messages as ``messages``."""
        ...
