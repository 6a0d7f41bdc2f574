"""What an installation can not account for."""

from pathlib import Path

from connector.errors import ConfigError, LedgerError
from connector.ledger.audit import audit
from connector.runtime.opening import open_config, opened_ledger
from connector.runtime.wiring import audit_scopes, read_mappings


def differences(file: Path) -> dict[str, int] | None:
    """Return what the audit of an installation can not account for, by destination.

    ``None`` where there is nothing to audit: the test left a configuration that says nothing, or
    no ledger.
    """
    try:
        config = open_config(file)
        scopes = audit_scopes(config, read_mappings(config))
        with opened_ledger(config) as ledger:
            found = ledger.query(audit, scopes)
    except (ConfigError, LedgerError):
        return None
    return {name: each["difference"] for name, each in found["destinations"].items()}
