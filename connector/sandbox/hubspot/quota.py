"""How much may be called: rolling windows, searches a second, calls a day."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connector.sandbox.hubspot.refusals import Answer, throttled
from connector.sandbox.hubspot.settings import Settings
from connector.sandbox.window import Window


class Quota:
    """The limits of one account. A refused call counts nowhere."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._bursts: dict[str, Window] = {}
        self._searches = Window()
        self._day = ""
        self.used_today = 0

    def take(self, app: str, *, search: bool, oauth: bool) -> Answer | None:
        """Count one call of an app, or return the 429 that it gets instead."""
        now = self._clock()
        self._turn_day(now)
        settings = self._settings
        if not oauth and self.used_today >= settings.daily_limit:
            return throttled("DAILY")
        if search:
            window, limit, seconds, policy = (
                self._searches,
                settings.search_limit,
                1.0,
                "SECONDLY",
            )
        else:
            window = self._bursts.setdefault(app, Window())
            limit = settings.oauth_burst_limit if oauth else settings.burst_limit
            seconds, policy = settings.burst_seconds, "TEN_SECONDLY_ROLLING"
        if window.count(now, seconds) >= limit:
            return throttled(policy)
        window.add(now)
        if not oauth:
            self.used_today += 1
        return None

    def headers(self, app: str, *, search: bool, oauth: bool) -> dict[str, str]:
        """Return what every answer but a search's says of the limits."""
        if search:
            return {}
        now = self._clock()
        settings = self._settings
        limit = settings.oauth_burst_limit if oauth else settings.burst_limit
        made = self._bursts.setdefault(app, Window()).count(now, settings.burst_seconds)
        headers = {
            "X-HubSpot-RateLimit-Max": str(limit),
            "X-HubSpot-RateLimit-Remaining": str(max(0, limit - made)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(settings.burst_seconds * 1000)),
        }
        if not oauth:
            left_today = max(0, settings.daily_limit - self.used_today)
            headers["X-HubSpot-RateLimit-Daily"] = str(settings.daily_limit)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(left_today)
        return headers

    def resets_at(self) -> datetime:
        """Return the next midnight of the account, when the daily count starts again."""
        self._turn_day(self._clock())
        zone = ZoneInfo(self._settings.time_zone)
        today = datetime.fromisoformat(self._day).replace(tzinfo=zone)
        return today + timedelta(days=1)

    def reset(self) -> None:
        """Forget every call."""
        self._bursts.clear()
        self._searches = Window()
        self.used_today = 0

    def _turn_day(self, now: float) -> None:
        zone = ZoneInfo(self._settings.time_zone)
        day = datetime.fromtimestamp(now, zone).date().isoformat()
        if day != self._day:
            self._day, self.used_today = day, 0
