"""How much may be called: bursts, searches, the day's tokens; and the page for those who go on."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connector.sandbox.pipedrive.answers import Answer, blocked, throttled
from connector.sandbox.pipedrive.settings import Settings
from connector.sandbox.window import Window

_PATIENCE = 10.0
"""Seconds over which refusals are counted before a token is locked out."""


class Quota:
    """The limits of one company. A refused call costs nothing."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._bursts: dict[tuple[str, bool], Window] = {}
        self._refused: dict[str, Window] = {}
        self._locked_until: dict[str, float] = {}
        self._day = ""
        self.tokens_today = 0
        self.tokens = 0
        """Spent since the last reset, over all days."""

    def take(self, app: str, cost: int, *, search: bool, oauth: bool) -> Answer | None:
        """Charge one call of an app, or return what it gets instead."""
        now = self._clock()
        settings = self._settings
        self._turn_day(now)
        if self._locked_until.get(app, 0.0) > now:
            return blocked()
        window, limit = self._window(app, search=search, oauth=oauth)
        full = window.count(now, settings.burst_seconds) >= limit
        if full or self.tokens_today >= settings.daily_tokens:
            return self._refuse(app, now, search=search, oauth=oauth)
        window.add(now)
        self.tokens_today += cost
        self.tokens += cost
        return None

    def headers(self, app: str, *, search: bool, oauth: bool) -> dict[str, str]:
        """Return what an answer says of the limits."""
        now = self._clock()
        settings = self._settings
        headers: dict[str, str] = {}
        if settings.burst_headers:
            window, limit = self._window(app, search=search, oauth=oauth)
            left = max(0, limit - window.count(now, settings.burst_seconds))
            headers["x-ratelimit-limit"] = str(limit)
            headers["x-ratelimit-remaining"] = str(left)
            wait = window.resets_in(now, settings.burst_seconds)
            headers["x-ratelimit-reset"] = str(max(1, math.ceil(wait)))
        if settings.daily_headers:
            left = max(0, settings.daily_tokens - self.tokens_today)
            headers["x-daily-ratelimit-token-limit"] = str(settings.daily_tokens)
            headers["x-daily-ratelimit-token-remaining"] = str(left)
        return headers

    def resets_at(self) -> datetime:
        """Return when the day turns."""
        self._turn_day(self._clock())
        zone = ZoneInfo(self._settings.time_zone)
        return datetime.fromisoformat(self._day).replace(tzinfo=zone) + timedelta(days=1)

    def reset(self) -> None:
        """Forget every call and every lockout."""
        self._bursts.clear()
        self._refused.clear()
        self._locked_until.clear()
        self.tokens_today = self.tokens = 0

    def _window(self, app: str, *, search: bool, oauth: bool) -> tuple[Window, int]:
        window = self._bursts.setdefault((app, search), Window())
        if search:
            return window, self._settings.search_limit
        limit = self._settings.oauth_burst_limit if oauth else self._settings.burst_limit
        return window, limit

    def _refuse(self, app: str, now: float, *, search: bool, oauth: bool) -> Answer:
        settings = self._settings
        refused = self._refused.setdefault(app, Window())
        refused.add(now)
        if not oauth and 0 < settings.lockout_after < refused.count(now, _PATIENCE):
            self._locked_until[app] = now + settings.lockout_seconds
            return blocked()
        return throttled(self.headers(app, search=search, oauth=oauth))

    def _turn_day(self, now: float) -> None:
        day = datetime.fromtimestamp(now, ZoneInfo(self._settings.time_zone)).date().isoformat()
        if day != self._day:
            self._day, self.tokens_today = day, 0
