"""Telling a ledger that it was restored from a backup."""

from contextlib import nullcontext
from datetime import timedelta

from sqlalchemy import Connection

from connector.config.models import Config
from connector.errors import LedgerBusyError
from connector.ledger.engine import hold_file
from connector.ledger.ledger import Ledger
from connector.ledger.restoration import Recovered, count_sessions, last_write, recover
from connector.runtime.actor import actor
from connector.runtime.opening import opened_ledger
from connector.runtime.wiring import register_destinations


def look_at_backup(config: Config) -> dict[str, str | None]:
    """Return the last write of the ledger as it stands, before anybody is asked.

    Raises ``LedgerError`` where a process of ours works with it.
    """
    lock = hold_file(config.ledger.url)
    with opened_ledger(config) as ledger, lock or nullcontext():
        ledger.query(_require_alone)
        found = ledger.query(last_write)
    return {"last_write": None if found is None else found.isoformat()}


def recover_restored(config: Config) -> Recovered:
    """Put in doubt what the CRMs may hold already, fence off former processes, remember it.

    Nothing is asked of a CRM. Raises ``LedgerError`` where a process of ours works with the ledger.
    """
    tuning = config.tuning
    quiet = timedelta(seconds=tuning.send_gate + tuning.request_timeout + tuning.quiet_period)
    lock = hold_file(config.ledger.url)
    with opened_ledger(config) as ledger, lock or nullcontext():
        register_destinations(ledger, config)
        return ledger.transact(_recover, ledger, quiet=quiet)


def _recover(connection: Connection, ledger: Ledger, *, quiet: timedelta) -> Recovered:
    _require_alone(connection)
    return recover(connection, actor=actor(), now=ledger.now(connection), quiet=quiet)


def _require_alone(connection: Connection) -> None:
    others = count_sessions(connection)
    if others:
        raise LedgerBusyError(
            f"{others} processes of the connector are connected to this ledger",
            remedy="stop every process of the connector on every host, then try again",
        )
