"""What the connector tells its operator by itself: the closed list of alerts.

An alert is about one destination, one of our numbers, or the installation. It fires when its
condition begins to hold and is over when it holds no more. ``docs/runbook.md`` says for each what
to do; a test compares the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ALERTS: Final[Mapping[str, str]] = {
    "Undelivered": "the oldest live record of an open destination waits longer than `sync_lag`",
    "DestinationPaused": "nothing goes to a destination until somebody, or time, mends something",
    "ParkedGrowing": "at least `dead_letters` records of a destination wait for a person",
    "IntakeSilent": "a number that hears something at this time of the week has heard nothing",
    "DriftFound": "the last sweep found records that were not as the mapping makes them",
    "DuplicatesFound": "the last sweep found records of ours twice in a CRM",
    "SweepBraked": "a sweep would have changed more than the brake allows, and changed nothing",
    "QuotaLow": "less than a tenth of a CRM's calls of the day is left",
    "ApiVersionEnding": "a version of an API that is in use is served no more, or soon not",
    "CheckFailed": "`connector check` finds something that keeps messages away",
    "CredentialExpiring": "a token that nothing renews has ended, or ends within a week",
    "ConservationBroken": "a message that was received is neither synced nor anything else",
    "AccountRestricted": "WhatsApp restricted, disabled or removed an account or a number of ours",
    "DiskLow": "the ledger's disk is almost too full to take webhooks",
}
"""By name: when it fires."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that has reason to fire."""

    alert: str
    detail: str
    remedy: str
    destination: str | None = None
    number: str | None = None
    """The operator's name for it, or WhatsApp's where there is none."""

    @property
    def about(self) -> tuple[str, str]:
        """Return by what it is known as the same one at the next look."""
        return self.alert, self.destination or self.number or ""
