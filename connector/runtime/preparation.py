"""``connector setup``: what a CRM lacks of what we need, and making it."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from connector.config.models import Config
from connector.ledger.ledger import Ledger
from connector.model.record import Change
from connector.runtime.building import build_destination
from connector.runtime.opening import blank_ledger, ledger_if_any


def prepare_crm(config: Config, name: str, *, apply: bool) -> Sequence[Change]:
    """Say what a destination's CRM lacks; with ``apply``, create it.

    Works before there is a ledger, except for an account with OAuth, whose tokens are kept there.
    """
    with ExitStack() as stack:
        ledger, trouble = stack.enter_context(ledger_if_any(config))
        if ledger is None:
            if trouble is not None and config.destinations[name].oauth is not None:
                raise trouble
            ledger = stack.enter_context(blank_ledger())
        return asyncio.run(_prepare(config, ledger, name, apply=apply))


async def _prepare(config: Config, ledger: Ledger, name: str, *, apply: bool) -> Sequence[Change]:
    destination = build_destination(config, ledger, name)
    try:
        return await destination.adapter.setup(apply=apply)
    finally:
        await destination.client.aclose()
