"""How long a row in doubt has been quiet, in time that really passed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from connector.clock import ClockWatch
from connector.config.models import TuningSettings


@dataclass(frozen=True, slots=True)
class Patience:
    """Counts no time as quiet in which somebody only set the clock ahead.

    ``verify_at`` is wall-clock time, so that any process can read it; the two waits say when it was
    written down, and what passed since is measured by the clock that does not jump.
    """

    clocks: ClockWatch = field(default_factory=ClockWatch)
    first: timedelta = timedelta(0)
    """Between announcing a write and the first look-up."""
    between: timedelta = timedelta(0)
    """Between two look-ups."""

    def left(self, verify_at: datetime, lookups: int, now: datetime) -> timedelta:
        """Return how long a row still has to wait that was looked up so many times; at least 0."""
        wait = self.between if lookups else self.first
        passed = self.clocks.at_least_since(verify_at - wait, now)
        return max(wait - passed, verify_at - now, timedelta(0))

    def age(self, sent_at: datetime, now: datetime) -> timedelta:
        """Return how long ago something was sent, at most."""
        return self.clocks.at_most_since(sent_at, now)


IMPATIENT: Final = Patience()
"""Goes by the wall clock alone."""


def patience(clocks: ClockWatch, tuning: TuningSettings) -> Patience:
    """Return the waits that an installation's settings ask for."""
    return Patience(clocks, quiet_wait(tuning), timedelta(seconds=tuning.verify_gap))


def quiet_wait(tuning: TuningSettings) -> timedelta:
    """Return after how long a write that was announced is over, whatever became of it.

    Its first byte may come as late as the gate allows, its answer as late as the deadline, and the
    CRM may apply it within the quiet period after that.
    """
    return timedelta(seconds=tuning.send_gate + tuning.request_timeout + tuning.quiet_period)
