"""Refusals for the rate in a row: each one is waited out for longer.

A used-up day is answered like a burst, and the headers that tell them apart may be missing. An API
token that goes on calling after many 429s is locked out, so waits double while nothing else comes.
"""

from http import HTTPStatus
from typing import Final

import httpx

from adapters.pipedrive.settings import LONGEST_PROBE, PipedriveSettings
from connector.crm import Clock, CrmError, CrmThrottledError

_MOST_DOUBLINGS: Final = 12


class Patience:
    """Watches the answers of one company."""

    def __init__(self, settings: PipedriveSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._in_a_row = 0
        self._until = 0.0

    def judge(self, response: httpx.Response, writes: bool) -> CrmError | None:  # noqa: FBT001 - the client calls it so
        """Return what a 429 means; ``None`` for every other answer."""
        del writes
        if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            if response.is_success:
                self._in_a_row = 0
            return None
        if self._clock.boot() >= self._until:  # those that were under way together count once
            self._in_a_row += 1
        asked = self._settings.cooldown(response)
        doubled = asked * 2 ** min(self._in_a_row - 1, _MOST_DOUBLINGS)
        wait = max(asked, min(doubled, LONGEST_PROBE))
        self._until = max(self._until, self._clock.boot() + wait.total_seconds())
        return CrmThrottledError("Pipedrive says: too many requests", cooldown=wait)
