"""One HubSpot account: its settings, records, properties, tokens and limits."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from connector.sandbox.hubspot.access import Access
from connector.sandbox.hubspot.definitions import Definitions
from connector.sandbox.hubspot.quota import Quota
from connector.sandbox.hubspot.settings import Settings
from connector.sandbox.hubspot.store import Store

OWNERS: tuple[dict[str, Any], ...] = (
    {
        "id": "77",
        "email": "vendas@example.com",
        "firstName": "Vera",
        "lastName": "Lima",
        "userId": 7,
        "type": "PERSON",
        "archived": False,
    },
    {
        "id": "78",
        "email": "suporte@example.com",
        "firstName": "Caio",
        "lastName": "Prado",
        "userId": 8,
        "type": "PERSON",
        "archived": False,
    },
)


class Portal:
    """Everything an account is. ``clock`` gives epoch seconds; ``path`` may be ``:memory:``."""

    def __init__(
        self,
        path: str = ":memory:",
        *,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
    ) -> None:
        self.settings = settings or Settings()
        self.clock = clock
        self.random = random.Random(seed)  # noqa: S311 - the order of results, no secret
        self.store = Store(path)
        self.definitions = Definitions(self.store, self.settings)
        self.access = Access(self.store, self.settings, clock)
        self.quota = Quota(self.settings, clock)

    @property
    def owner_ids(self) -> Sequence[str]:
        """The values ``hubspot_owner_id`` takes."""
        return [owner["id"] for owner in OWNERS]

    def now(self) -> int:
        """Return the time in epoch milliseconds."""
        return round(self.clock() * 1000)

    def indexed_at(self) -> int:
        """Return when a search will see what is written now, in epoch milliseconds."""
        return self.now() + round(self.settings.index_lag * 1000)
