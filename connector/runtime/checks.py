"""``connector check``: steps one to three of an integration, a line for each thing looked at.

Nothing is changed in a CRM, unless a probe is asked for; the ledger keeps where people see each
account. The configuration itself is right by then: a wrong one is refused when it is read, with
everything that is wrong.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from connector.config.models import Config
from connector.errors import ConfigError, LedgerError
from connector.ledger.accounts import note_accounts
from connector.ledger.ledger import Ledger
from connector.runtime.callback_checks import check_receiver
from connector.runtime.crm_checks import check_destination
from connector.runtime.finding import Finding, findings_of
from connector.runtime.ledger_checks import check_ledger
from connector.runtime.opening import blank_ledger, ledger_if_any
from connector.runtime.times import rfc3339
from connector.runtime.whatsapp_checks import ask_meta, check_secrets
from connector.runtime.wiring import read_labels

WHATSAPP: Final = "whatsapp"
"""What the credential for Meta is called among those of the destinations."""


@dataclass(slots=True)
class Report:
    """What a check found."""

    findings: list[Finding] = field(default_factory=list)
    promises: dict[str, str | None] = field(default_factory=dict)
    """By destination; ``None`` where the CRM would have to be asked and can not be."""
    credentials: dict[str, datetime] = field(default_factory=dict)
    """When those credentials end of which that is known: by destination, or ``whatsapp``."""

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not any(finding.state == "fail" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the shape of ``check --json``."""
        return {
            "ok": self.ok,
            "checks": [finding.as_json() for finding in self.findings],
            "promises": self.promises,
            "credentials": {name: rfc3339(at) for name, at in sorted(self.credentials.items())},
        }


def run_checks(config: Config, destination: str | None = None, *, probe: bool = False) -> Report:
    """Look at everything, or at one destination and what it stands on.

    Nothing is changed, unless ``probe`` asks for records to be written and deleted again.
    """
    report = Report()
    report.findings.append(Finding("config", "ok", f"{config.file} is right"))
    with ledger_if_any(config) as (ledger, trouble):
        report.findings += check_ledger(config, ledger, trouble)
        names = list(config.destinations) if destination is None else [destination]
        asyncio.run(
            _ask(report, config, ledger, trouble, names, whatsapp=destination is None, probe=probe)
        )
    return report


async def _ask(
    report: Report,
    config: Config,
    ledger: Ledger | None,
    trouble: LedgerError | None,
    names: Sequence[str],
    *,
    whatsapp: bool,
    probe: bool,
) -> None:
    if whatsapp:
        report.findings += check_secrets(config)
        report.findings += _check_labels(config)
        report.findings.append(await check_receiver(config))
        answers = await ask_meta(config)
        report.findings += answers.findings
        if answers.token_ends_at is not None:
            report.credentials[WHATSAPP] = answers.token_ends_at
    with blank_ledger() as blank:
        for name in names:
            if ledger is None and config.destinations[name].oauth is not None:
                report.findings.append(_no_token_kept(name, trouble))
                report.promises[name] = None
                continue
            looked_at = await check_destination(config, ledger or blank, name, probe=probe)
            report.findings += looked_at.findings
            report.promises[name] = looked_at.promise
            if looked_at.credential_ends_at is not None:
                report.credentials[name] = looked_at.credential_ends_at
            if looked_at.url is not None and ledger is not None:
                now = ledger.query(ledger.now)
                ledger.transact(note_accounts, {name: looked_at.url}, now=now)


def _check_labels(config: Config) -> list[Finding]:
    if config.whatsapp.labels is None:
        return []
    try:
        read_labels(config)
    except ConfigError as error:
        return findings_of(
            error.problems, name="whatsapp.labels", destination=None, remedy="mend the rule"
        )
    return [Finding("whatsapp.labels", "ok", f"{config.whatsapp.labels} is well formed")]


def _no_token_kept(name: str, trouble: LedgerError | None) -> Finding:
    """Say why an account with OAuth is not asked: a token it renews would have no place to stay."""
    return Finding(
        f"{name}.account",
        "skipped",
        "not asked: the tokens of its OAuth are kept in the ledger, which can not be used now",
        (trouble.remedy if trouble else None) or "connector db upgrade",
        name,
    )
