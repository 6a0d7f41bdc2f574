"""One account of a sandbox REST CRM."""

import time
from collections.abc import Callable

from connector.sandbox.rest.access import Access
from connector.sandbox.rest.settings import Settings
from connector.sandbox.rest.store import Store

KINDS = ("contacts", "messages")


class Account:
    """Everything an account is. ``clock`` gives epoch seconds, ``path`` a file or ``:memory:``."""

    def __init__(
        self,
        path: str = ":memory:",
        *,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings()
        self.clock = clock
        self.store = Store(path)
        self.access = Access(self.settings, clock)
