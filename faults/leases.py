"""Who holds a lease, and when that changes, as the ledger says."""

import time
from collections.abc import Sequence

from sqlalchemy import Connection, select

from connector.ledger import schema
from connector.ledger.ledger import Ledger
from connector.runtime.trial import wait_until
from faults.hosts import Host


def lease_of(connection: Connection, name: str) -> tuple[str | None, int]:
    """Return the owner of a lease and its epoch; nobody and 0 where it was never claimed."""
    lease = schema.lease
    row = connection.execute(
        select(lease.c.owner, lease.c.epoch).where(lease.c.name == name)
    ).one_or_none()
    return (None, 0) if row is None else (row.owner, row.epoch)


def wait_for_holder(ledger: Ledger, name: str, hosts: Sequence[Host]) -> tuple[Host, int]:
    """Wait until one of these hosts holds the lease; return it and the epoch."""
    found: list[tuple[Host, int]] = []

    def held() -> bool:
        owner, epoch = ledger.query(lease_of, name)
        found[:] = [
            (host, epoch)
            for host in hosts
            if owner and host.runs and owner.endswith(f":{host.process.pid}")
        ]
        return bool(found)

    wait_until(held, seconds=30, what=f"{name} is held")
    return found[0]


def wait_for_takeover(ledger: Ledger, name: str, epoch: int) -> float:
    """Wait until somebody else has claimed the lease; return how many seconds that took."""
    started = time.monotonic()
    wait_until(
        lambda: ledger.query(lease_of, name)[1] > epoch,
        seconds=60,
        what=f"{name} is taken over",
        every=0.02,
    )
    return time.monotonic() - started
