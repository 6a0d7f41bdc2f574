"""One Pipedrive company: its settings, records, fields, tokens and limits."""

import time
from collections.abc import Callable
from typing import Any, Final

from connector.sandbox.pipedrive.access import Access
from connector.sandbox.pipedrive.quota import Quota
from connector.sandbox.pipedrive.settings import Settings
from connector.sandbox.pipedrive.store import Query, Store, Stored

USERS: Final[tuple[dict[str, Any], ...]] = (
    {"id": 7, "name": "Vera Lima", "email": "vendas@example.com", "admin": True},
    {"id": 8, "name": "Caio Prado", "email": "suporte@example.com", "admin": False},
)
"""Who can own a record. Every token acts as the first."""

TYPES: Final = "activity_types"
_TYPES_FROM_THE_START: Final = (
    ("call", "Call", "call"),
    ("meeting", "Meeting", "meeting"),
    ("task", "Task", "task"),
    ("deadline", "Deadline", "deadline"),
    ("email", "Email", "email"),
    ("lunch", "Lunch", "lunch"),
)
RECORDS: Final = ("persons", "activities", "notes", "deals")


class Company:
    """Everything an account is. ``clock`` gives epoch seconds, ``path`` a file or ``:memory:``."""

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
        self.seed = seed
        self.store = Store(path)
        self.access = Access(self.settings, clock)
        self.quota = Quota(self.settings, clock)
        if not self.store.live(TYPES, Query(), 1):
            for key, name, icon in _TYPES_FROM_THE_START:
                self.add_activity_type(key, name, icon, custom=False)

    def now(self) -> int:
        """Return the time in whole epoch seconds, as coarse as records tell it."""
        return int(self.clock())

    def milliseconds(self) -> int:
        """Return the time in epoch milliseconds, as searches count it."""
        return round(self.clock() * 1000)

    def add_activity_type(
        self, key: str, name: str, icon: str, *, custom: bool = True
    ) -> dict[str, Any]:
        """Define a type of activity."""
        number = self.store.take_id(TYPES)
        now = self.now()
        written = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
        body = {
            "id": number,
            "order_nr": number,
            "name": name,
            "key_string": key,
            "icon_key": icon,
            "active_flag": True,
            "color": "FFFFFF",
            "is_custom_flag": custom,
            "add_time": written,
            "update_time": written,
        }
        self.store.insert([Stored(number, TYPES, body, None, now, now)])
        return body

    def activity_types(self) -> list[dict[str, Any]]:
        """Return every type of activity."""
        return [record.body for record in self.store.live(TYPES, Query())]

    def reset(self, *, schema: bool) -> None:
        """Forget every record, and with ``schema`` also custom fields and activity types."""
        self.store.clear([*RECORDS, *(("person_fields", TYPES) if schema else ())])
        self.quota.reset()
        if schema:
            for key, name, icon in _TYPES_FROM_THE_START:
                self.add_activity_type(key, name, icon, custom=False)
