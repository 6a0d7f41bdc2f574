"""The public side of a process: the listener that Meta posts to, and the queue behind it."""

import asyncio
from collections.abc import Callable

from connector.config.models import Config
from connector.ledger.ledger import Ledger
from connector.ledger.place import LedgerPlace
from connector.ledger.space import DiskSpace
from connector.receive.app import ReceiveApp
from connector.receive.group_commit import GroupCommit
from connector.receive.listener import Listener


class Intake:
    """Takes webhooks in, where this process has that role, and knows how that goes."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        *,
        on_stored: Callable[[], object],
        listens: bool,
    ) -> None:
        self.listens = listens
        self.space = DiskSpace(config.ledger.url, min_free=config.ledger.min_free)
        self.place = LedgerPlace(config.ledger.url)
        self.queue = GroupCommit(ledger, on_stored=on_stored)
        self._app = ReceiveApp(
            self.queue,
            path=config.webhook.path,
            app_secrets=[secret.reveal().encode() for secret in config.whatsapp.app_secrets],
            verify_token=config.whatsapp.verify_token.reveal().encode(),
            max_body_bytes=config.webhook.max_body_bytes,
            room=lambda: self.space.enough and self.place.kept,
        )
        self.listener = Listener(self._app, host=config.webhook.host, port=config.webhook.port)

    async def serve(self, stop: asyncio.Event) -> None:
        """Answer Meta until ``stop``; what was taken by then is stored before this returns."""
        await self.listener.serve(stop)
        await self.queue.drain()

    @property
    def draining(self) -> bool:
        """Whether this process is going and takes nothing new."""
        return self._app.draining

    def drain(self) -> None:
        """Send new events away from now on."""
        self._app.draining = True
